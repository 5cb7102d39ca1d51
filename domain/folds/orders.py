"""How the way of an order changes the account, but for executions and replacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import borrow, events
from domain.fees import Tally
from domain.fingerprints import cancel_content, order_content
from domain.folds.closing import close, move_hold
from domain.orders import ClosedOrder, Order

if TYPE_CHECKING:
    from domain.account import Account


def accepted(account: Account, event: events.OrderAccepted) -> None:
    terms, currency = event.order, event.currency or account.currency
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
        tally=None if account.fee_schedule is None else Tally(schedule=account.fee_schedule),
        locates=list(event.locates),
    )


def rejected(account: Account, event: events.OrderRejected) -> None:
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
    if order.status == "PENDING_NEW":
        order.status = "NEW"


def cancel_requested(account: Account, event: events.OrderCancelRequested) -> None:
    account.orders[event.order_id].status = "PENDING_CANCEL"
    account.remember_command(event.command_id, cancel_content(event.order_id), event.timestamp)


def canceled(account: Account, event: events.OrderCanceled) -> None:
    order = account.orders[event.order_id]
    move_hold(account, order.currency, order.terms.symbol, -event.released_cash, -event.released_quantity)
    close(account, order, "CANCELED", event.timestamp)


def refused(account: Account, event: events.OrderRefusedByVenue) -> None:
    order = account.orders[event.order_id]
    move_hold(account, order.currency, order.terms.symbol, -event.released_cash, -event.released_quantity)
    close(account, order, "REJECTED", event.timestamp)


def redispatched(account: Account, event: events.OrderRedispatched) -> None:
    order = account.orders[event.order_id]
    order.dispatch_epoch = event.dispatch_epoch
    order.worker_id = None
