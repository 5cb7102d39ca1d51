"""The way of an order, but for its executions (domain.events.fills) and its replacement (domain.events.replaces)."""

from __future__ import annotations

from decimal import Decimal

from domain.borrow import LocateUse
from domain.events.base import LedgerEvent
from domain.events.links import LinkedOrder
from domain.market import TickRef
from domain.terms import OrderTerms


class OrderAccepted(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Checked, held and ready for dispatch (status PENDING_NEW).

    hold_cash: cash set aside: for a purchase, for a sale's commission, or the initial margin of a margin account's
    order. It is in `currency`, as the order's prices are; None stands for the account's base currency.
    hold_quantity: units set aside (SELL). locates: what a short sale may borrow, pending from here on.
    limits_version, desk_version: of the limits under which it was checked, of the account and of the desk; 0: of none.
    A halt at a higher version of the desk kills it, see domain.desk.
    overrides: ids of those by which it passed checks that it had not passed otherwise.
    """

    command_id: str
    order: OrderTerms
    hold_cash: Decimal
    hold_quantity: Decimal
    dispatch_epoch: int
    limits_version: int = 0
    desk_version: int = 0
    overrides: tuple[str, ...] = ()
    currency: str | None = None
    locates: tuple[LocateUse, ...] = ()


class OrderRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order did not pass a check. code: stable CATEGORY_CONDITION; details: the values that failed."""

    command_id: str
    order: OrderTerms
    code: str
    text: str
    details: dict[str, str]
    limits_version: int = 0
    desk_version: int = 0


class OrderAcknowledged(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue has it (status NEW). active_after: it fills from the first tick of its symbol after this one."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    worker_id: str
    venue: str
    active_after: TickRef | None


class OrderCancelRequested(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants what is left cancelled; the venue has the last word (status PENDING_CANCEL)."""

    command_id: str
    order_id: str
    dispatch_epoch: int
    linked: tuple[LinkedOrder, ...] = ()
    limits_version: int = 0
    desk_version: int = 0


class OrderTriggered(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price has met the stop: the order is at the market from here on (RTS 24 event TRIG).

    price, tick: what has met it. status: as it was.
    """

    report_id: str
    order_id: str
    dispatch_epoch: int
    venue: str
    price: Decimal
    tick: TickRef | None
    market_time_us: int


class OrderExpired(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Its time in force is over; what was left is void and its hold released (status EXPIRED).

    reason: `day_over`, `date_reached`, `nothing_immediate` (IOC, FOK), `auction_over` (AT_OPEN, AT_CLOSE), or the
    venue's own.
    """

    report_id: str
    order_id: str
    dispatch_epoch: int
    reason: str
    market_time_us: int
    expired_quantity: Decimal
    released_cash: Decimal
    released_quantity: Decimal
    linked: tuple[LinkedOrder, ...] = ()


class OrderCanceled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was left is void and its hold released (status CANCELED)."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    reason: str
    canceled_quantity: Decimal
    released_cash: Decimal
    released_quantity: Decimal
    linked: tuple[LinkedOrder, ...] = ()


class OrderRefusedByVenue(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue did not take the order; the hold is released (status REJECTED)."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    code: str
    text: str
    released_cash: Decimal
    released_quantity: Decimal
    linked: tuple[LinkedOrder, ...] = ()


class OrderRedispatched(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order goes to the engine again under a higher epoch; reports of lower epochs are refused from here on."""

    report_id: str
    order_id: str
    dispatch_epoch: int
    reason: str
