"""Which working orders a kill switch or a throttle cancels, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain import groups
from domain.account import Account
from domain.events import LinkedOrder
from domain.orders import Order


def of_strategy(account: Account, strategy_id: str) -> list[Order]:
    return [order for order in account.orders.values() if order.terms.strategy_id == strategy_id]


def cancels(orders: Iterable[Order]) -> tuple[LinkedOrder, ...]:
    """What waits for its parent is void at once, the venue is asked to cancel the rest, unless it has been asked."""
    return tuple(
        LinkedOrder(
            order_id=order.terms.order_id,
            effect="CANCELED" if order.is_suspended else "CANCEL_REQUESTED",
            quantity=order.terms.quantity,
        )
        for order in orders
        if order.status != "PENDING_CANCEL"
    )


def after_stop(account: Account, strategy_id: str, filled: Order, leaves: Decimal) -> tuple[LinkedOrder, ...]:
    """Of a fill that stops its strategy: all that works of it, and all of the order's group, whoever sent it.

    leaves: what is left of the order itself. The group gets nothing of what another fill would have meant for it.
    """
    group = account.groups.get(filled.terms.group_id or "")
    legs = [] if group is None else list(groups.open_legs(account, group))
    others = of_strategy(account, strategy_id)
    orders = {order.terms.order_id: order for order in (*legs, *others) if leaves or order is not filled}
    return cancels(orders.values())
