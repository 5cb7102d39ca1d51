"""Bodies of portfolio.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open
from tapeledger_client.models.shared import Decision, OrderSide, OrderStatus, Place

RebalanceStatus: TypeAlias = Open[Literal["UNDER_WAY", "DONE", "CANCELED"]]


class PlannedOrder(Model, frozen=True, kw_only=True):
    """One order of a plan. status: null until it was sent."""

    order_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    protection_price: Decimal
    """per unit, the worst price at which it may fill"""
    status: OrderStatus | None
    filled_quantity: Decimal | None
    average_price: Decimal | None
    reject_code: str | None


class Rebalance(Model, frozen=True, kw_only=True):
    """A plan and how far it is. DONE: every order has ended, filled or not."""

    plan_id: str
    account_id: str
    status: RebalanceStatus
    planned_at: datetime
    canceled_at: datetime | None
    equity: Decimal
    weights: dict[str, Decimal]
    cash_weight: Decimal
    drift_band: Decimal
    marks: dict[str, Decimal]
    orders: tuple[PlannedOrder, ...]


class RebalanceAsked(Model, frozen=True, kw_only=True):
    """A rebalance, or its cancel, is on the log; `status_url` shows the plan and how far it is."""

    command_id: str
    account_id: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""
    plan_id: str


class RebalanceLine(Model, frozen=True, kw_only=True):
    """Rebalance line."""

    plan_id: str
    planned_at: datetime
    canceled_at: datetime | None
    partition: int
    """of ledger.events, where it was planned"""
    record_offset: int


class RebalanceLinePage(Model, frozen=True, kw_only=True):
    """Rebalance line page."""

    data: tuple[RebalanceLine, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class RebalancePreview(Model, frozen=True, kw_only=True):
    """The orders that a rebalance would give now. Nothing was written.

    Send the ETag as If-Match, and exactly these orders are made, or none.
    """

    account_id: str
    account_version: int
    equity: Decimal
    """cash and positions at the marks, in the account's currency"""
    marks: dict[str, Decimal]
    """price per unit by symbol, as the ledger knows it"""
    orders: tuple[PlannedOrder, ...]
    """sales first, then purchases"""


class RebalanceRequest(Model, frozen=True, kw_only=True):
    """Target weights. They and cash_weight sum to one; what is held and not named is sold."""

    weights: Mapping[str, Decimal]
    """share of equity by symbol"""
    cash_weight: Decimal = Decimal("0")
    """share of equity that stays cash"""
    drift_band: Decimal = Decimal("0")
    """a position this near to its target, as a share of equity, is left alone"""
    allowance: Decimal = Decimal("0.10")
    """how far from its mark an order may fill, as a share of it"""
