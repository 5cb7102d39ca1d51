"""What was executed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.account_terms import Liquidity
from domain.events.base import LedgerEvent
from domain.events.links import LinkedOrder
from domain.numbers import ZERO
from domain.reports import FillEvidence
from domain.terms import OrderStatus, Side


class LotUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one lot that are closed. cost: what they cost, or were sold short for, without fees."""

    lot_id: str
    quantity: Decimal
    cost: Decimal


class OrderFilled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part or all was executed. The postings move the hold, the money, the units, the cost, the fees and the P&L.

    A purchase closes short units first: covered_quantity of them; the rest is a long lot. A sale closes long units;
    what it sells beyond them opens a short lot, for it has happened. lots: what was closed, by the account's lot
    method: long lots of a sale, short lots of a purchase. realized_pnl: what closed units brought less what they cost,
    before fees; zero where none was closed. fee: the venue's own. commission: by the account's fee schedule. All money
    is in `currency`; None stands for the account's base currency.
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
    currency: str | None = None
    liquidity: Liquidity | None = None
    commission: Decimal = ZERO
    covered_quantity: Decimal = ZERO
