"""What the ends of orders have in common: holds that move, and what is remembered of an order that is done."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from domain import borrow
from domain.borrow import LocateUse
from domain.errors import BooksError
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


def release(account: Account, order: Order, cash: Decimal, quantity: Decimal) -> None:
    """Give back part of what is set aside for an open order, or for its group."""
    set_aside(account, order, -cash, -quantity)


def set_aside(account: Account, order: Order, cash: Decimal, quantity: Decimal) -> None:
    """Set aside more for an open order, or for its group."""
    holder = account.holder(order)
    holder.hold_cash += cash
    holder.hold_quantity += quantity
    move_hold(account, order.currency, order.terms.symbol, cash, quantity)


def borrow_more(account: Account, order: Order, uses: Sequence[LocateUse]) -> None:
    """Make locates pending for an open order, or for its group."""
    if uses:
        borrow.make_pending(account.locates, uses)
        account.holder(order).locates.extend(uses)


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
        quantity=order.terms.quantity,
        cumulative_quantity=order.cumulative_quantity,
        tally=order.tally,
    )
    account.remember_closed(order.terms.order_id, closed)
    group = account.groups.get(order.terms.group_id) if order.terms.group_id else None
    if group is not None and not any(order_id in account.orders for order_id in group.order_ids):
        if group.hold_cash or group.hold_quantity:
            raise BooksError(
                f"group {group.group_id} is done, {group.hold_cash} and {group.hold_quantity} are still held"
            )
        borrow.make_free(account.locates, group.locates)
        del account.groups[group.group_id]
