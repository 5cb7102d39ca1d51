"""Bars by plain arithmetic from ticks, and ticks that make them hard: what the database's bars are compared with."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg

from domain.market import Tick
from projections.ticks import Print
from tests.projections import story
from tests.projections.tapes import us

MINUTES = {"bars_1m": 1, "bars_5m": 5, "bars_15m": 15, "bars_1h": 60, "bars_1d": 1440}

Candle = tuple[str, int, Decimal, Decimal, Decimal, Decimal, Decimal]


def candles(prints: Sequence[Print], minutes: int) -> list[Candle]:
    """symbol, first microsecond, open, high, low, close, volume, by symbol and time. Widths count from 1970, UTC.

    A bar opens with its tick of the lowest offset and closes with that of the highest, whatever their times are.
    """
    found: dict[tuple[str, int], list[Print]] = defaultdict(list)
    width_us = minutes * 60_000_000
    for each in prints:
        found[each.tick.symbol, each.tick.market_time_us // width_us * width_us].append(each)
    rows = []
    for (symbol, bucket), members in sorted(found.items()):
        ticks = [each.tick for each in sorted(members, key=lambda each: each.offset)]
        prices = [tick.price for tick in ticks]
        volume = sum((tick.volume for tick in ticks), Decimal(0))
        rows.append((symbol, bucket, prices[0], max(prices), min(prices), prices[-1], volume))
    return rows


def kept(connection: psycopg.Connection[Any], view: str) -> list[Candle]:
    """What the database says, in the same form."""
    rows = connection.execute(f"select * from {view} order by symbol, bucket".encode()).fetchall()
    return [(symbol, us(bucket), *figures) for symbol, bucket, *figures in rows]


def busy_prints(count: int, seed: int) -> list[Print]:
    """Ticks of two symbols over two days: some at one instant, some late, many on the edge of a minute or an hour."""
    chance = random.Random(seed)
    offsets = {"X": 0, "Y": 0}
    time_us = story.DAY_1_US + 22 * story.HOUR_US
    found = []
    for _ in range(count):
        time_us += chance.choice((0, 1, 20_000_000, 59_999_999, 60_000_000, 300_000_000))
        time_us = chance.choice((time_us, time_us // 60_000_000 * 60_000_000, time_us // 3_600_000_000 * 3_600_000_000))
        symbol = chance.choice("XY")
        late_us = chance.choice((0, 0, 0, 90_000_000, story.HOUR_US))
        price = Decimal(chance.randint(9_000, 11_000)).scaleb(-chance.choice((0, 2, 4)))
        tick = Tick(symbol=symbol, market_time_us=time_us - late_us, price=price, volume=Decimal(chance.randint(0, 50)))
        found.append(Print("XY".index(symbol), offsets[symbol], tick))
        offsets[symbol] += 1
    return found
