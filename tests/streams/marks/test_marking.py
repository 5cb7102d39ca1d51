"""Marks on real Kafka: the worker tells what moves, and the lockstep feed tells each price before its tick."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest

from domain.commands import MarkPrices
from domain.events import PricesMarked
from domain.market import Tick
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.desks import desk_keys
from streams.feed.feed import LOCKSTEP, Feed
from streams.feed.plan import Plan, plan
from streams.tape import read_range
from tests.streams.trading import events
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
LEDGER, MARKS = "streams.ledger.worker", "streams.marks.worker"


def publish(settings: Settings, *prints: tuple[str, str, int]) -> None:
    producer = kafka_producer(settings)
    for symbol, price, at_us in prints:
        tick = Tick(symbol=symbol, market_time_us=at_us, price=Decimal(price), volume=Decimal(1))
        value, headers = codec.encode(tick, id_="t", source="test", time_us=0, subject=symbol)
        producer.produce(settings.topic("market.ticks"), value, symbol, headers=cast(Any, headers))
    assert producer.flush(10) == 0


def marks_of(settings: Settings) -> dict[str, list[tuple[str, str]]]:
    """By desk key: what the ledgers have on their tapes, symbol and price in order."""
    found: dict[str, list[tuple[str, str]]] = {key: [] for key in desk_keys(settings.partitions)}
    for event in events(settings):
        if isinstance(event, PricesMarked):
            found[event.originator_id] += [(one.symbol, str(one.price)) for one in event.marks]
    return found


def test_every_ledger_is_told_what_moves(ledger_settings: Settings) -> None:
    """Symbols and currency pairs; what hardly moves is not told; a worker that starts anew gives nothing twice."""
    settings = ledger_settings.model_copy(update={"marks_every_ms": 10, "marks_move_bps": Decimal(100)})
    publish(settings, ("IBM", "100", 1), ("EUR/USD", "1.30", 1), ("XYZ", "5", 1))
    with worker(settings, LEDGER), worker(settings, MARKS) as first:
        eventually(lambda: all(len(marks) == 2 for marks in marks_of(settings).values()), "both are told to all")
        publish(settings, ("IBM", "100.50", 2), ("IBM", "102", 3))
        eventually(lambda: all(len(marks) == 3 for marks in marks_of(settings).values()), "the move is told")
        first.kill()
        with worker(settings, MARKS):
            publish(settings, ("AAPL", "50", 1))
            eventually(lambda: all(("AAPL", "50") in marks for marks in marks_of(settings).values()), "AAPL is told")

    for marks in marks_of(settings).values():
        assert set(marks) == {("IBM", "100"), ("EUR/USD", "1.30"), ("IBM", "102"), ("AAPL", "50")}
        assert len(marks) == 4


def commands_of(settings: Settings) -> list[list[tuple[str, int]]]:
    """By partition: symbols and market times of the marks on `trading.commands`, in order."""
    found = []
    for partition in range(settings.partitions):
        records = read_range(settings, settings.topic("trading.commands"), partition)
        messages = [codec.decode(record.value, record.headers) for record in records]
        marks = [message for message in messages if isinstance(message, MarkPrices)]
        found.append([(one.symbol, one.market_time_us) for message in marks for one in message.marks])
    return found


def test_the_feed_tells_each_price_before_its_tick(ledger_settings: Settings) -> None:
    """Goal: a replay whose second half is published by another feed has the marks of an undisturbed one, in its order.

    Ticks that complete a bar would be waited for until the signals agent answers; here they complete none. The expected
    marks are worked out from the plan: with no threshold, every price that is not the one before it of its symbol.
    """
    settings = ledger_settings.model_copy(update={"feed_marks": True, "marks_move_bps": Decimal(0)})
    full = _without_bars(plan(("AAPL", "IBM"), date(2011, 1, 3), date(2011, 1, 7), 0))
    half = len(full.ticks) // 2
    for ticks in (full.ticks[:half], full.ticks):
        feed = Feed(settings, ("AAPL", "IBM"), date(2011, 1, 3), date(2011, 1, 7), LOCKSTEP)
        feed.plan = Plan(ticks, (), 0)
        assert feed.run().complete

    expected: list[tuple[str, int]] = []
    last: dict[str, Decimal] = {}
    for tick in full.ticks:
        if last.get(tick.symbol) != tick.price:
            expected.append((tick.symbol, tick.market_time_us))
        last[tick.symbol] = tick.price
    assert len(expected) > half
    assert commands_of(settings) == [expected] * settings.partitions


def _without_bars(full: Plan) -> Plan:
    ticks = tuple(
        Tick(symbol=tick.symbol, market_time_us=tick.market_time_us, price=tick.price, volume=tick.volume)
        for tick in full.ticks
    )
    return Plan(ticks, (), 0)
