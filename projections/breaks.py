"""reconciliation_breaks: differences between the venue's records and the ledger's, open and resolved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from domain.events import BreakFound, BreakResolved
from projections.rows import Cursor, Event, Row, execute, given, insert

FOUND = {
    "break_id": "text",
    "account_id": "text",
    "kind": "text",
    "order_id": "text",
    "execution_id": "text",
    "venue": "text",
    "symbol": "text",
    "expected": "text",
    "actual": "text",
    "status": "text",
    "times": "bigint",
    "first_found_at": "timestamptz",
    "found_at": "timestamptz",
    "seen_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
}
RESOLVED = {
    "break_id": "text",
    "resolved_at": "timestamptz",
    "reason": "text",
    "partition": "integer",
    "record_offset": "bigint",
}
_KEPT = ("break_id", "times", "first_found_at")

_FIND = f"""
{insert("reconciliation_breaks", FOUND)}
on conflict (break_id) do update set times = reconciliation_breaks.times + 1, resolved_at = null, reason = null,
    {", ".join(f"{name} = excluded.{name}" for name in FOUND if name not in _KEPT)}
"""
_RESOLVE = f"""
update reconciliation_breaks set status = 'RESOLVED', resolved_at = given.resolved_at, reason = given.reason,
    partition = given.partition, record_offset = given.record_offset
from {given(RESOLVED)} where reconciliation_breaks.break_id = given.break_id
"""


def found(event: Event) -> Row:
    """A row of FOUND."""
    message: BreakFound = event.message
    return (
        message.break_id,
        message.originator_id,
        message.kind,
        message.order_id,
        message.execution_id,
        message.venue,
        message.symbol,
        message.expected,
        message.actual,
        "OPEN",
        1,
        message.timestamp,
        message.timestamp,
        message.first_seen_at_us,
        event.partition,
        event.offset,
    )


def resolved(event: Event) -> Row:
    """A row of RESOLVED."""
    message: BreakResolved = event.message
    return (message.break_id, message.timestamp, message.reason, event.partition, event.offset)


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    """A break may be found, resolved and found again in one batch, so runs of one kind are written in their order.

    Between two findings of a break stands its resolution, so no run names a break twice.
    """
    ours = [event for event in events if isinstance(event.message, BreakFound | BreakResolved)]
    for kind, run in groupby(ours, key=lambda event: type(event.message)):
        if kind is BreakFound:
            execute(cursor, _FIND, [found(event) for event in run])
        else:
            execute(cursor, _RESOLVE, [resolved(event) for event in run])
