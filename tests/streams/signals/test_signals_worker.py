"""The signals worker on real Kafka: ticks in, a chained tape of signals out, killed in the middle of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import pytest

from domain.catalog import catalog
from models.engine.engine import Engine
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.agent import TapeAgent
from streams.codec import Cause
from streams.decider import Input
from streams.feed.feed import Feed, Pace
from streams.partitioning import partition_of
from streams.signals.decider import SignalsDecider
from streams.signals.judge import StoredJudges
from streams.signals.worker import spec
from streams.tape import Chain, end_offsets, read_range
from tests.streams.signals.conftest import StoreModel
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
MODULE = "streams.signals.worker"


def tape(settings: Settings) -> list[tuple[Cause, Any]]:
    """The live events of trading.signals with their causes, by partition and offset."""
    topic, found = settings.topic("trading.signals"), []
    for partition in range(settings.partitions):
        chain = Chain(topic, partition)
        for record in read_range(settings, topic, partition):
            if chain.accept(record):
                cause = codec.cause_of(record.headers)
                assert cause is not None
                found.append((cause, codec.decode(record.value, record.headers)))
    return found


def signals_on(settings: Settings) -> int:
    return sum(end_offsets(settings, settings.topic("trading.signals")).values())


def closing_ticks(settings: Settings) -> list[tuple[int, int]]:
    """Partition and offset of every tick that completes a bar."""
    topic = settings.topic("market.ticks")
    return [
        (record.partition, record.offset)
        for partition in range(settings.partitions)
        for record in read_range(settings, topic, partition)
        if codec.decode(record.value, record.headers).bar is not None
    ]


def judges(settings: Settings) -> StoredJudges:
    return StoredJudges(settings, Engine(settings))


def replay(settings: Settings, last: date) -> None:
    Feed(settings, ["AAPL", "IBM"], date(2011, 1, 1), last, Pace(bars_per_second=100_000)).run()


def undisturbed(settings: Settings) -> list[Any]:
    """The signals that a decider gives that sees all ticks and never stops."""
    made = []
    for partition in range(settings.partitions):
        decider = SignalsDecider(catalog(settings.symbols()), judges(settings), settings.model_age_days_max)
        for record in read_range(settings, settings.topic("market.ticks"), partition):
            message = codec.decode(record.value, record.headers)
            source = Input("market.ticks", partition, record.offset, 0, record.key, message, record.headers)
            draft = decider.decide(source, 0)
            if draft is not None:
                made.append(draft.message)
    return made


def timeless(signals: Iterable[Any]) -> list[Any]:
    return [msgspec.structs.replace(signal, recorded_at_us=0) for signal in signals]


def test_killed_in_the_middle(ledger_settings: Settings, store_model: StoreModel) -> None:
    """Every completed bar has one signal, the one of a run without kills, though the worker was killed in between. A
    version that the settings name judges whatever the alias means by then.
    """
    store_model(ledger_settings.tape_home, "1")
    replay(ledger_settings, date(2011, 1, 31))
    settings = ledger_settings.model_copy(
        update={"worker_instance": "one", "model_version": "1"}
    )  # it takes its partitions back at once
    with worker(settings, MODULE) as running:
        eventually(lambda: signals_on(ledger_settings) > 2 * 127 + 10, "signals of January")
        replay(ledger_settings, date(2011, 3, 31))
        running.kill()
    expected = undisturbed(ledger_settings)
    store_model(ledger_settings.tape_home, "2")
    with worker(settings, MODULE) as running:
        eventually(lambda: len(tape(ledger_settings)) >= len(expected), "all signals")
        assert running.stop() == 0
    events = tape(ledger_settings)

    # 62 trading days from January to March 2011, and 127 before to warm up.
    assert len(expected) == 2 * (127 + 62)
    assert timeless(expected) == timeless(signal for _, signal in events)
    assert [(cause.partition, cause.offset) for cause, _ in events] == closing_ticks(ledger_settings)
    assert sum(signal.abstained is None for _, signal in events) == 2 * 62


async def test_unreadable_ticks_go_to_the_dead_letters(ledger_settings: Settings) -> None:
    """No tick, a bar with its high below its low and a price that is no number are put aside; the next is decided."""
    topic, partition = ledger_settings.topic("market.ticks"), partition_of(b"AAPL", ledger_settings.partitions)
    bad = (
        b'{"symbol":"AAPL","market_time_us":5,"price":"10","volume":"1",'
        b'"bar":{"open":"10","high":"8","low":"9","close":"10","volume":"1"}}'
    )
    good = bad.replace(b'"high":"8"', b'"high":"12"')
    no_number = good.replace(b'"price":"10"', b'"price":"NaN"')
    producer = kafka_producer(ledger_settings)
    headers: Any = [("ce_type", b"tapeledger.Tick.v1"), ("ce_id", b"tik_1")]
    for value in (b"not json", bad, no_number, good):
        producer.produce(topic, key=b"AAPL", value=value, headers=headers)
    producer.flush()
    agent = TapeAgent(ledger_settings, spec(ledger_settings, judges(ledger_settings)))
    await agent.assign([partition])
    await agent.process(list(read_range(ledger_settings, topic, partition)))
    letters = [
        (codec.header(record.headers, "deadletter-reason") or b"").decode()
        for place in range(ledger_settings.partitions)
        for record in read_range(ledger_settings, ledger_settings.topic("ledger.deadletters"), place)
    ]

    assert len(letters) == 3
    assert sum("expected finite numbers, they were NaN" in reason for reason in letters) == 1
    assert sum("high 8 is below low 9" in reason for reason in letters) == 1
    assert [cause.offset for cause, _ in tape(ledger_settings)] == [3]
