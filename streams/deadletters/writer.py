"""Inputs that could not be read go to `ledger.deadletters` as they were, with where they came from and why."""

from __future__ import annotations

import logging
from typing import Any, cast

from confluent_kafka import Producer

from domain.errors import UnavailableError
from runtime import metrics
from runtime.clock import now_us
from runtime.settings import Settings
from streams.codec import Headers, header, rfc3339
from streams.deadletters.letter import CUT, KEY, PLACE, REASON, RETRIED_FROM, SERVICE, TIME, TOPIC, Place
from streams.tape.record import TapeRecord

log = logging.getLogger(__name__)
REASON_CHARACTERS_MAX = 1_000
PLACE_BYTES_MAX = 512
RECORD_BYTES_MAX = 900_000
"""What leaves room for the headers within the broker's limit on a record; a larger one is named, not copied."""


class DeadLetters:
    """Key: topic:partition:offset of the record, so that a second copy after a restart is recognised.

    pending: how many were added since the last flush.
    """

    def __init__(self, settings: Settings, service: str, producer: Producer) -> None:
        self._topic = settings.topic(TOPIC)
        self._service = service
        self._producer = producer
        self._failed: list[str] = []
        self.pending = 0

    def add(self, record: TapeRecord, reason: str) -> None:
        """Queue a record; the caller flushes before the input counts as done."""
        place = str(Place(record.topic, record.partition, record.offset))
        if len(reason) > REASON_CHARACTERS_MAX:  # it may quote the record's key, which may be as large as a record
            reason = reason[: REASON_CHARACTERS_MAX - 1] + "…"
        log.warning("dead letter %s: %s", place, reason)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    key=place.encode(),
                    value=record.value if _bytes(record) <= RECORD_BYTES_MAX else None,
                    headers=cast(Any, self._headers(record, place, reason)),
                    on_delivery=self._delivered,
                )
            except BufferError:  # the local queue is full: wait for acknowledgements, then go on
                self._producer.poll(0.1)
            else:
                break
        self.pending += 1
        metrics.dead_letters_total.labels(self._service).inc()

    def _headers(self, record: TapeRecord, place: str, reason: str) -> Headers:
        own: Headers = [
            (SERVICE, self._service.encode()),
            (PLACE, place.encode()),
            (REASON, reason.encode(errors="replace")),
            (TIME, rfc3339(now_us()).encode()),
        ]
        size = _bytes(record)
        if size > RECORD_BYTES_MAX:
            origin = header(record.headers, RETRIED_FROM) or b""
            kept: Headers = [(RETRIED_FROM, origin)] if 0 < len(origin) <= PLACE_BYTES_MAX else []
            return [*kept, *own, (CUT, str(size).encode())]
        if record.key is not None:
            own.append((KEY, record.key))
        return [*record.headers, *own]

    def flush(self) -> None:
        """Wait until Kafka has all that were added. Raises UnavailableError when it did not take one."""
        self._producer.flush()
        self.pending = 0
        if self._failed:
            failed, self._failed = self._failed, []
            raise UnavailableError(f"{self._topic}: Kafka did not take {len(failed)} dead letters: {failed[0]}")

    def _delivered(self, error: Any, _: Any) -> None:
        if error is not None:
            self._failed.append(str(error))


def _bytes(record: TapeRecord) -> int:
    """The size of a record's key, value and headers, with at most 10 bytes for the lengths of each header."""
    headers = sum(len(name.encode()) + len(content or b"") + 10 for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
