"""A portfolio that is brought to target weights."""

from __future__ import annotations

from decimal import Decimal

from domain.events.base import LedgerEvent
from domain.events.links import LinkedOrder
from domain.terms import OrderTerms


class RebalancePlanned(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The orders that bring the positions to their weights: sales first, then purchases, each in the order of symbols.

    The orders come as commands of their own, with these ids: the sales at once, the purchases when the sales are done.
    equity: cash and positions at `marks`, in the account's currency. marks: price per unit of each symbol looked at.
    """

    command_id: str
    plan_id: str
    weights: dict[str, Decimal]
    cash_weight: Decimal
    drift_band: Decimal
    allowance: Decimal
    equity: Decimal
    marks: dict[str, Decimal]
    orders: tuple[OrderTerms, ...]
    content: str


class RebalanceCanceled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No more orders of the plan are sent. linked: those that were working and are to be cancelled.

    unsent: ids of the orders that were never sent.
    """

    command_id: str
    plan_id: str
    unsent: tuple[str, ...]
    linked: tuple[LinkedOrder, ...] = ()
