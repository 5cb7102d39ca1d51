"""rebalance_events: what was planned, and what was cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from domain.events import RebalanceCanceled, RebalancePlanned
from projections.rows import Cursor, Event, Row, execute, insert, json_text

COLUMNS = {
    "partition": "integer",
    "record_offset": "bigint",
    "plan_id": "text",
    "account_id": "text",
    "event_type": "text",
    "recorded_at": "timestamptz",
    "data": "jsonb",
}
_INSERT = insert("rebalance_events", COLUMNS)


def rows(events: Sequence[Event]) -> list[Row]:
    """Rows of COLUMNS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.plan_id,
            event.message.originator_id,
            type(event.message).__name__,
            event.message.timestamp,
            json_text(event.data),
        )
        for event in events
        if isinstance(event.message, RebalancePlanned | RebalanceCanceled)
    ]


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT, rows(events))
