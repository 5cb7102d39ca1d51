"""What is projected together: one topic, all its projections, one transaction a batch.

Verification: tests/projections (each projection by hand-worked rows; exactly once, rebuild and races on real servers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from domain.errors import UnavailableError, UnreadableInput
from projections import (
    accounts,
    actions,
    archive,
    breaks,
    causes,
    corporate,
    desk,
    fills,
    journal,
    orders,
    portfolio,
    positions,
    rebalances,
    signals,
    ticks,
)
from projections.rows import Cursor, Event
from projections.ticks import Print
from runtime import metrics
from runtime.clients import consume_ready, gathering, kafka_consumer
from runtime.settings import Settings
from streams.codec import decode, header
from streams.tape import Head, TapeReader, TapeRecord, check_there
from streams.tape.chain import Lookup

Position = tuple[int, Head]  # the first offset that is not projected, and the chain's head before it
NO_HEAD = Head(0, b"")
GATHER_MS = 50
"""A transaction costs the same for one record as for a hundred: so long records are gathered for one."""


class Batch(NamedTuple):
    """What was read. ends: partition -> where its progress stands once this is written."""

    ends: dict[int, Position]
    items: Sequence[Any]


class Source(Protocol):
    """Reads a topic from given positions on, and on and on."""

    def poll(self, records_max: int, timeout_s: float) -> Batch: ...

    def close(self) -> None: ...


class Group(NamedTuple):
    """name: as in projection_progress. topic: as declared. is_tape: it has a chain to be checked and archived."""

    name: str
    topic: str
    is_tape: bool
    apply: Callable[[Cursor, Sequence[Any]], None]


class TapeSource:
    """Records of a tape with their verdicts (True: live)."""

    def __init__(
        self, settings: Settings, topic: str, start: Mapping[int, Position], lookups: Mapping[int, Lookup]
    ) -> None:
        self._reader = TapeReader(settings, topic, start, lookups, GATHER_MS)

    def poll(self, records_max: int, timeout_s: float) -> Batch:
        """Raises ChainError, UnavailableError."""
        records = self._reader.poll(records_max, timeout_s)
        ends: dict[int, Position] = {}
        for record, _ in records:
            ends[record.partition] = (record.offset + 1, self._reader.chains[record.partition].head)
        return Batch(ends, records)

    def close(self) -> None:
        self._reader.close()


class TickSource:
    """Ticks of `market.ticks`. What is no tick is skipped and counted; the signals agent keeps it as a dead letter."""

    def __init__(self, settings: Settings, topic: str, start: Mapping[int, Position]) -> None:
        self.topic = topic
        self._start = {partition: offset for partition, (offset, _) in start.items()}
        self._consumer = kafka_consumer(settings, **{"enable.partition.eof": False, **gathering(GATHER_MS)})
        self._consumer.assign(
            [TopicPartition(topic, partition, offset or OFFSET_BEGINNING) for partition, (offset, _) in start.items()]
        )

    def poll(self, records_max: int, timeout_s: float) -> Batch:
        """Raises UnavailableError, and ChainError when the ticks that come next are gone."""
        ends: dict[int, Position] = {}
        prints: list[Print] = []
        for message in consume_ready(self._consumer, records_max, timeout_s):
            error = message.error()
            if error is not None:
                self._check(error, message)
                continue
            record = TapeRecord.of(message)
            ends[record.partition] = (record.offset + 1, NO_HEAD)
            try:
                prints.append(Print(record.partition, record.offset, ticks.read(record.value, record.headers)))
            except UnreadableInput:
                metrics.projection_skipped_total.labels(self.topic).inc()
        return Batch(ends, prints)

    def close(self) -> None:
        self._consumer.close()

    def _check(self, error: KafkaError, message: Message) -> None:
        partition = cast(int, message.partition())
        check_there(self._consumer, error, self.topic, partition, self._start.get(partition, 0))
        if not error.retriable() and error.code() not in _TRANSIENT:
            raise UnavailableError(f"{self.topic}/{partition}: {error}")


_TRANSIENT = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)


def live_events(records: Sequence[tuple[TapeRecord, bool]]) -> list[Event]:
    """The live records, decoded. Raises UnreadableInput, naming the record, on what this program does not know."""
    return [_event(record) for record, live in records if live]


def _event(record: TapeRecord) -> Event:
    try:
        message = decode(record.value, record.headers)
        id_ = (header(record.headers, "ce_id") or b"").decode(errors="replace")
    except UnreadableInput as error:
        where = f"{record.topic}/{record.partition} at offset {record.offset}"
        raise UnreadableInput(f"{where}: {error}") from error
    return Event(record.partition, record.offset, id_, message, record.value or b"")


def apply_ledger(cursor: Cursor, records: Sequence[tuple[TapeRecord, bool]]) -> None:
    """All projections of `ledger.events`, in the order in which they need one another."""
    events = live_events(records)
    archive.apply(cursor, records)
    causes.apply(cursor, records)
    accounts.apply(cursor, events)
    journal.apply(cursor, events)
    fills.apply(cursor, events)
    corporate.apply(cursor, events)
    orders.apply(cursor, events)
    rebalances.apply(cursor, events)
    breaks.apply(cursor, events)
    positions.apply(cursor, events)
    portfolio.apply_events(cursor, events)
    desk.apply(cursor, events)


def apply_signals(cursor: Cursor, records: Sequence[tuple[TapeRecord, bool]]) -> None:
    """All projections of `trading.signals`."""
    events = live_events(records)
    archive.apply(cursor, records)
    causes.apply(cursor, records)
    signals.apply(cursor, events)


def apply_audit(cursor: Cursor, records: Sequence[tuple[TapeRecord, bool]]) -> None:
    """All projections of `audit.logs`."""
    events = live_events(records)
    archive.apply(cursor, records)
    causes.apply(cursor, records)
    actions.apply(cursor, events)


def apply_ticks(cursor: Cursor, prints: Sequence[Print]) -> None:
    """All projections of `market.ticks`."""
    ticks.apply(cursor, prints)
    portfolio.apply_ticks(cursor, prints)


GROUPS = (
    Group("ledger", "ledger.events", True, apply_ledger),
    Group("signals", "trading.signals", True, apply_signals),
    Group("audit", "audit.logs", True, apply_audit),
    Group("ticks", "market.ticks", False, apply_ticks),
)
