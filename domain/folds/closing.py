"""What the ends of orders have in common: holds that move, and what is remembered of an order that is done."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain import borrow
from domain.orders import ClosedOrder, Order
from domain.terms import OrderStatus

if TYPE_CHECKING:
    from domain.account import Account


def move_hold(account: Account, currency: str, symbol: str, cash: Decimal, quantity: Decimal) -> None:
    """Set cash and units aside; below zero gives them back."""
    if cash:
        funds = account.funds[currency]
        funds.free -= cash
        funds.held += cash
    if quantity:
        position = account.positions[symbol]
        position.free -= quantity
        position.held += quantity


def close(account: Account, order: Order, status: OrderStatus, at_us: int) -> None:
    """The order is done: its locates are free again, and what knows its repeats is kept."""
    del account.orders[order.terms.order_id]
    if order.locates:
        borrow.make_free(account.locates, order.locates)
    closed = ClosedOrder(
        status=status,
        fingerprint=order.fingerprint,
        dispatch_epoch=order.dispatch_epoch,
        worker_id=order.worker_id,
        executions=frozenset(order.executions),
        closed_at_us=at_us,
    )
    account.remember_closed(order.terms.order_id, closed)
