"""The harness's own reader of a tape: raw bytes, the chain rule and the events, written from the promises alone.

Nothing here comes from the code under test: what this says of a tape is the measure of what the ledger says.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

_IDLE_MAX = 50


class Raw(NamedTuple):
    """One record as Kafka has it. time_ms: its CreateTime."""

    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str:
        return next(value.decode() for key, value in self.headers if key == name)


class Event(NamedTuple):
    """A live record, its type's bare name, its JSON, and the input that it answers: topic, partition, offset."""

    raw: Raw
    kind: str
    data: dict[str, Any]
    cause: tuple[str, int, int]


def read(bootstrap: str, topic: str, partitions: int) -> dict[int, list[Raw]]:
    """All records of a topic, by partition. Raises TimeoutError, KafkaException."""
    consumer = _consumer(bootstrap)
    try:
        return {partition: list(_partition(consumer, topic, partition, 0)) for partition in range(partitions)}
    finally:
        consumer.close()


def read_on(bootstrap: str, topic: str, ends: dict[int, int]) -> dict[int, list[Raw]]:
    """What has come since `ends` (partition -> next offset)."""
    consumer = _consumer(bootstrap)
    try:
        return {partition: list(_partition(consumer, topic, partition, end)) for partition, end in ends.items()}
    finally:
        consumer.close()


def _consumer(bootstrap: str) -> Consumer:
    config = {"bootstrap.servers": bootstrap, "group.id": "oracle", "enable.auto.commit": False}
    return Consumer({**config, "auto.offset.reset": "error", "logger": logging.getLogger("oracle")})


def _partition(consumer: Consumer, topic: str, partition: int, first: int) -> Iterator[Raw]:
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)
    if end <= first:
        return
    consumer.assign([TopicPartition(topic, partition, first or OFFSET_BEGINNING)])
    next_offset, idle = first, 0
    while next_offset < end:
        messages = consumer.consume(5_000, 0.2)
        idle = 0 if messages else idle + 1
        if idle > _IDLE_MAX:
            raise TimeoutError(f"{topic}/{partition} gave nothing at offset {next_offset} of {end}")
        for message in messages:
            if message.error() is None and next_offset < end:
                headers: Any = message.headers() or []
                offset = message.offset()
                yield Raw(partition, offset, message.timestamp()[1], message.key(), message.value(), tuple(headers))
                next_offset = offset + 1
    consumer.unassign()


class ChainRule:
    """The chain of one partition as far as it was followed."""

    def __init__(self, topic: str, partition: int) -> None:
        self._name = f"{topic}/{partition}"
        self._head = hashlib.sha256(
            b"tapeledger:genesis:v1\n" + _sized(topic.encode()) + _number(partition, 4)
        ).digest()
        self._seq = 0
        self._known = {self._head: 0}

    def live(self, records: list[Raw], problems: list[str]) -> list[Raw]:
        """The records that extend the chain, in order. What is neither live nor dead is a problem."""
        chain = []
        for record in records:
            seq = int(record.header("tape-seq"))
            prev = bytes.fromhex(record.header("tape-prev"))
            digest = bytes.fromhex(record.header("tape-hash"))
            where = f"{self._name} at offset {record.offset}"
            if _hash(record, seq, prev) != digest:
                problems.append(f"{where}: its hash is wrong")
            elif prev == self._head and seq == self._seq + 1:
                self._head, self._seq = digest, seq
                chain.append(record)
            elif self._known.get(prev) != seq - 1:
                problems.append(f"{where}: number {seq} follows what nobody wrote")
            self._known[digest] = seq
        return chain


def events(records: list[Raw]) -> list[Event]:
    found = []
    for record in records:
        topic, partition, offset, _ = record.header("ce_cause").split(":", 3)
        kind = record.header("ce_type").split(".")[1]
        found.append(Event(record, kind, json.loads(record.value or b""), (topic, int(partition), int(offset))))
    return found


def sums(events_: list[Event]) -> dict[tuple[str, str], Decimal]:
    """The sum of all postings, by account and commodity."""
    total: dict[tuple[str, str], Decimal] = {}
    for event in events_:
        for posting in event.data.get("postings", ()):
            key = (event.data["account_id"], posting["commodity"])
            total[key] = total.get(key, Decimal(0)) + Decimal(posting["amount"])
    return total


def _hash(record: Raw, seq: int, prev: bytes) -> bytes:
    others = [(k, v) for k, v in record.headers if k not in ("tape-seq", "tape-prev", "tape-hash")]
    parts = [b"tapeledger:record:v1\n", _number(seq, 8), prev, _sized(record.key), _sized(record.value)]
    parts.append(_number(len(others), 4))
    parts += [_sized(name.encode()) + _sized(value) for name, value in others]
    return hashlib.sha256(b"".join(parts)).digest()


def _sized(content: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if content is None else _number(len(content), 4) + content


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")
