"""Bars as their ticks make them, kept up tick by tick.

The reader sees every tick once, in the order of its partition, and a symbol has one partition. So a bar that is in
memory is brought up to date without a question to the database, and one that is newer than all earlier ticks of its
symbol begins with its first. Only a late tick, into a bar that is not in memory, has it read: from the table ticks, for
a continuous aggregate does not show ticks below its watermark until its next refresh.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from api.fields import plain, rfc3339, time_of_us
from api.stream.source import Read
from api.stream.views import INTERVALS_US, Bar
from domain.numbers import exact

KEPT_MAX = 20_000
"""Bars in memory; those longest without a tick are read again when one comes."""

Key = tuple[str, str, int]  # symbol, interval, bucket in microseconds UTC


class Print(NamedTuple):
    """A tick as bars need it."""

    seq: int
    symbol: str
    market_time_us: int
    price: Decimal
    volume: Decimal


class _State:
    """A bar that grows."""

    __slots__ = ("close", "high", "low", "open", "volume")

    def __init__(self, open_: Decimal, high: Decimal, low: Decimal, close: Decimal, volume: Decimal) -> None:
        self.open, self.high, self.low, self.close, self.volume = open_, high, low, close, volume

    def add(self, tick: Print) -> None:
        self.high, self.low = max(self.high, tick.price), min(self.low, tick.price)
        self.close = tick.price
        self.volume += tick.volume

    def view(self, key: Key) -> Bar:
        prices = map(plain, (self.open, self.high, self.low, self.close, self.volume))
        return Bar(key[0], key[1], rfc3339(time_of_us(key[2])), *prices)  # type: ignore[arg-type]


class Bars:
    """The newest bars of every symbol."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _State] = OrderedDict()
        self._newest: dict[str, int] = {}  # symbol -> the newest market time that it had, microseconds UTC

    def forget(self) -> None:
        """Ticks were missed: whatever is needed is read again."""
        self._kept.clear()
        self._newest.clear()

    async def take(self, read: Read, ticks: Sequence[Print]) -> list[tuple[int, Bar]]:
        """The bars that these ticks change, each with the batch of its last one. read: sees exactly these ticks."""
        touched: dict[Key, int] = {}
        missing: set[Key] = set()
        strangers = {tick.symbol for tick in ticks} - self._newest.keys()
        with exact():
            for tick in ticks:
                for interval, length_us in INTERVALS_US.items():
                    key = (tick.symbol, interval, tick.market_time_us - tick.market_time_us % length_us)
                    touched[key] = tick.seq
                    if key not in missing and not self._add(key, tick):
                        missing.add(key)
                if tick.symbol not in strangers:
                    self._newest[tick.symbol] = max(self._newest[tick.symbol], tick.market_time_us)
        self._kept.update(await _computed(read, sorted(missing)))
        if strangers:
            self._newest.update(await read.all(_NEWEST, {"symbols": sorted(strangers)}))
        found = [(seq, self._kept[key].view(key)) for key, seq in touched.items()]
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def _add(self, key: Key, tick: Print) -> bool:
        """Bring a bar up to date; False where it must be read."""
        state = self._kept.get(key)
        if state is not None:
            state.add(tick)
            self._kept.move_to_end(key)
            return True
        if key[2] <= self._newest.get(tick.symbol, key[2]):  # there may be earlier ticks in it
            return False
        self._kept[key] = _State(tick.price, tick.price, tick.price, tick.price, tick.volume)
        return True


_NEWEST = """
select given.symbol, us_of_time(last.market_time) from unnest(%(symbols)s::text[]) as given (symbol)
cross join lateral (
    select market_time from ticks where ticks.symbol = given.symbol order by market_time desc limit 1) as last
"""
_BARS = """
select number, bar.* from unnest(%(symbols)s::text[], %(starts)s::bigint[], %(ends)s::bigint[])
    with ordinality as given (symbol, since, until, number)
cross join lateral (
    select (array_agg(price order by tick_offset))[1], max(price), min(price),
        (array_agg(price order by tick_offset desc))[1], sum(volume)
    from ticks where ticks.symbol = given.symbol
        and market_time >= time_of_us(given.since) and market_time < time_of_us(given.until)
    having count(*) > 0) as bar (open, high, low, close, volume)
"""


async def _computed(read: Read, keys: Sequence[Key]) -> list[tuple[Key, _State]]:
    if not keys:
        return []
    parameters = {
        "symbols": [key[0] for key in keys],
        "starts": [key[2] for key in keys],
        "ends": [key[2] + INTERVALS_US[key[1]] for key in keys],
    }
    return [(keys[row[0] - 1], _State(*row[1:])) for row in await read.all(_BARS, parameters)]


async def newest(read: Read, symbols: Sequence[str], intervals: Iterable[str]) -> list[Bar]:
    """The bar in which each symbol's newest tick is, of each interval. Index: ticks_symbol."""
    rows = await read.all(_NEWEST, {"symbols": list(symbols)})
    keys = [
        (symbol, interval, time_us - time_us % INTERVALS_US[interval])
        for symbol, time_us in rows
        for interval in sorted(intervals)
    ]
    return [state.view(key) for key, state in await _computed(read, keys)]
