"""What reconciliation_breaks must hold, from the events that found and resolved breaks and the Ledger's open ones."""

from __future__ import annotations

import msgspec

from audit.compare import Place, Row, StateTable, stored, time_of
from domain import events
from domain.ledger import Ledger

BREAKS = StateTable(
    "reconciliation_breaks",
    ("break_id",),
    (
        *("account_id", "kind", "order_id", "execution_id", "venue", "symbol", "expected", "actual"),
        *("status", "times", "first_found_at", "found_at", "seen_at", "resolved_at", "reason"),
        *("partition", "record_offset"),
    ),
)


class _Known(msgspec.Struct, kw_only=True):
    """One break. found: its newest finding; last: its newest event's place."""

    found: events.BreakFound
    first_found_at_us: int
    times: int
    resolved: events.BreakResolved | None = None
    last: Place


class Breaks:
    """Give it every event after the Ledger's fold."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, _Known] = {}

    def take(self, event: events.LedgerEvent, place: Place) -> Row | None:
        """Take an event in; the key of the row that it changes."""
        if isinstance(event, events.BreakFound):
            known = self._known.get(event.break_id)
            first, times = (event.timestamp, 0) if known is None else (known.first_found_at_us, known.times)
            self._known[event.break_id] = _Known(found=event, first_found_at_us=first, times=times + 1, last=place)
        elif isinstance(event, events.BreakResolved):
            known = self._known[event.break_id]
            known.resolved, known.last = event, place
        else:
            return None
        return (stored(event.break_id),)

    def rows(self) -> dict[Row, Row]:
        """Rows of BREAKS. Which are open, the Ledger's state says."""
        return {(stored(break_id),): self._row(break_id, known) for break_id, known in self._known.items()}

    def _row(self, break_id: str, known: _Known) -> Row:
        found, resolved = known.found, known.resolved
        is_open = break_id in self._ledger.accounts[found.originator_id].breaks
        texts = (found.originator_id, found.kind, found.order_id, found.execution_id, found.venue, found.symbol)
        return (
            *(stored(text) for text in (*texts, found.expected, found.actual)),
            "OPEN" if is_open else "RESOLVED",
            known.times,
            time_of(known.first_found_at_us),
            time_of(found.timestamp),
            time_of(found.first_seen_at_us),
            None if resolved is None else time_of(resolved.timestamp),
            None if resolved is None else stored(resolved.reason),
            known.last.partition,
            known.last.offset,
        )
