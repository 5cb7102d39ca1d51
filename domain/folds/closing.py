"""What the ends of orders have in common: holds that move, and what is remembered of an order that is done."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.orders import ClosedOrder, Order
from domain.terms import OrderStatus

if TYPE_CHECKING:
    from domain.account import Account


def move_hold(account: Account, symbol: str, cash: Decimal, quantity: Decimal) -> None:
    account.cash -= cash
    account.held_cash += cash
    if quantity:
        position = account.positions[symbol]
        position.free -= quantity
        position.held += quantity


def close(account: Account, order: Order, status: OrderStatus, at_us: int) -> None:
    del account.orders[order.terms.order_id]
    closed = ClosedOrder(
        status=status,
        fingerprint=order.fingerprint,
        dispatch_epoch=order.dispatch_epoch,
        worker_id=order.worker_id,
        executions=frozenset(order.executions),
        closed_at_us=at_us,
    )
    account.remember_closed(order.terms.order_id, closed)
