"""What the query side answers about rebalances."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.fields import DecimalOut, TimeOut, View
from domain.terms import OrderStatus, Side

PlanStatus = Literal["UNDER_WAY", "DONE", "CANCELED"]


class PlannedOrder(View):
    """One order of a plan. status: null until it was sent."""

    order_id: str = Field(examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    symbol: str = Field(examples=["AAPL"])
    side: Side
    quantity: DecimalOut
    protection_price: DecimalOut = Field(description="per unit, the worst price at which it may fill")
    status: OrderStatus | None = None
    filled_quantity: DecimalOut | None = None
    average_price: DecimalOut | None = None
    reject_code: str | None = None


class RebalancePreview(View):
    """The orders that a rebalance would give now. Nothing was written.

    Send the ETag as If-Match, and exactly these orders are made, or none.
    """

    account_id: str = Field(examples=["acc_demo"])
    account_version: int
    equity: DecimalOut = Field(description="cash and positions at the marks, in the account's currency")
    marks: dict[str, DecimalOut] = Field(description="price per unit by symbol, as the ledger knows it")
    orders: list[PlannedOrder] = Field(description="sales first, then purchases")


class Rebalance(View):
    """A plan and how far it is. DONE: every order has ended, filled or not."""

    plan_id: str = Field(examples=["pln_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    account_id: str
    status: PlanStatus
    planned_at: TimeOut
    canceled_at: TimeOut | None
    equity: DecimalOut
    weights: dict[str, DecimalOut]
    cash_weight: DecimalOut
    drift_band: DecimalOut
    marks: dict[str, DecimalOut]
    orders: list[PlannedOrder]


class RebalanceLine(View):
    plan_id: str = Field(examples=["pln_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    planned_at: TimeOut
    canceled_at: TimeOut | None
    partition: int = Field(description="of ledger.events, where it was planned")
    record_offset: int
