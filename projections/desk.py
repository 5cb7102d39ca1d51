"""desk_events, desk_controls and desk_marks: what risk officers have laid down, and the marks, partition by partition.

Boundaries: earlier marks are in the archive only.
Verification: tests/projections/test_desk.py; audit/expected_desk.py says the same by the domain's own fold.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.events import DeskLimitsSet, PricesMarked, TradingHalted, TradingResumed
from domain.limits import Limits
from projections.rows import Cursor, Event, Row, execute, insert, json_text

EVENTS = {
    "partition": "integer",
    "record_offset": "bigint",
    "desk_key": "text",
    "version": "bigint",
    "event_type": "text",
    "scope": "text",
    "strategy_id": "text",
    "limits": "jsonb",
    "officer": "text",
    "reason": "text",
    "command_id": "text",
    "recorded_at": "timestamptz",
}
CONTROLS = {
    "partition": "integer",
    "control": "text",
    "strategy_id": "text",
    "in_force": "boolean",
    "limits": "jsonb",
    "officer": "text",
    "reason": "text",
    "command_id": "text",
    "desk_key": "text",
    "version": "bigint",
    "changed_at": "timestamptz",
    "record_offset": "bigint",
}
MARKS = {
    "partition": "integer",
    "symbol": "text",
    "price": "numeric",
    "market_time": "timestamptz",
    "tick_partition": "integer",
    "tick_offset": "bigint",
    "version": "bigint",
    "record_offset": "bigint",
}
_CONTROL_KEY = ("partition", "control", "strategy_id")
_MARK_KEY = ("partition", "symbol")

_encode = msgspec.json.Encoder(decimal_format="string").encode


def _upsert(table: str, columns: dict[str, str], key: tuple[str, ...]) -> str:
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return f"{insert(table, columns)} on conflict ({', '.join(key)}) do update set {changed}"


_INSERT_EVENTS = insert("desk_events", EVENTS)
_PUT_CONTROLS = _upsert("desk_controls", CONTROLS, _CONTROL_KEY)
_PUT_MARKS = _upsert("desk_marks", MARKS, _MARK_KEY)

_Control = DeskLimitsSet | TradingHalted | TradingResumed


def history(events: Sequence[Event]) -> list[Row]:
    """Rows of EVENTS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.originator_id,
            event.message.originator_version,
            type(event.message).__name__,
            event.message.scope,
            event.message.strategy_id,
            _limits(event.message),
            _officer(event.message),
            event.message.reason,
            event.message.command_id,
            event.message.timestamp,
        )
        for event in events
        if isinstance(event.message, _Control)
    ]


def controls(events: Sequence[Event]) -> list[Row]:
    """Rows of CONTROLS: the batch's last word on each control."""
    newest: dict[tuple[int, str, str], Row] = {}
    for event in events:
        message = event.message
        if not isinstance(message, _Control):
            continue
        control = "LIMITS" if isinstance(message, DeskLimitsSet) else "HALT"
        strategy_id = message.strategy_id or ""
        newest[event.partition, control, strategy_id] = (
            event.partition,
            control,
            strategy_id,
            message.limits != Limits() if isinstance(message, DeskLimitsSet) else isinstance(message, TradingHalted),
            _limits(message),
            _officer(message),
            message.reason,
            message.command_id,
            message.originator_id,
            message.originator_version,
            message.timestamp,
            event.offset,
        )
    return list(newest.values())


def marks(events: Sequence[Event]) -> list[Row]:
    """Rows of MARKS: the batch's newest mark of each symbol. An event holds only marks newer than those before it."""
    newest: dict[tuple[int, str], Row] = {}
    for event in events:
        message = event.message
        if not isinstance(message, PricesMarked):
            continue
        for one in message.marks:
            newest[event.partition, one.symbol] = (
                event.partition,
                one.symbol,
                one.price,
                one.market_time_us,
                None if one.tick is None else one.tick.partition,
                None if one.tick is None else one.tick.offset,
                message.originator_version,
                event.offset,
            )
    return list(newest.values())


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT_EVENTS, history(events))
    execute(cursor, _PUT_CONTROLS, controls(events))
    execute(cursor, _PUT_MARKS, marks(events))


def _limits(message: _Control) -> str | None:
    return json_text(_encode(message.limits)) if isinstance(message, DeskLimitsSet) else None


def _officer(message: _Control) -> str:
    return message.set_by if isinstance(message, DeskLimitsSet) else message.by
