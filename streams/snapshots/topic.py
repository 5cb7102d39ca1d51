"""Kafka's side of snapshots: reading a partition of a snapshot topic whole, and writing to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException

from domain.errors import UnavailableError
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams.snapshots.form import Record
from streams.snapshots.stored import Reading
from streams.tape import bounds, read_range

_FLUSH_S = 20.0
_QUEUED_MAX = 2_000


def read(settings: Settings, topic: str, partition: int, reading: Reading) -> None:
    """Give all records of a partition to `reading`. topic: on the broker. Raises UnavailableError."""
    first, end = bounds(settings, topic, partition)
    for record in read_range(settings, topic, partition, first, end):
        reading.take(record.offset, record.key, record.value)


class Outlet:
    """Sends records in order. Used in an event loop; no call holds it up.

    A record that Kafka does not take is an UnavailableError of the next `flush`, and what was sent is then unknown.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._producer = kafka_producer(settings, **{"linger.ms": 5, "message.timeout.ms": int(_FLUSH_S * 1000)})
        self._problems: list[str] = []

    def put(self, partition: int, records: Sequence[Record]) -> None:
        """Queue records; `flush` says whether they arrived."""
        for record in records:
            try:
                self._producer.produce(
                    self._topic, key=record.key, value=record.value, partition=partition, on_delivery=self._report
                )
            except (BufferError, KafkaException) as error:
                self._problems.append(str(error))

    async def room(self) -> None:
        """Return when few records wait to be sent."""
        while len(self._producer) > _QUEUED_MAX:
            await asyncio.to_thread(self._producer.poll, 0.05)

    async def flush(self) -> None:
        """Return when Kafka has acknowledged all. Raises UnavailableError when it has not, in 20 s at most."""
        deadline = time.monotonic() + _FLUSH_S
        while len(self._producer) and time.monotonic() < deadline:
            await asyncio.to_thread(self._producer.poll, 0.05)
        if len(self._producer):
            self._problems.append(f"{len(self._producer)} records were not acknowledged in {_FLUSH_S:.0f} s")
            self._producer.purge()
            self._producer.poll(0)
        if self._problems:
            problem, count = self._problems[0], len(self._problems)
            self._problems = []
            raise UnavailableError(f"{self._topic}: Kafka did not take {count} records: {problem}")

    def _report(self, error: Any, message: Any) -> None:
        if error is not None:
            self._problems.append(str(error))
