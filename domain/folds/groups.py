"""How groups of orders come into the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events, lifecycle
from domain.fees import Tally
from domain.fingerprints import order_content
from domain.folds.closing import borrow_more, set_aside
from domain.numbers import ZERO
from domain.orders import ClosedOrder, Group, Order

if TYPE_CHECKING:
    from domain.account import Account


def accepted(account: Account, event: events.OrderGroupAccepted) -> None:
    group = Group(group_id=event.group_id, kind=event.kind, order_ids=tuple(terms.order_id for terms in event.orders))
    account.groups[event.group_id] = group
    currencies = event.currencies or (account.currency,) * len(event.orders)
    for place, (terms, currency) in enumerate(zip(event.orders, currencies, strict=True)):
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
            currency=currency,
            fingerprint=order_content(terms),
            accepted_at_us=event.timestamp,
            desk_version=event.desk_version,
            tally=None if account.fee_schedule is None else Tally(schedule=account.fee_schedule),
        )
    first = account.orders[event.orders[0].order_id]
    set_aside(account, first, event.hold_cash, event.hold_quantity)
    borrow_more(account, first, event.locates)


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
