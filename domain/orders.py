"""An order as the account knows it, open or closed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain import lifecycle
from domain.borrow import LocateUse
from domain.fees import Tally
from domain.market import TickRef
from domain.numbers import ZERO
from domain.terms import GroupKind, OrderStatus, OrderTerms


class Order(msgspec.Struct, kw_only=True):
    """An order that is not done.

    hold_cash, hold_quantity: what is still set aside. worker_id: who acknowledged it under this dispatch epoch, None
    when nobody has. acknowledged_after: the tick from which it fills, kept when it is dispatched again.
    resume_after: the tick of the last fill, or the last one that met other terms; after a trigger the place before its
    tick, on which it may fill as well. queued_after: the tick of the trigger, or after which a replacement has cost it
    its place in the venue's queue.
    executions: ids of the fills taken. triggered: its stop was met. revision: counts the replacements asked for;
    replacement: the terms asked for that the venue has not answered yet.
    desk_version: of the partition's desk when it was accepted, see domain.desk.
    currency: of its prices and its hold. tally: what it was charged, None where its account has no fee schedule.
    locates: what a short sale may still borrow.
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
    queued_after: TickRef | None = None
    executions: set[str] = msgspec.field(default_factory=set)
    triggered: bool = False
    revision: int = 0
    replacement: OrderTerms | None = None
    desk_version: int = 0
    tally: Tally | None = None
    locates: list[LocateUse] = msgspec.field(default_factory=list)

    @property
    def leaves_quantity(self) -> Decimal:
        return self.terms.quantity - self.cumulative_quantity

    @property
    def exclusive(self) -> bool:
        """Whether it shares its hold with the other legs of its group, of which one excludes the others."""
        return self.terms.group_id is not None and self.terms.is_exclusive

    @property
    def is_suspended(self) -> bool:
        """Whether it waits for its parent and was never dispatched."""
        return self.status == "SUSPENDED"

    @property
    def working_status(self) -> OrderStatus:
        """The status when nothing is asked of the venue."""
        if self.cumulative_quantity:
            return "PARTIALLY_FILLED"
        return "PENDING_NEW" if self.worker_id is None else "NEW"

    def move(self, by: str, status: OrderStatus) -> None:
        """Change the status. Raises BooksError when domain.lifecycle does not allow the step."""
        lifecycle.check(self.status, by, status)
        self.status = status

    @property
    def price(self) -> Decimal | None:
        """The worst price at which it may fill."""
        return self.terms.worst_price


class Group(msgspec.Struct, kw_only=True):
    """Orders that depend on each other, while one of them is open. order_ids: for OTO and BRACKET the parent first.

    hold_cash, hold_quantity, locates: what its exclusive legs share.
    """

    group_id: str
    kind: GroupKind
    order_ids: tuple[str, ...]
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO
    locates: list[LocateUse] = msgspec.field(default_factory=list)


class ClosedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an order that is done, to know its repeats. status: a terminal one.

    quantity, cumulative_quantity: what was ordered, and what was filled of it, both zero when it was never accepted.
    tally: what it was charged, None where there was no fee schedule.
    """

    status: OrderStatus
    fingerprint: bytes
    dispatch_epoch: int
    worker_id: str | None
    executions: frozenset[str]
    closed_at_us: int
    quantity: Decimal = ZERO
    cumulative_quantity: Decimal = ZERO
    tally: Tally | None = None
