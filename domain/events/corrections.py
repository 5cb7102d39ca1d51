"""Fills that were re-stated. The fill itself stays on the tape as it was reported; these say what it is taken for now.

Names: FIX ExecType (tag 150) G, trade correct, and H, trade cancel.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.events.base import LedgerEvent
from domain.events.corporate import LotState
from domain.events.links import LinkedOrder
from domain.numbers import ZERO
from domain.terms import OrderStatus, Side


class RestatedAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By how much a corporate action since the fill comes out differently.

    account_version: of the event that it was.
    """

    account_version: int
    market_time_us: int
    quantity_change: Decimal
    cash_change: Decimal
    realized_pnl_change: Decimal


class FillRestated(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After it everything is as if the fill had been like this from the beginning. The postings are the difference.

    report_id: the venue's word; command_id, actor: the operator's; the other is empty. old_quantity, old_price,
    old_fee: what the fill was taken for before. cumulative_quantity, leaves_quantity, status: of its order, of which a
    finished one stays finished. hold_cash, hold_quantity: by how much more is set aside for the order.
    quantity_change, cash_change, realized_pnl_change, fees_change: of the position and of free and held cash together.
    lots, position_quantity, position_cost, position_realized_pnl: the position afterwards. actions: corporate actions
    since the fill that come out differently; their part is in the changes. linked: what more units mean for the other
    orders of the order's group; what followed from units that never were is not undone. Quantities and costs of the
    position are long less short. currency: None for the account's. commission_change: what the order owes by its fee
    schedule is computed anew; the difference is in cash_change.
    """

    report_id: str
    command_id: str
    actor: str
    reason: str
    reference: str
    order_id: str
    execution_id: str
    symbol: str
    side: Side
    market_time_us: int
    old_quantity: Decimal
    old_price: Decimal
    old_fee: Decimal
    cumulative_quantity: Decimal
    leaves_quantity: Decimal
    status: OrderStatus
    hold_cash: Decimal
    hold_quantity: Decimal
    quantity_change: Decimal
    cash_change: Decimal
    realized_pnl_change: Decimal
    fees_change: Decimal
    position_quantity: Decimal
    position_cost: Decimal
    position_realized_pnl: Decimal
    lots: tuple[LotState, ...]
    actions: tuple[RestatedAction, ...] = ()
    linked: tuple[LinkedOrder, ...] = ()
    currency: str | None = None
    commission_change: Decimal = ZERO


class FillCorrected(FillRestated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fill is taken for these figures from now on, in the terms of its own day (before any split since)."""

    quantity: Decimal
    price: Decimal
    fee: Decimal


class FillBusted(FillRestated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fill never was."""
