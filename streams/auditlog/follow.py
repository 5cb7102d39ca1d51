"""Following `audit.logs` from its beginning, chain-checked, for those who act on what it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from domain.actions import ActionRecorded, ActionRefused
from domain.errors import UnavailableError
from runtime.settings import Settings
from streams import codec
from streams.tape import TapeReader, end_offsets

TAPE = "audit.logs"
_STALL_S = 30.0
_POLL_S = 0.1


class Entry(NamedTuple):
    """One live event of the tape and its place."""

    partition: int
    offset: int
    event: ActionRecorded | ActionRefused


class AuditFollower:
    """Reads on and on, and hands each live event to `take`. Keeps nothing itself."""

    def __init__(self, settings: Settings, take: Callable[[Entry], None]) -> None:
        """Raises UnavailableError when Kafka or the topic is not there."""
        self._settings = settings
        self._topic = settings.topic(TAPE)
        self._take = take
        self._next = dict.fromkeys(end_offsets(settings, self._topic), 0)
        self._reader = TapeReader(settings, self._topic, dict.fromkeys(self._next, (0, None)))

    def catch_up(self) -> None:
        """Take all that is on the tape now. Raises ChainError, UnreadableInput, UnavailableError."""
        ends = end_offsets(self._settings, self._topic)

        def missing() -> int:
            return sum(max(0, end - self._next[partition]) for partition, end in ends.items())

        left, deadline = missing(), time.monotonic() + _STALL_S
        while left:
            self._poll()
            if missing() < left:
                left, deadline = missing(), time.monotonic() + _STALL_S
            elif time.monotonic() > deadline:
                raise UnavailableError(f"{self._topic}: the broker gave nothing for {_STALL_S:.0f} s, {left} are left")

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Take what comes until a condition holds; False when it did not within the time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._poll()
        return True

    def close(self) -> None:
        self._reader.close()

    def _poll(self) -> None:
        for record, live in self._reader.poll(timeout_s=_POLL_S):
            self._next[record.partition] = record.offset + 1
            if live:
                self._take(Entry(record.partition, record.offset, codec.decode(record.value, record.headers)))
