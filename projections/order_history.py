"""order_history: what each event did to each order that it touches, one row a step, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from domain.events import FillBusted, FillCorrected, OrderCanceled, OrderExpired, OrderFilled, OrderTriggered
from projections.order_effects import Touch
from projections.order_state import OrderState, text
from projections.rows import Cursor, Event, Row, execute, insert, json_text

COLUMNS = {
    "order_id": "text",
    "account_id": "text",
    "partition": "integer",
    "record_offset": "bigint",
    "leg": "integer",
    "event_type": "text",
    "caused_by": "text",
    "effect": "text",
    "status_before": "text",
    "status_after": "text",
    "changes": "jsonb",
    "last_quantity": "numeric",
    "last_price": "numeric",
    "code": "text",
    "reason": "text",
    "recorded_at": "timestamptz",
    "market_time": "timestamptz",
}
TRACKED = {
    "quantity": "quantity",
    "limit_price": "limit_price",
    "protection_price": "protection_price",
    "stop_price": "stop_price",
    "trail_amount": "trail_amount",
    "trail_bps": "trail_bps",
    "expire_at_us": "expire_at",
    "filled_quantity": "filled_quantity",
    "leaves_quantity": "leaves_quantity",
    "dispatch_epoch": "dispatch_epoch",
    "worker_id": "worker_id",
    "revision": "revision",
    "replace_revision": "replace_revision",
    "triggered_at_us": "triggered_at",
}
"""What `changes` tells of: its name there -> the column of orders."""

_INSERT = insert("order_history", COLUMNS)
_encode = msgspec.json.encode

View = Mapping[str, str | None]


def view(order: OrderState | None) -> View:
    """What a history tells of an order at one moment, as texts; empty when there is no such order."""
    if order is None:
        return {}
    return {"status": order.status, **{name: text(getattr(order, column)) for name, column in TRACKED.items()}}


def step(event: Event, leg: int, touch: Touch, before: View, after: View) -> Row:
    """A row of COLUMNS. leg: the place of the order among those that the event touches."""
    message, link = event.message, touch.link
    own = link is None
    cause = getattr(message, "order_id", None)  # a corporate action has no order of its own
    quantity, price = _executed(message) if own else (None, None)
    return (
        touch.order_id,
        message.originator_id,
        event.partition,
        event.offset,
        leg,
        type(message).__name__,
        None if link is None or link.order_id == cause else cause,
        None if link is None else link.effect,
        before.get("status"),
        after.get("status"),
        json_text(_encode(_changes(before, after))),
        quantity,
        price,
        getattr(message, "code", None) if own else None,
        (getattr(message, "reason", None) or getattr(message, "text", None)) if own else None,
        message.timestamp,
        getattr(message, "market_time_us", None),
    )


def write(cursor: Cursor, steps: Sequence[Row]) -> None:
    """steps: rows of COLUMNS."""
    execute(cursor, _INSERT, steps)


def _changes(before: View, after: View) -> dict[str, tuple[str | None, str | None]]:
    """Name -> before and after. Of a new order: all that it has."""
    return {
        name: (before.get(name), after[name]) for name in TRACKED if name in after and before.get(name) != after[name]
    }


def _executed(message: Any) -> tuple[Decimal | None, Decimal | None]:
    """Units that were executed or are void, and the price at which or by which something happened."""
    if isinstance(message, OrderFilled | FillCorrected):
        return message.quantity, message.price
    if isinstance(message, FillBusted):
        return message.old_quantity, message.old_price
    if isinstance(message, OrderCanceled):
        return message.canceled_quantity, None
    if isinstance(message, OrderExpired):
        return message.expired_quantity, None
    return None, message.price if isinstance(message, OrderTriggered) else None
