"""orders, and the order book made of those that work with a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from domain.events import (
    OrderAccepted,
    OrderAcknowledged,
    OrderCanceled,
    OrderCancelRequested,
    OrderFilled,
    OrderRedispatched,
    OrderRefusedByVenue,
    OrderRejected,
)
from domain.numbers import ZERO, exact
from projections import book
from projections.rows import Cursor, Event, Row, execute, given, insert, json_text

NEW = {
    "order_id": "text",
    "account_id": "text",
    "client_order_id": "text",
    "symbol": "text",
    "side": "text",
    "order_type": "text",
    "quantity": "numeric",
    "limit_price": "numeric",
    "protection_price": "numeric",
    "status": "text",
    "filled_quantity": "numeric",
    "leaves_quantity": "numeric",
    "filled_value": "numeric",
    "fees": "numeric",
    "hold_cash": "numeric",
    "hold_quantity": "numeric",
    "reject_code": "text",
    "reject_text": "text",
    "reject_details": "jsonb",
    "cancel_reason": "text",
    "signal_id": "text",
    "strategy_id": "text",
    "dispatch_epoch": "bigint",
    "worker_id": "text",
    "venue": "text",
    "submitted_at": "timestamptz",
    "updated_at": "timestamptz",
    "version": "bigint",
    "partition": "integer",
    "record_offset": "bigint",
}
CHANGES = {
    "order_id": "text",
    "status": "text",
    "acknowledged": "boolean",
    "filled_quantity": "numeric",
    "leaves_quantity": "numeric",
    "filled_value": "numeric",
    "fees": "numeric",
    "released_cash": "numeric",
    "released_quantity": "numeric",
    "reject_code": "text",
    "reject_text": "text",
    "cancel_reason": "text",
    "dispatch_epoch": "bigint",
    "sent": "boolean",
    "worker_id": "text",
    "venue": "text",
    "updated_at": "timestamptz",
    "version": "bigint",
    "partition": "integer",
    "record_offset": "bigint",
}

# An id that the ledger has forgotten, or whose account was unknown, may come again: the new order takes the row.
_PUT = f"""
{insert("orders", NEW)}
on conflict (order_id) do update set {", ".join(f"{name} = excluded.{name}" for name in NEW if name != "order_id")}
"""
_CHANGE = f"""
update orders set
    status = case
        when given.status is not null then given.status
        when given.acknowledged and orders.status = 'PENDING_NEW' then 'NEW'
        else orders.status end,
    filled_quantity = coalesce(given.filled_quantity, orders.filled_quantity),
    leaves_quantity = coalesce(given.leaves_quantity, orders.leaves_quantity),
    filled_value = orders.filled_value + given.filled_value,
    fees = orders.fees + given.fees,
    hold_cash = orders.hold_cash - given.released_cash,
    hold_quantity = orders.hold_quantity - given.released_quantity,
    reject_code = coalesce(given.reject_code, orders.reject_code),
    reject_text = coalesce(given.reject_text, orders.reject_text),
    cancel_reason = coalesce(given.cancel_reason, orders.cancel_reason),
    dispatch_epoch = coalesce(given.dispatch_epoch, orders.dispatch_epoch),
    worker_id = case when given.sent then given.worker_id else orders.worker_id end,
    venue = coalesce(given.venue, orders.venue),
    updated_at = given.updated_at,
    version = given.version,
    partition = given.partition,
    record_offset = given.record_offset
from {given(CHANGES)} where orders.order_id = given.order_id
"""

_encode = msgspec.json.encode


@dataclass(slots=True)
class Change:
    """What a batch does to an order that has a row. None and False leave a column as it is, sums are added.

    acknowledged: NEW, if the order is PENDING_NEW till then and no later event gives a status.
    sent: the worker is `worker_id` now, or nobody (None).
    """

    order_id: str
    status: str | None = None
    acknowledged: bool = False
    filled_quantity: Decimal | None = None
    leaves_quantity: Decimal | None = None
    filled_value: Decimal = ZERO
    fees: Decimal = ZERO
    released_cash: Decimal = ZERO
    released_quantity: Decimal = ZERO
    reject_code: str | None = None
    reject_text: str | None = None
    cancel_reason: str | None = None
    dispatch_epoch: int | None = None
    sent: bool = False
    worker_id: str | None = None
    venue: str | None = None
    updated_at_us: int = 0
    version: int = 0
    partition: int = 0
    record_offset: int = 0

    def row(self) -> Row:
        """A row of CHANGES."""
        return tuple(getattr(self, name) for name in self.__slots__)


def fold(events: Sequence[Event]) -> tuple[list[Row], list[Row]]:
    """Rows of NEW, and rows of CHANGES to be applied after them: at most one of each for an order."""
    new: dict[str, Row] = {}
    changes: dict[str, Change] = {}
    with exact():
        for event in events:
            kind = type(event.message)
            if kind is OrderAccepted or kind is OrderRejected:
                order_id = event.message.order.order_id
                new[order_id] = _new(event)
                changes.pop(order_id, None)
                continue
            put = _CHANGED_BY.get(kind)
            if put is None:
                continue
            message = event.message
            change = changes.get(message.order_id)
            if change is None:
                change = changes[message.order_id] = Change(message.order_id)
            put(change, message)
            change.updated_at_us, change.version = message.timestamp, message.originator_version
            change.partition, change.record_offset = event.partition, event.offset
    return list(new.values()), [change.row() for change in changes.values()]


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    """Write orders, and move the order book by the difference."""
    new, changes = fold(events)
    order_ids = sorted({row[0] for row in new} | {row[0] for row in changes})
    if not order_ids:
        return
    before = book.levels(cursor, order_ids)
    execute(cursor, _PUT, new)
    execute(cursor, _CHANGE, changes)
    book.move(cursor, before, book.levels(cursor, order_ids))


def _new(event: Event) -> Row:
    message, order = event.message, event.message.order
    accepted = isinstance(message, OrderAccepted)
    return (
        order.order_id,
        message.originator_id,
        order.client_order_id,
        order.symbol,
        order.side,
        order.order_type,
        order.quantity,
        order.limit_price,
        order.protection_price,
        "PENDING_NEW" if accepted else "REJECTED",
        ZERO,
        order.quantity if accepted else ZERO,
        ZERO,
        ZERO,
        message.hold_cash if accepted else ZERO,
        message.hold_quantity if accepted else ZERO,
        None if accepted else message.code,
        None if accepted else message.text,
        None if accepted else json_text(_encode(message.details)),
        None,
        order.signal_id,
        order.strategy_id,
        message.dispatch_epoch if accepted else None,
        None,
        None,
        message.timestamp,
        message.timestamp,
        message.originator_version,
        event.partition,
        event.offset,
    )


def _acknowledged(change: Change, message: OrderAcknowledged) -> None:
    change.acknowledged = True
    change.sent, change.worker_id, change.venue = True, message.worker_id, message.venue


def _filled(change: Change, message: OrderFilled) -> None:
    change.status = message.status
    change.filled_quantity, change.leaves_quantity = message.cumulative_quantity, message.leaves_quantity
    change.filled_value += message.quantity * message.price
    change.fees += message.fee + message.commission
    change.released_cash += message.released_cash
    if message.side == "SELL":
        change.released_quantity += message.quantity


def _cancel_requested(change: Change, message: OrderCancelRequested) -> None:
    change.status = "PENDING_CANCEL"
    change.dispatch_epoch = message.dispatch_epoch


def _done(change: Change, message: OrderCanceled | OrderRefusedByVenue, status: str) -> None:
    change.status, change.leaves_quantity = status, ZERO
    change.released_cash += message.released_cash
    change.released_quantity += message.released_quantity


def _canceled(change: Change, message: OrderCanceled) -> None:
    _done(change, message, "CANCELED")
    change.cancel_reason = message.reason


def _refused(change: Change, message: OrderRefusedByVenue) -> None:
    _done(change, message, "REJECTED")
    change.reject_code, change.reject_text = message.code, message.text


def _redispatched(change: Change, message: OrderRedispatched) -> None:
    change.dispatch_epoch = message.dispatch_epoch
    change.sent, change.worker_id = True, None


_CHANGED_BY: dict[type[Any], Callable[[Change, Any], None]] = {
    OrderAcknowledged: _acknowledged,
    OrderFilled: _filled,
    OrderCancelRequested: _cancel_requested,
    OrderCanceled: _canceled,
    OrderRefusedByVenue: _refused,
    OrderRedispatched: _redispatched,
}
