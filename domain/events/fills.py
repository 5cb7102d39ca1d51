"""What was executed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.events.base import LedgerEvent
from domain.events.links import LinkedOrder
from domain.numbers import ZERO
from domain.reports import FillEvidence
from domain.terms import OrderStatus, Side


class LotUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units taken from one lot by a sale. cost: what those units cost, in the account's currency, fees excluded."""

    lot_id: str
    quantity: Decimal
    cost: Decimal


class OrderFilled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part or all was executed. The postings move the hold, the money, the units, the cost, the fee and the P&L.

    lots: for a sale, the lots it consumed. realized_pnl: proceeds less their cost, before fees; zero for a purchase.
    released_cash: the part of the hold that is no longer needed; released_quantity: units that are held no more besides
    those sold; below zero: units sold that were not held. linked: what it means for other orders. status:
    PARTIALLY_FILLED, PENDING_CANCEL, PENDING_REPLACE or FILLED. disabled_strategy: the order's, when this fill
    reached its throttle (RTS 6 article 15(3)): it may not trade until a named person enables it, and `linked` cancels
    what works of it. desk_version: of the desk's limits at the time.
    """

    report_id: str
    order_id: str
    execution_id: str
    dispatch_epoch: int
    symbol: str
    side: Side
    venue: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    cumulative_quantity: Decimal
    leaves_quantity: Decimal
    status: OrderStatus
    realized_pnl: Decimal
    released_cash: Decimal
    lots: tuple[LotUse, ...]
    market_time_us: int
    evidence: FillEvidence | None = None
    linked: tuple[LinkedOrder, ...] = ()
    released_quantity: Decimal = ZERO
    disabled_strategy: str | None = None
    desk_version: int = 0
