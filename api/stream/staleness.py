"""Whether what is told keeps up with the ledger: the database answers, and projections move while there is more.

A quiet market and a projector that stands still look the same in the database; so the ends of the topics on Kafka are
asked now and then, and compared with what is projected.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache, partial
from typing import Literal

from confluent_kafka import KafkaException

from api.stream.messages import Status
from api.stream.reader import Reader
from runtime.clients import kafka_admin
from runtime.settings import Settings
from runtime.topic_ends import topic_ends

_KAFKA_TIMEOUT_S = 3.0

Reason = Literal["DATABASE_UNAVAILABLE", "PROJECTION_BEHIND", "KAFKA_UNAVAILABLE"]
Places = dict[tuple[str, int], int]


class Staleness:
    """reason: None while the data keeps up."""

    def __init__(self, settings: Settings, reader: Reader) -> None:
        self.reason: Reason | None = None
        self._reader = reader
        self._after_s = settings.stream_stale_ms / 1_000
        self._admin = lru_cache(maxsize=1)(partial(kafka_admin, settings))  # made when it is first asked
        self._fresh_at = time.monotonic()
        self._silent_since: float | None = None  # when Kafka was first asked in vain
        self._behind: dict[tuple[str, int], tuple[int, float]] = {}

    async def look(self) -> bool:
        """Ask again; whether the answer has changed. Takes up to 3 s, in which the loop goes on."""
        before, asked_at = self.reason, time.monotonic()
        ends = await asyncio.to_thread(self._ends, dict(self._reader.places))
        self._silent_since = None if ends is not None else self._silent_since or asked_at
        self.reason = self._judge(ends)
        if self.reason is None:
            self._fresh_at = time.monotonic()
        return self.reason != before

    def age_s(self) -> float:
        """Since the data was last known to keep up, in seconds."""
        return 0.0 if self.reason is None else round(time.monotonic() - self._fresh_at, 1)

    def status(self, seq: int) -> Status:
        return Status(self.reason is not None, self.age_s(), seq, self.reason)

    def _judge(self, ends: Places | None) -> Reason | None:
        now = time.monotonic()
        if now - self._reader.read_at > self._after_s:
            return "DATABASE_UNAVAILABLE"
        if ends is None:
            is_long = self._silent_since is not None and now - self._silent_since > self._after_s
            return "KAFKA_UNAVAILABLE" if is_long else self.reason
        places = self._reader.places
        behind = {place: places[place] for place, end in ends.items() if end > places.get(place, end)}
        self._behind = {
            place: self._behind[place] if self._behind.get(place, (-1, 0.0))[0] == offset else (offset, now)
            for place, offset in behind.items()
        }
        still = [since for _, since in self._behind.values() if now - since > self._after_s]
        return "PROJECTION_BEHIND" if still else None

    def _ends(self, places: Places) -> Places | None:
        """Where the topics end; None while Kafka does not answer."""
        try:
            return topic_ends(self._admin(), places, _KAFKA_TIMEOUT_S)
        except KafkaException:
            return None
