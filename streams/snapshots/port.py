"""The port between snapshots and what an agent decides with: its states, one by one.

A state is what one key of the tape has come to (an account, say). It has a version: 1 after the first event that
touches it, one more with each further one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol


class States(Protocol):
    """Takes a Decider apart and puts it together again. The states are all that it holds.

    form: see streams.snapshots.form. Reading: every method but `restore` and `move_last` leaves the decider as it is.
    """

    form: bytes

    def keys(self, decider: Any) -> Iterable[str]:
        """All states, in the order in which the decider came to know them."""

    def version(self, decider: Any, key: str) -> int:
        """The version of a state that is there."""

    def dump(self, decider: Any, key: str) -> bytes:
        """A state that is there, as bytes; equal states give equal bytes."""

    def restore(self, decider: Any, raw: bytes) -> tuple[str, int]:
        """Put a dumped state in; its key and version. Raises TapeledgerError when it is none."""

    def move_last(self, decider: Any, key: str) -> None:
        """Put a state that is there behind all others in their order."""

    def touched(self, message: Any) -> tuple[str, int] | None:
        """The state that an event changes, and its version afterwards; None when it changes none."""


class SnapshotSpec(NamedTuple):
    """topic: as infra/kafka/topics.yaml declares it."""

    topic: str
    states: States
