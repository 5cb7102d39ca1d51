"""How the replacement of an order's terms changes the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import borrow, events
from domain.fingerprints import replace_content
from domain.folds import links
from domain.folds.closing import borrow_more, close, release, set_aside
from domain.numbers import ZERO
from domain.orders import Order

if TYPE_CHECKING:
    from domain.account import Account


def requested(account: Account, event: events.OrderReplaceRequested) -> None:
    order = account.orders[event.order_id]
    set_aside(account, order, event.hold_cash, event.hold_quantity)
    borrow_more(account, order, event.locates)
    order.replacement = event.order
    order.revision = event.revision
    order.move("OrderReplaceRequested", "PENDING_REPLACE")
    account.remember_command(event.command_id, replace_content(event.order_id, event.changes), event.timestamp)


def replaced(account: Account, event: events.OrderReplaced) -> None:
    order = account.orders[event.order_id]
    order.terms = event.order
    order.replacement = None
    if event.active_after is not None:  # the ticks before have met the old terms
        order.resume_after = event.active_after
        if not event.keeps_priority:
            order.queued_after = event.active_after
    release(account, order, event.released_cash, event.released_quantity)
    order.move("OrderReplaced", event.status)
    _return_locates(account, order)
    if event.linked:
        links.apply(account, event.linked, event.timestamp, order.resume_after)
    if event.status == "FILLED":
        close(account, order, "FILLED", event.timestamp)


def refused(account: Account, event: events.OrderReplaceRefused) -> None:
    order = account.orders[event.order_id]
    order.replacement = None
    release(account, order, event.released_cash, event.released_quantity)
    order.move("OrderReplaceRefused", event.status)
    _return_locates(account, order)


def _return_locates(account: Account, order: Order) -> None:
    """What the terms that the venue works will not borrow is free again; legs that share locates keep them."""
    if order.locates:
        borrow.make_free(account.locates, order.locates, max(ZERO, order.leaves_quantity))
