"""The replacement of an order's terms: asked for, then answered by the venue."""

from __future__ import annotations

from decimal import Decimal

from domain.borrow import LocateUse
from domain.events.base import LedgerEvent
from domain.events.links import LinkedOrder
from domain.market import TickRef
from domain.terms import OrderStatus, OrderTerms


class OrderReplaceRequested(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody wants other terms; the venue has the last word (status PENDING_REPLACE).

    order: the new terms under the same order id. revision: counts what was asked for, from 1. changes: what was
    asked for, field by field, as text. hold_cash, hold_quantity: what is set aside besides what is held, so that both
    the old and the new terms are covered. currency: of the hold, None for the account's base currency. locates: what a
    short sale may borrow besides.
    """

    command_id: str
    order_id: str
    dispatch_epoch: int
    revision: int
    order: OrderTerms
    changes: dict[str, str]
    hold_cash: Decimal
    hold_quantity: Decimal
    limits_version: int = 0
    desk_version: int = 0
    overrides: tuple[str, ...] = ()
    currency: str | None = None
    locates: tuple[LocateUse, ...] = ()


class OrderReplaced(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue works the new terms. keeps_priority: by the venue's rule it keeps its place in the queue.

    active_after: the last tick that met the old terms, None where the venue has no ticks.

    released_cash, released_quantity: the part of the hold that the new terms do not need. linked: what becomes of the
    orders of its group that waited for it, where nothing is left of it (status FILLED).
    """

    report_id: str
    order_id: str
    dispatch_epoch: int
    revision: int
    keeps_priority: bool
    order: OrderTerms
    leaves_quantity: Decimal
    status: OrderStatus
    released_cash: Decimal
    released_quantity: Decimal
    active_after: TickRef | None = None
    linked: tuple[LinkedOrder, ...] = ()


class OrderReplaceRefused(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue goes on with the old terms. code: the venue's, CATEGORY_CONDITION.

    released_cash, released_quantity: the part of the hold that the old terms do not need.
    """

    report_id: str
    order_id: str
    dispatch_epoch: int
    revision: int
    code: str
    text: str
    status: OrderStatus
    released_cash: Decimal
    released_quantity: Decimal
