"""Appending to tapes without Kafka transactions (design promise 3): the offsets tell whether somebody was in between.

Boundaries: the writer does not decide, and does not repair. After `Interrupted` its partition is closed, and must be
folded again before the next append.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from confluent_kafka import KafkaError, Message

from domain.errors import UnavailableError
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams.codec import Headers
from streams.tape.chain import Chain, Head, Position
from streams.tape.hashing import genesis, seal
from streams.tape.reader import kafka_lookup, read_after
from streams.tape.record import TapeRecord

_DELIVERY_TIMEOUT_MS = 30_000
_UNPLACED = -1
"""Acknowledged, but the broker knew a retried batch only by its number and did not say where it stands."""


class Unsealed(NamedTuple):
    """A record without its chain headers."""

    key: bytes
    value: bytes
    headers: Headers


class Sealed(NamedTuple):
    """A record of ours that is on the chain."""

    offset: int
    seq: int


class Appended(NamedTuple):
    """Every record is on the chain, in order."""

    records: list[Sealed]


class Interrupted(NamedTuple):
    """Another record stands where ours was expected. Which of ours are on the chain only a new fold can tell."""

    expected_offset: int
    found_offset: int


class _Tail:
    """The end of a partition as this writer knows it."""

    def __init__(self, chain: Chain, next_offset: int, head_offset: int) -> None:
        self.chain = chain
        self.next_offset = next_offset
        self.head_offset = head_offset


class TapeWriter:
    """The writer of some partitions of a tape. Not thread-safe: one call at a time."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.topic = topic
        self._settings = settings
        # Nothing leaves before the flush that ends a batch, so that a batch is one request a partition.
        self._producer = kafka_producer(settings, **{"message.timeout.ms": _DELIVERY_TIMEOUT_MS, "linger.ms": 1_000})
        self._tails: dict[int, _Tail] = {}

    def fold(self, partition: int, on_live: Callable[[TapeRecord, Head], None], after: Position | None = None) -> int:
        """Read a partition to its end, give each live record with its head to `on_live`, and be ready to append.

        after: where to begin; the beginning when left out. Returns the number of dead records. Raises ChainError, also
        when the tape does not have the head that `after` names, and UnavailableError.
        """
        self._tails.pop(partition, None)
        start = after or Position(0, Head(0, genesis(self.topic, partition)), -1)
        next_offset, head, head_offset = start
        chain = Chain.resume(self.topic, partition, head, kafka_lookup(self._settings, self.topic, partition))
        for record in read_after(self._settings, self.topic, partition, start):
            next_offset = record.offset + 1
            if chain.accept(record):
                head_offset = record.offset
                on_live(record, chain.head)
        self._tails[partition] = _Tail(chain, next_offset, head_offset)
        return chain.dead

    def position(self, partition: int) -> Position:
        """The end of an open partition."""
        tail = self._tails[partition]
        return Position(tail.next_offset, tail.chain.head, tail.head_offset)

    def next_offset(self, partition: int) -> int | None:
        """Where the next record is expected to land; None when the partition is not open."""
        tail = self._tails.get(partition)
        return None if tail is None else tail.next_offset

    def close(self, partition: int) -> None:
        """Forget a partition that is somebody else's now."""
        self._tails.pop(partition, None)

    def append(self, batch: Mapping[int, Sequence[Unsealed]]) -> dict[int, Appended | Interrupted]:
        """Send records (partition -> records, all open), wait for their acknowledgement, and compare offsets.

        Raises UnavailableError when Kafka did not take one in 30 s: what is on the tape is then unknown, and every
        partition of the batch is closed.
        """
        sent = self._send_all(batch)
        self._producer.flush()
        return self._settle(sent)

    def _send_all(self, batch: Mapping[int, Sequence[Unsealed]]) -> dict[int, _Delivery]:
        return {partition: self._send(partition, records) for partition, records in batch.items() if records}

    def _settle(self, sent: Mapping[int, _Delivery]) -> dict[int, Appended | Interrupted]:
        """What became of a batch, after the flush."""
        failed = [error for delivery in sent.values() for error in delivery.errors]
        missing = [partition for partition, delivery in sent.items() if not delivery.complete()]
        if failed or missing:
            for partition in sent:
                self.close(partition)
            raise UnavailableError(
                f"{self.topic}: Kafka did not take a batch for partitions {sorted(sent)}: {failed or missing}"
            )
        return {partition: self._compare(partition, delivery) for partition, delivery in sent.items()}

    def _send(self, partition: int, records: Sequence[Unsealed]) -> _Delivery:
        head = self._tails[partition].chain.head
        delivery = _Delivery()
        for record in records:
            seq = head.seq + 1
            digest, headers = seal(seq, head.hash, record.key, record.value, record.headers)
            head = Head(seq, digest)
            delivery.heads.append(head)
            self._produce(partition, record, headers, delivery)
        return delivery

    def _produce(self, partition: int, record: Unsealed, headers: Headers, delivery: _Delivery) -> None:
        while True:
            try:
                self._producer.produce(
                    self.topic,
                    key=record.key,
                    value=record.value,
                    headers=cast(Any, headers),  # the stub's list type is invariant
                    partition=partition,
                    on_delivery=delivery.report,
                )
            except BufferError:  # the local queue is full: wait for acknowledgements, then go on
                self._producer.poll(0.01)
            else:
                return

    def _compare(self, partition: int, delivery: _Delivery) -> Appended | Interrupted:
        tail = self._tails[partition]
        expected = range(tail.next_offset, tail.next_offset + len(delivery.heads))
        for wanted, found in zip(expected, delivery.offsets, strict=True):
            if wanted != found:
                self.close(partition)
                return Interrupted(wanted, found)
        for head in delivery.heads:
            tail.chain.extend(head)
        tail.next_offset = expected.stop
        tail.head_offset = expected.stop - 1
        return Appended([Sealed(offset, head.seq) for offset, head in zip(expected, delivery.heads, strict=True)])


class _Delivery:
    """What Kafka said of the records of one partition, in the order of sending."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.offsets: list[int] = []
        self.errors: list[KafkaError] = []

    def report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.errors.append(error)
        else:
            offset = message.offset()
            self.offsets.append(_UNPLACED if offset is None else offset)

    def complete(self) -> bool:
        return len(self.offsets) == len(self.heads)
