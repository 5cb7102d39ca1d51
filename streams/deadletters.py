"""Inputs that could not be read go to `ledger.deadletters` as they were, with where they came from and why."""

from __future__ import annotations

import logging
from typing import Any, cast

from confluent_kafka import KafkaError, Message, Producer

from domain.errors import UnavailableError
from runtime.clock import now_us
from runtime.settings import Settings
from streams.codec import rfc3339
from streams.tape.record import TapeRecord

log = logging.getLogger(__name__)
TOPIC = "ledger.deadletters"


class DeadLetters:
    """Key: topic:partition:offset of the record, so that a second copy after a restart is recognised.

    pending: how many were added since the last flush.
    """

    def __init__(self, settings: Settings, service: str, producer: Producer) -> None:
        self._topic = settings.topic(TOPIC)
        self._service = service
        self._producer = producer
        self._errors: list[KafkaError] = []
        self.pending = 0

    def add(self, record: TapeRecord, reason: str) -> None:
        """Queue a record; the caller flushes before the input counts as done."""
        place = f"{record.topic}:{record.partition}:{record.offset}"
        log.warning("dead letter %s: %s", place, reason)
        headers = [
            *record.headers,
            ("deadletter-service", self._service.encode()),
            ("deadletter-place", place.encode()),
            ("deadletter-reason", reason.encode()),
            ("deadletter-time", rfc3339(now_us()).encode()),
            ("deadletter-key", record.key or b""),
        ]
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    key=place.encode(),
                    value=record.value,
                    headers=cast(Any, headers),
                    on_delivery=self._note,
                )
            except BufferError:  # the local queue is full: wait for acknowledgements, then go on
                self._producer.poll(0.1)
            else:
                break
        self.pending += 1

    def flush(self) -> None:
        """Wait until Kafka has all that were added. Raises UnavailableError when it did not take one."""
        self._producer.flush()
        self.pending = 0
        if self._errors:
            raise UnavailableError(f"{self._topic}: Kafka did not take a dead letter: {self._errors[0]}")

    def _note(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._errors.append(error)
