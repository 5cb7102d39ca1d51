"""From signals to commands on real Kafka: nothing lost, nothing doubled in effect, whoever is killed when."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from domain import ids
from domain.market import TickRef
from domain.signals import Direction, SignalGenerated
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.codec import Cause
from streams.partitioning import partition_of
from streams.strategy.manager import Manager, next_to_emit
from streams.tape import TapeRecord, TapeWriter, Unsealed, genesis, read_range, seal
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
MODULE = "streams.strategy.worker"
SYMBOL = "AAPL"


def signal(number: int, direction: Direction) -> SignalGenerated:
    ref = TickRef(partition=0, offset=number, market_time_us=number * 1_000_000)
    return SignalGenerated(
        signal_id=ids.signal_id(SYMBOL, 0, number),
        symbol=SYMBOL,
        direction=direction,
        probabilities={"BUY": 1.0, "SELL": 0.0, "HOLD": 0.0},
        model_name="xgboost",
        model_version="1",
        features={},
        price=Decimal("41.8493"),
        first_tick=ref,
        last_tick=ref,
        market_time_us=ref.market_time_us,
        recorded_at_us=1_700_000_000_000_000 + number,
    )


def unsealed(item: SignalGenerated) -> Unsealed:
    value, headers = codec.encode(
        item,
        id_=item.signal_id,
        source="signals",
        time_us=item.recorded_at_us,
        subject=SYMBOL,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        cause=Cause("market.ticks", 0, item.recorded_at_us % 1000, "tik_1"),
    )
    return Unsealed(SYMBOL.encode(), value, headers)


class Tape:
    """The tape of the symbol's partition, written by the real writer."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topic = settings.topic("trading.signals")
        self.partition = partition_of(SYMBOL.encode(), settings.partitions)
        self._writer = TapeWriter(settings, self.topic)
        self._writer.fold(self.partition, lambda record, head: None)
        self._next = 0

    def trade(self, rounds: int) -> None:
        """Append `rounds` times BUY, BUY, HOLD, SELL: two commands each."""
        made = []
        for _ in range(rounds):
            for direction in ("BUY", "BUY", "HOLD", "SELL"):
                made.append(unsealed(signal(self._next, direction)))
                self._next += 1
        self._writer.append({self.partition: made})

    def records(self) -> list[TapeRecord]:
        return list(read_range(self.settings, self.topic, self.partition))


def commands(settings: Settings) -> list[TapeRecord]:
    partition = partition_of(settings.strategy_account_id.encode(), settings.partitions)
    return list(read_range(settings, settings.topic("trading.commands"), partition))


def content(record: TapeRecord) -> tuple[Any, ...]:
    return record.key, record.value, tuple(record.headers)


def emit(settings: Settings, records: list[TapeRecord]) -> int:
    manager = Manager(settings)
    manager.assign({record.partition for record in records})
    return manager.process(records)


def test_commands_name_their_signals(ledger_settings: Settings) -> None:
    """Each command is caused by its signal, carries its trace on, and goes to the account's partition."""
    tape = Tape(ledger_settings)
    tape.trade(1)
    sent = emit(ledger_settings, tape.records())
    found = commands(ledger_settings)

    assert sent == 2
    assert [codec.decode(record.value, record.headers).side for record in found] == ["BUY", "SELL"]
    assert [codec.cause_of(record.headers) for record in found] == [
        Cause("trading.signals", tape.partition, offset, ids.signal_id(SYMBOL, 0, offset)) for offset in (0, 3)
    ]
    assert {codec.traceparent_of(record.headers) for record in found} == {
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    }


def test_a_new_manager_goes_on_where_the_log_says(ledger_settings: Settings) -> None:
    """Nothing is sent twice by the next manager, not even what it is handed again, and its rule knows the past."""
    tape = Tape(ledger_settings)
    tape.trade(3)
    first, again = emit(ledger_settings, tape.records()), emit(ledger_settings, tape.records())
    tape.trade(2)
    after = emit(ledger_settings, tape.records()[-3:])

    assert (first, again, after) == (6, 0, 4)
    assert next_to_emit(ledger_settings) == {tape.partition: 20}


def test_sent_again_is_the_same(ledger_settings: Settings) -> None:
    """A manager that does not know that commands were sent sends the same bytes, headers included."""
    tape = Tape(ledger_settings)
    tape.trade(3)
    emit(ledger_settings, tape.records())
    forgetful = Manager(ledger_settings)
    forgetful.assign([tape.partition])
    forgetful._partitions[tape.partition]._emit_from = 0
    forgetful.process(tape.records())
    found = [content(record) for record in commands(ledger_settings)]

    assert len(found) == 12
    assert found[:6] == found[6:]


def test_dead_signals_give_no_orders(ledger_settings: Settings) -> None:
    """A record by a writer that had lost its partition is no signal, though it is whole and names a BUY."""
    tape = Tape(ledger_settings)
    tape.trade(1)
    stray = unsealed(signal(999, "BUY"))
    _, headers = seal(1, genesis(tape.topic, tape.partition), stray.key, stray.value, stray.headers)
    producer = kafka_producer(ledger_settings)
    producer.produce(
        tape.topic,
        key=stray.key,
        value=stray.value,
        headers=cast(Any, headers),
        partition=tape.partition,
    )
    producer.flush()
    emit(ledger_settings, tape.records())
    signal_ids = [codec.decode(record.value, record.headers).signal_id for record in commands(ledger_settings)]

    assert len(tape.records()) == 5
    assert signal_ids == [ids.signal_id(SYMBOL, 0, number) for number in (0, 3)]


def test_killed_in_the_middle(ledger_settings: Settings) -> None:
    """With kill -9 between, every command is there, in order; a repeated one equals the first byte for byte."""
    tape = Tape(ledger_settings)
    tape.trade(100)
    settings = ledger_settings.model_copy(update={"worker_instance": "one"})  # it takes its partitions back at once
    with worker(settings, MODULE) as running:
        eventually(lambda: len(commands(ledger_settings)) > 0, "a command")
        tape.trade(100)
        running.kill()
    tape.trade(50)
    with worker(settings, MODULE) as running:
        eventually(lambda: len({record.value for record in commands(ledger_settings)}) >= 500, "500 commands")
        assert running.stop() == 0
    first: dict[bytes | None, TapeRecord] = {}
    for record in commands(ledger_settings):
        known = first.setdefault(codec.header(record.headers, "ce_id"), record)
        assert content(known) == content(record)
    causes = [codec.cause_of(record.headers) for record in first.values()]

    assert [cause.offset for cause in causes if cause is not None] == [
        offset for start in range(0, 1000, 4) for offset in (start, start + 3)
    ]
