"""How an event changes the other orders of its group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from domain.events import LinkedOrder
from domain.folds.closing import borrow_more, close, set_aside
from domain.market import TickRef

if TYPE_CHECKING:
    from domain.account import Account

FIRST_EPOCH = 1


def apply(account: Account, linked: Iterable[LinkedOrder], at_us: int, after: TickRef | None = None) -> None:
    """at_us: the event's record time. after: the tick of what caused it, after which an activated order begins."""
    for link in linked:
        order = account.orders[link.order_id]
        match link.effect:
            case "ACTIVATED":
                order.terms = order.terms.of_quantity(link.quantity)
                order.dispatch_epoch = FIRST_EPOCH
                order.acknowledged_after = order.terms.active_after or after
                set_aside(account, order, link.hold_cash, link.hold_quantity)
                borrow_more(account, order, link.locates)
                order.move("linked ACTIVATED", "PENDING_NEW")
            case "REDUCED":
                order.replacement = (order.replacement or order.terms).of_quantity(link.quantity)
                order.revision = link.revision
                order.move("linked REDUCED", "PENDING_REPLACE")
            case "CANCEL_REQUESTED":
                order.move("linked CANCEL_REQUESTED", "PENDING_CANCEL")
            case "CANCELED":
                order.move("linked CANCELED", "CANCELED")
                close(account, order, "CANCELED", at_us)
