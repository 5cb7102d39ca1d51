"""fills, order_events and command_rejections: one row an event, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from domain.events import (
    CommandRejected,
    FillRestated,
    LedgerEvent,
    OrderAccepted,
    OrderAcknowledged,
    OrderCanceled,
    OrderCancelRequested,
    OrderExpired,
    OrderFilled,
    OrderGroupAccepted,
    OrderGroupRejected,
    OrderRefusedByVenue,
    OrderRejected,
    OrderReplaceRequested,
)
from domain.numbers import ZERO, exact
from projections.rows import Cursor, Event, Row, execute, insert, json_text

FILLS = {
    "execution_id": "text",
    "order_id": "text",
    "account_id": "text",
    "symbol": "text",
    "side": "text",
    "quantity": "numeric",
    "price": "numeric",
    "fee": "numeric",
    "realized_pnl": "numeric",
    "cash_change": "numeric",
    "venue": "text",
    "market_time": "timestamptz",
    "recorded_at": "timestamptz",
    "evidence": "jsonb",
    "partition": "integer",
    "record_offset": "bigint",
}
ORDER_EVENTS = {
    "order_id": "text",
    "partition": "integer",
    "record_offset": "bigint",
    "event_type": "text",
    "status": "text",
    "recorded_at": "timestamptz",
    "market_time": "timestamptz",
    "data": "jsonb",
}
COMMAND_REJECTIONS = {
    "partition": "integer",
    "record_offset": "bigint",
    "account_id": "text",
    "command_id": "text",
    "command_type": "text",
    "code": "text",
    "text": "text",
    "details": "jsonb",
    "recorded_at": "timestamptz",
}
_INSERT_FILLS = insert("fills", FILLS)
_INSERT_ORDER_EVENTS = insert("order_events", ORDER_EVENTS)
_INSERT_COMMAND_REJECTIONS = insert("command_rejections", COMMAND_REJECTIONS)

_encode = msgspec.json.Encoder(decimal_format="string").encode
_STATUS: dict[type[LedgerEvent], str] = {
    OrderAccepted: "PENDING_NEW",
    OrderRejected: "REJECTED",
    OrderGroupAccepted: "PENDING_NEW",
    OrderGroupRejected: "REJECTED",
    OrderAcknowledged: "NEW",
    OrderReplaceRequested: "PENDING_REPLACE",
    OrderCancelRequested: "PENDING_CANCEL",
    OrderCanceled: "CANCELED",
    OrderExpired: "EXPIRED",
    OrderRefusedByVenue: "REJECTED",
}


def cash_change(fill: OrderFilled) -> Decimal:
    """What a fill did to free and held cash together, in the instrument's currency."""
    with exact():
        return sum((leg.amount for leg in fill.postings if leg.account in ("cash", "hold")), ZERO)


def charges(fill: OrderFilled) -> Decimal:
    """The venue's fee and the account's commission together."""
    with exact():
        return fill.fee + fill.commission


def fills(events: Sequence[Event]) -> list[Row]:
    """Rows of FILLS."""
    return [_fill(event) for event in events if type(event.message) is OrderFilled]


def order_events(events: Sequence[Event]) -> list[Row]:
    """Rows of ORDER_EVENTS: all events that name an order, refused reports among them.

    A group's stands under its first order; order_history says which others it is about.
    """
    found: list[Row] = []
    for partition, offset, _, message, data in events:
        order_id = order_of(message)
        if order_id is None:
            continue
        is_fill = isinstance(message, OrderFilled | FillRestated)
        status = message.status if is_fill else _STATUS.get(type(message))
        market_time_us = getattr(message, "market_time_us", None)
        name = type(message).__name__
        found.append((order_id, partition, offset, name, status, message.timestamp, market_time_us, json_text(data)))
    return found


def command_rejections(events: Sequence[Event]) -> list[Row]:
    """Rows of COMMAND_REJECTIONS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.originator_id,
            event.message.command_id,
            event.message.command_type,
            event.message.code,
            event.message.text,
            json_text(_encode(event.message.details)),
            event.message.timestamp,
        )
        for event in events
        if type(event.message) is CommandRejected
    ]


def order_of(message: LedgerEvent) -> str | None:
    """The order that an event is about, or None."""
    if isinstance(message, (OrderAccepted, OrderRejected)):
        return message.order.order_id
    if isinstance(message, (OrderGroupAccepted, OrderGroupRejected)):
        return message.orders[0].order_id
    order_id: str | None = getattr(message, "order_id", None)
    return order_id


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT_FILLS, fills(events))
    execute(cursor, _INSERT_ORDER_EVENTS, order_events(events))
    execute(cursor, _INSERT_COMMAND_REJECTIONS, command_rejections(events))


def _fill(event: Event) -> Row:
    fill: OrderFilled = event.message
    return (
        fill.execution_id,
        fill.order_id,
        fill.originator_id,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        charges(fill),
        fill.realized_pnl,
        cash_change(fill),
        fill.venue,
        fill.market_time_us,
        fill.timestamp,
        None if fill.evidence is None else json_text(_encode(fill.evidence)),
        event.partition,
        event.offset,
    )
