"""How groups of orders come into the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events, lifecycle
from domain.fingerprints import order_content
from domain.folds.closing import move_hold
from domain.numbers import ZERO
from domain.orders import ClosedOrder, Group, Order

if TYPE_CHECKING:
    from domain.account import Account


def accepted(account: Account, event: events.OrderGroupAccepted) -> None:
    group = Group(group_id=event.group_id, kind=event.kind, order_ids=tuple(terms.order_id for terms in event.orders))
    account.groups[event.group_id] = group
    for place, terms in enumerate(event.orders):
        waits = place > 0 and event.kind != "OCO"
        status: events.OrderStatus = "SUSPENDED" if waits else "PENDING_NEW"
        lifecycle.check(None, "OrderGroupAccepted", status)
        account.closed.pop(terms.order_id, None)
        account.orders[terms.order_id] = Order(
            terms=terms,
            status=status,
            hold_cash=ZERO,
            hold_quantity=ZERO,
            dispatch_epoch=0 if waits else event.dispatch_epoch,
            fingerprint=order_content(terms),
            accepted_at_us=event.timestamp,
            desk_version=event.desk_version,
        )
    first = account.orders[event.orders[0].order_id]
    holder = account.holder(first)
    holder.hold_cash, holder.hold_quantity = event.hold_cash, event.hold_quantity
    move_hold(account, first.terms.symbol, event.hold_cash, event.hold_quantity)


def rejected(account: Account, event: events.OrderGroupRejected) -> None:
    for terms in event.orders:
        lifecycle.check(None, "OrderGroupRejected", "REJECTED")
        closed = ClosedOrder(
            status="REJECTED",
            fingerprint=order_content(terms),
            dispatch_epoch=0,
            worker_id=None,
            executions=frozenset(),
            closed_at_us=event.timestamp,
        )
        account.remember_closed(terms.order_id, closed)
