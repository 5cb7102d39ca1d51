"""audit_actions and audit_refusals."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.actions import ActionRecorded, ActionRefused
from projections.rows import Cursor, Event, Row, execute, insert, json_text

ACTIONS = {
    "partition": "integer",
    "record_offset": "bigint",
    "action_id": "text",
    "actor": "text",
    "action": "text",
    "subject": "text",
    "reason": "text",
    "details": "jsonb",
    "issued_at": "timestamptz",
    "recorded_at": "timestamptz",
}
REFUSALS = {
    "partition": "integer",
    "record_offset": "bigint",
    "action_id": "text",
    "actor": "text",
    "action": "text",
    "subject": "text",
    "code": "text",
    "text": "text",
    "details": "jsonb",
    "recorded_at": "timestamptz",
}
_INSERT_ACTIONS = insert("audit_actions", ACTIONS)
_INSERT_REFUSALS = insert("audit_refusals", REFUSALS)
_encode = msgspec.json.encode


def actions(events: Sequence[Event]) -> list[Row]:
    """Rows of ACTIONS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.action_id,
            event.message.actor,
            event.message.action,
            event.message.subject,
            event.message.reason,
            json_text(_encode(event.message.details)),
            event.message.issued_at_us,
            event.message.recorded_at_us,
        )
        for event in events
        if type(event.message) is ActionRecorded
    ]


def refusals(events: Sequence[Event]) -> list[Row]:
    """Rows of REFUSALS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.action_id,
            event.message.actor,
            event.message.action,
            event.message.subject,
            event.message.code,
            event.message.text,
            json_text(_encode(event.message.values)),
            event.message.recorded_at_us,
        )
        for event in events
        if type(event.message) is ActionRefused
    ]


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT_ACTIONS, actions(events))
    execute(cursor, _INSERT_REFUSALS, refusals(events))
