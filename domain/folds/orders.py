"""How the way of an order changes the account, but for executions and replacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain import borrow, events, lifecycle
from domain.fees import Tally
from domain.fingerprints import cancel_content, order_content
from domain.folds import links
from domain.folds.closing import close, move_hold, release
from domain.orders import ClosedOrder, Order

if TYPE_CHECKING:
    from domain.account import Account


def accepted(account: Account, event: events.OrderAccepted) -> None:
    terms, currency = event.order, event.currency or account.currency
    lifecycle.check(None, "OrderAccepted", "PENDING_NEW")
    move_hold(account, currency, terms.symbol, event.hold_cash, event.hold_quantity)
    borrow.make_pending(account.locates, event.locates)
    account.closed.pop(terms.order_id, None)  # a finished order of this id was forgotten, or is about to be
    account.orders[terms.order_id] = Order(
        terms=terms,
        status="PENDING_NEW",
        hold_cash=event.hold_cash,
        hold_quantity=event.hold_quantity,
        currency=currency,
        dispatch_epoch=event.dispatch_epoch,
        fingerprint=order_content(terms),
        accepted_at_us=event.timestamp,
        desk_version=event.desk_version,
        tally=None if account.fee_schedule is None else Tally(schedule=account.fee_schedule),
        locates=list(event.locates),
    )


def rejected(account: Account, event: events.OrderRejected) -> None:
    lifecycle.check(None, "OrderRejected", "REJECTED")
    closed = ClosedOrder(
        status="REJECTED",
        fingerprint=order_content(event.order),
        dispatch_epoch=0,
        worker_id=None,
        executions=frozenset(),
        closed_at_us=event.timestamp,
    )
    account.remember_closed(event.order.order_id, closed)


def acknowledged(account: Account, event: events.OrderAcknowledged) -> None:
    order = account.orders[event.order_id]
    order.worker_id = event.worker_id
    order.acknowledged_after = event.active_after
    order.move("OrderAcknowledged", "NEW" if order.status == "PENDING_NEW" else order.status)


def triggered(account: Account, event: events.OrderTriggered) -> None:
    order = account.orders[event.order_id]
    order.triggered = True
    if event.tick is not None:  # it may fill on that very tick, so that one is met again
        order.resume_after = msgspec.structs.replace(event.tick, offset=event.tick.offset - 1)
        order.queued_after = event.tick
    order.move("OrderTriggered", order.status)


def cancel_requested(account: Account, event: events.OrderCancelRequested) -> None:
    if event.linked:  # it waits for its parent, and is void at once
        links.apply(account, event.linked, event.timestamp)
    else:
        account.orders[event.order_id].move("OrderCancelRequested", "PENDING_CANCEL")
    account.remember_command(event.command_id, cancel_content(event.order_id), event.timestamp)


def canceled(account: Account, event: events.OrderCanceled) -> None:
    _end(account, event, "CANCELED")


def expired(account: Account, event: events.OrderExpired) -> None:
    _end(account, event, "EXPIRED")


def refused(account: Account, event: events.OrderRefusedByVenue) -> None:
    _end(account, event, "REJECTED")


def _end(
    account: Account,
    event: events.OrderCanceled | events.OrderExpired | events.OrderRefusedByVenue,
    status: events.OrderStatus,
) -> None:
    order = account.orders[event.order_id]
    release(account, order, event.released_cash, event.released_quantity)
    order.move(type(event).__name__, status)
    if event.linked:
        links.apply(account, event.linked, event.timestamp, order.resume_after)
    close(account, order, status, event.timestamp)


def redispatched(account: Account, event: events.OrderRedispatched) -> None:
    order = account.orders[event.order_id]
    order.dispatch_epoch = event.dispatch_epoch
    order.worker_id = None
    order.move("OrderRedispatched", order.status)
