"""An order as the account knows it, open or closed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.borrow import LocateUse
from domain.fees import Tally
from domain.market import TickRef
from domain.numbers import ZERO
from domain.terms import OrderStatus, OrderTerms


class Order(msgspec.Struct, kw_only=True):
    """An order that is not done.

    hold_cash, hold_quantity: what is still set aside. worker_id: who acknowledged it under this dispatch epoch, None
    when nobody has. acknowledged_after: the tick from which it fills, kept when it is dispatched again.
    resume_after: the tick of the last fill. executions: ids of the fills taken. currency: of its prices and its hold.
    tally: what it was charged, None where its account has no fee schedule. locates: what a short sale may still borrow.
    """

    terms: OrderTerms
    status: OrderStatus
    hold_cash: Decimal
    hold_quantity: Decimal
    currency: str
    dispatch_epoch: int
    fingerprint: bytes
    accepted_at_us: int
    cumulative_quantity: Decimal = ZERO
    worker_id: str | None = None
    acknowledged_after: TickRef | None = None
    resume_after: TickRef | None = None
    executions: set[str] = msgspec.field(default_factory=set)
    tally: Tally | None = None
    locates: list[LocateUse] = msgspec.field(default_factory=list)

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
