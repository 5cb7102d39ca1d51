"""The port between a tape's agent and what it decides: one Decider per owned partition.

The agent (streams.agent) does the rest: it folds the tape on assignment, positions the inputs from the chain, skips
inputs at or below the last cause, appends, compares offsets, and starts anew when another writer was in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from streams.codec import Cause, Headers


class Input(NamedTuple):
    """One record of an input topic, decoded. timestamp_ms: when it was produced (Kafka's CreateTime)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    message: Any
    headers: Headers


class Draft(NamedTuple):
    """An event to be appended. key: Kafka key; id: CloudEvents id, unique on the tape; subject: what it is about."""

    key: str
    id: str
    subject: str
    message: Any


class Folded(NamedTuple):
    """An event that is on the chain. offset: its place on the tape's partition."""

    partition: int
    offset: int
    seq: int
    message: Any
    cause: Cause
    traceparent: str | None


class Decider(Protocol):
    """State of one partition of a tape. Made and folded anew whenever what it holds is in doubt."""

    def fold(self, event: Folded) -> None:
        """Take in an event that is on the chain. Called for the past; not for events that `decide` has just made."""

    def rewind(self, causes: Mapping[str, int]) -> Mapping[str, int]:
        """Where inputs must be read again to rebuild what the tape does not hold: topic -> offset, or empty.

        causes: the last decided offset of each input topic. Each input from there up to the cause goes to `observe`.
        """

    def observe(self, source: Input) -> None:
        """Take in an input that was decided before (see rewind)."""

    def decide(self, source: Input, now_us: int) -> Draft | None:
        """The one event of an input, already applied to this state; None when it is a repeat or causes nothing."""
