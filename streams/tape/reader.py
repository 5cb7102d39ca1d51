"""Reading tapes: a range to its end, or on and on as records come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from domain.errors import ChainError, UnavailableError
from runtime.clients import consume_ready, gathering, kafka_consumer
from runtime.settings import Settings
from streams.tape.chain import Chain, Head, Lookup, Position
from streams.tape.hashing import HASH, SEQ
from streams.tape.record import TapeRecord

_CONSUME_MAX = 5_000
_STALL_S = 30.0
_LEADER_S = 15.0
_LOOKUP_FIRST = 1_000
_TRANSIENT = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Errors that heal when the broker is back, or has chosen leaders."""
_GONE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
"""The broker does not have the offset from which we read, or could not be asked for it."""


def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """The offset behind the newest record of each partition. Raises UnavailableError."""
    consumer = kafka_consumer(settings)
    try:
        metadata = consumer.list_topics(topic, timeout=15).topics[topic]
        if metadata.error is not None:
            raise UnavailableError(
                f"topic {topic} is not there: {metadata.error}; expected `tape topics apply` to have run"
            )
        return {partition: _end(consumer, topic, partition) for partition in sorted(metadata.partitions)}
    except KafkaException as error:
        raise UnavailableError(f"the end of {topic} is not known: {error}") from error
    finally:
        consumer.close()


def bounds(settings: Settings, topic: str, partition: int) -> tuple[int, int]:
    """The offset of the oldest record and the one behind the newest. Raises UnavailableError."""
    consumer = kafka_consumer(settings)
    try:
        return _bounds(consumer, topic, partition)
    except KafkaException as error:
        raise UnavailableError(f"where {topic}/{partition} begins and ends is not known: {error}") from error
    finally:
        consumer.close()


def _end(consumer: Consumer, topic: str, partition: int) -> int:
    return _bounds(consumer, topic, partition)[1]


def _bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First offset and end. A topic that was just made has no leader for a moment: asks again."""
    deadline = time.monotonic() + _LEADER_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=15)
            return int(low), int(high)
        except KafkaException as error:
            if error.args[0].code() not in _TRANSIENT or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def read_range(
    settings: Settings, topic: str, partition: int, first: int = 0, end: int | None = None
) -> Iterator[TapeRecord]:
    """The records from offset `first` up to, not including, `end` (None: the end of the partition at the call).

    Raises ChainError when the partition does not reach back to `first`, and UnavailableError when the broker stalls or
    ends before `end`.
    """
    consumer = kafka_consumer(settings)
    try:
        if end is None:
            end = _end(consumer, topic, partition)
        if first >= end:
            return
        consumer.assign([TopicPartition(topic, partition, first)])
        deadline = time.monotonic() + _STALL_S
        while True:
            for message in consume_ready(consumer, _CONSUME_MAX, 0.2):
                error = message.error()
                if error is not None:
                    check_there(consumer, error, topic, partition, first)
                    if _is_end(error, message, end):
                        return
                    continue
                deadline = time.monotonic() + _STALL_S
                if _offset(message) < end:
                    yield TapeRecord.of(message)
                if _offset(message) + 1 >= end:
                    return
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"{topic}/{partition}: the broker gave nothing for {_STALL_S:.0f} s, expected offset {end}"
                )
    except KafkaException as error:
        raise UnavailableError(f"{topic}/{partition} cannot be read: {error}") from error
    finally:
        consumer.close()


def read_after(settings: Settings, topic: str, partition: int, position: Position) -> Iterator[TapeRecord]:
    """The records behind a position, up to the end of the partition at the call.

    First looks whether the head is where the position says. Raises ChainError when it is not, for then the position is
    one of another tape, and UnavailableError.
    """
    last = -1
    for record in read_range(settings, topic, partition, max(0, position.head_offset)):
        if last < 0 <= position.head_offset:
            _check_head(record, position)
        last = record.offset
        if record.offset >= position.next_offset:
            yield record
    if last + 1 < position.next_offset:
        problem = f"the tape ends here, expected at least {position.next_offset} records"
        raise ChainError(topic, partition, last + 1, problem)


def _check_head(record: TapeRecord, position: Position) -> None:
    found = Chain.head_of(record)
    if (record.offset, found) != (position.head_offset, position.head):
        number, digest = position.head
        raise ChainError(
            record.topic,
            record.partition,
            record.offset,
            f"expected number {number}, {digest.hex()}, at offset {position.head_offset}, "
            f"it is number {found.seq}, {found.hash.hex()}",
        )


def kafka_lookup(settings: Settings, topic: str, partition: int) -> Lookup:
    """A Chain's lookup that reads the partition again, backwards in windows that grow.

    What is asked for is mostly near: a writer that lost its partition goes on from where it was. What is not there at
    all costs reading the partition once.
    """

    def lookup(digest: bytes, seq: int, before: int) -> bool:
        wanted = {(HASH, digest.hex().encode()), (SEQ, str(seq).encode())}
        end, size = before, _LOOKUP_FIRST
        while end > 0:
            first = max(0, end - size)
            if any(wanted <= set(record.headers) for record in read_range(settings, topic, partition, first, end)):
                return True
            end, size = first, size * 4
        return False

    return lookup


def check_there(consumer: Consumer, error: KafkaError, topic: str, partition: int, wanted: int) -> None:
    """Raises ChainError when an error means that the partition does not have offset `wanted`, and cannot have it again.

    librdkafka gives the same error when it could not ask; then this says nothing.
    """
    if error.code() not in _GONE:
        return
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=15)
    except KafkaException:
        return
    if first <= wanted <= end:
        return
    what = f"begins at offset {first}: the beginning was deleted, by retention or by hand"
    if wanted > end:
        what = f"ends at offset {end}: the topic was deleted and made anew, or has lost records"
    raise ChainError(topic, partition, wanted, f"expected a record here, but the partition {what}")


def _is_end(error: KafkaError, message: Message, end: int) -> bool:
    """True at the end of the partition, False when waiting helps. Raises UnavailableError when nothing does."""
    where = f"{message.topic()}/{message.partition()}"
    if error.code() == KafkaError._PARTITION_EOF:
        if _offset(message) < end:
            raise UnavailableError(f"{where} ends at offset {_offset(message)}, expected {end}: records are lost")
        return True
    if error.code() in _TRANSIENT:
        return False
    raise UnavailableError(f"{where}: {error}")


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None, "a message that came from a broker has an offset"
    return offset


class TapeReader:
    """Follows partitions of a tape for ever and says of each record whether it is live.

    partitions: partition -> (next offset, head before it); (0, None) is the beginning.
    lookups: partition -> Chain lookup for what lies further back; the default reads Kafka again.
    gather_ms: how long records may be gathered before they are given, for readers that work in batches.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        partitions: Mapping[int, tuple[int, Head | None]],
        lookups: Mapping[int, Lookup] | None = None,
        gather_ms: int | None = None,
    ) -> None:
        self.topic = topic
        self.chains: dict[int, Chain] = {}
        self._broken: ChainError | None = None
        self._next = {partition: offset for partition, (offset, _) in partitions.items()}
        for partition, (_, head) in partitions.items():
            lookup = (lookups or {}).get(partition) or kafka_lookup(settings, topic, partition)
            self.chains[partition] = Chain(topic, partition, head, lookup)
        gather = {} if gather_ms is None else gathering(gather_ms)
        self._consumer: Consumer = kafka_consumer(settings, **{"enable.partition.eof": False, **gather})
        self._consumer.assign(
            [
                TopicPartition(topic, partition, offset or OFFSET_BEGINNING)
                for partition, (offset, _) in partitions.items()
            ]
        )

    def poll(self, max_records: int = _CONSUME_MAX, timeout_s: float = 0.1) -> list[tuple[TapeRecord, bool]]:
        """The next records with their verdicts (True: live), none after `timeout_s`. Raises ChainError.

        What stands before a record that is not what was written is given first, and the next call raises.
        A broker that is away gives nothing until it is back; an error that will not heal raises UnavailableError.
        """
        if self._broken is not None:
            raise self._broken
        taken: list[tuple[TapeRecord, bool]] = []
        for message in consume_ready(self._consumer, max_records, timeout_s):
            error = message.error()
            if error is not None:
                if error.code() in _TRANSIENT:
                    continue
                partition = cast(int, message.partition())
                check_there(self._consumer, error, self.topic, partition, self._next.get(partition, 0))
                raise UnavailableError(f"{self.topic}/{message.partition()}: {error}")
            record = TapeRecord.of(message)
            try:
                taken.append((record, self.chains[record.partition].accept(record)))
            except ChainError as broken:
                self._broken = broken
                if not taken:
                    raise
                return taken
            self._next[record.partition] = record.offset + 1
        return taken

    def close(self) -> None:
        self._consumer.close()
