"""A rebalance that is under way, as the account knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain.terms import OrderTerms

if TYPE_CHECKING:
    from domain.account import Account


class Plan(msgspec.Struct, kw_only=True):
    """A plan that is under way. orders: sales first. done: ids of those that have ended, refused ones included."""

    plan_id: str
    orders: tuple[OrderTerms, ...]
    done: set[str] = msgspec.field(default_factory=set)
    canceled: bool = False

    def is_over(self, account: Account) -> bool:
        """Whether nothing of it can happen any more."""
        if self.canceled:
            return not any(order.order_id in account.orders for order in self.orders)
        return len(self.done) == len(self.orders)

    def due(self, account: Account) -> list[OrderTerms]:
        """The orders that are to be sent now: the sales, and when all of them have ended the purchases."""
        if self.canceled:
            return []
        sales = [order for order in self.orders if order.is_sale]
        wanted = sales if any(order.order_id not in self.done for order in sales) else self.orders
        return [order for order in wanted if order.order_id not in self.done and order.order_id not in account.orders]
