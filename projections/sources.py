"""Where a group of projections reads from: a tape with its chain, or a topic of ticks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from domain.errors import UnavailableError, UnreadableInput
from projections import archive, ticks
from projections.ticks import Print
from runtime import metrics
from runtime.clients import consume_ready, gathering, kafka_consumer
from runtime.settings import Settings
from streams.tape import Head, TapeReader, TapeRecord, check_there, record_hash
from streams.tape.chain import Lookup

Position = tuple[int, Head]  # the first offset that is not projected, and the chain's head before it
Positions = Mapping[int, Position]
Skips = Mapping[tuple[int, int], bytes]  # (partition, offset) -> SHA-256 of the record that is passed over
NO_HEAD = Head(0, b"")
GATHER_MS = 50
"""A transaction costs the same for one record as for a hundred: so long records are gathered for one."""


class Batch(NamedTuple):
    """What was read. ends: partition -> where its progress stands once this is written.

    items: of a tape (record, live), of ticks Print; those of a partition in the order of their offsets.
    """

    ends: dict[int, Position]
    items: Sequence[Any]


class Source(Protocol):
    """Reads a topic from given positions on, and on and on."""

    def poll(self, records_max: int, timeout_s: float) -> Batch: ...

    def close(self) -> None: ...


class TapeSource:
    """Records of a tape with their verdicts (True: live)."""

    def __init__(self, settings: Settings, topic: str, start: Positions, lookups: Mapping[int, Lookup]) -> None:
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

    def __init__(self, settings: Settings, topic: str, start: Positions, skips: Skips | None = None) -> None:
        self.topic = topic
        self._start = {partition: offset for partition, (offset, _) in start.items()}
        self._skips = skips or {}
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
            skipped = self._skips.get((record.partition, record.offset))
            if skipped is not None and skipped == record_sha256(record, is_tape=False):
                continue
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


def record_sha256(record: TapeRecord, *, is_tape: bool) -> bytes:
    """By which a record is known: on a tape its place in the chain is part of it, elsewhere its bytes alone are."""
    if is_tape:
        return archive.head_of(record).hash
    return record_hash(0, b"", record.key, record.value, record.headers)


def place(item: Any) -> tuple[int, int]:
    """Partition and offset of an item of a batch."""
    if isinstance(item, Print):
        return item.partition, item.offset
    record: TapeRecord = item[0]
    return record.partition, record.offset


def type_of(item: Any) -> str | None:
    """The ce_type header of an item of a batch, as text."""
    if isinstance(item, Print):
        return type(item.tick).__name__
    found = next((content for name, content in item[0].headers if name == "ce_type"), None)
    return None if found is None else found.decode(errors="replace")


def first(batch: Batch, count: int, before: Positions) -> tuple[Batch, Batch]:
    """The first `count` items as a batch, and the rest as another. before: where the partitions stand."""
    head = Batch(_ends(batch.items[:count], before), batch.items[:count])
    left = {place(item)[0] for item in batch.items[count:]}
    ends = {partition: end for partition, end in batch.ends.items() if partition in left or partition not in head.ends}
    for partition in head.ends.keys() - left:
        head.ends[partition] = batch.ends[partition]
    return head, Batch(ends, batch.items[count:])


def below(batch: Batch, limits: Mapping[int, int], before: Positions) -> Batch:
    """What stands below an offset of each partition. before: where the partitions stand, none of them beyond it."""
    under = [item for item in batch.items if place(item)[1] < limits[place(item)[0]]]
    cut = _ends(under, before)
    for partition, end in batch.ends.items():
        if end[0] <= limits[partition]:
            cut[partition] = end
        elif before[partition][0] < limits[partition]:
            # Records that give no item may stand between the last item and the limit: they are behind us too.
            cut[partition] = (limits[partition], cut.get(partition, before[partition])[1])
    return Batch(cut, under)


def _ends(items: Iterable[Any], before: Positions) -> dict[int, Position]:
    """Where the partitions stand behind these items."""
    ends: dict[int, Position] = {}
    for item in items:
        partition, offset = place(item)
        head = ends[partition][1] if partition in ends else before[partition][1]
        if not isinstance(item, Print) and item[1]:
            head = archive.head_of(item[0])
        ends[partition] = (offset + 1, head)
    return ends
