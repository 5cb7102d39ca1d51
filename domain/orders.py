"""An order as the account knows it, open or closed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.market import TickRef
from domain.numbers import ZERO
from domain.terms import OrderStatus, OrderTerms


class Order(msgspec.Struct, kw_only=True):
    """An order that is not done.

    hold_cash, hold_quantity: what is still set aside. worker_id: who acknowledged it under this dispatch epoch, None
    when nobody has. acknowledged_after: the tick from which it fills, kept when it is dispatched again.
    resume_after: the tick of the last fill. executions: ids of the fills taken.
    """

    terms: OrderTerms
    status: OrderStatus
    hold_cash: Decimal
    hold_quantity: Decimal
    dispatch_epoch: int
    fingerprint: bytes
    accepted_at_us: int
    cumulative_quantity: Decimal = ZERO
    worker_id: str | None = None
    acknowledged_after: TickRef | None = None
    resume_after: TickRef | None = None
    executions: set[str] = msgspec.field(default_factory=set)

    @property
    def leaves_quantity(self) -> Decimal:
        return self.terms.quantity - self.cumulative_quantity

    @property
    def price(self) -> Decimal | None:
        """The worst price at which it may fill."""
        return self.terms.worst_price


class ClosedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an order that is done, to know its repeats. status: FILLED, CANCELED or REJECTED."""

    status: OrderStatus
    fingerprint: bytes
    dispatch_epoch: int
    worker_id: str | None
    executions: frozenset[str]
    closed_at_us: int
