"""What the ledger's aggregates have in common: making events, the record time that never falls, the digest."""

from __future__ import annotations

from typing import Any, TypeVar

from eventsourcing.domain import BaseAggregate

from domain import canonical
from domain.events import LedgerEvent, Posting

E = TypeVar("E", bound=LedgerEvent)


class LedgerAggregate(BaseAggregate[str]):
    """A fold of the events of one key of `ledger.events`. Version 0: before its first event."""

    NO_STATE = frozenset({"_pending_events", "_created_on"})
    """Attributes that are no part of the state."""

    @property
    def updated_at_us(self) -> int:
        """The record time of the newest event, microseconds since 1970 UTC."""
        return self._modified_on  # type: ignore[return-value]  # our times are integers

    def record(self, event_class: type[E], now_us: int, *, postings: tuple[Posting, ...] = (), **fields: Any) -> E:
        """Make the next event, fold it in and return it.

        Its record time is never below that of the event before, so that a clock that is set back forgets nothing.
        """
        event = event_class(
            originator_id=self.id,
            originator_version=self.version + 1,
            timestamp=self.clock(now_us),
            postings=postings,
            **fields,
        )
        event.mutate(self)
        return event

    def clock(self, now_us: int) -> int:
        """`now_us`, or the newest event's record time when that is later."""
        return max(now_us, self.updated_at_us)

    def digest(self) -> bytes:
        """SHA-256 over the whole state; equal for equal folds."""
        state = {name: value for name, value in vars(self).items() if name not in self.NO_STATE}
        return canonical.digest(state)
