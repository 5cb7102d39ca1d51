"""Bodies of backtests.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from msgspec import field

from tapeledger_client.model import Model, Open

BacktestAcceptedStatus: TypeAlias = Open[Literal["QUEUED"]]


BacktestStatus: TypeAlias = Open[Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELED"]]


class Backtest(Model, frozen=True, kw_only=True):
    """A job and, once it is done, its result."""

    backtest_id: str
    status: BacktestStatus
    progress: Decimal
    """the part of the period that is done, 0 to 1"""
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    request: dict[str, Any]
    """as it was asked for, defaults filled in"""
    figures: BacktestFigures | None
    """null until it is DONE"""
    failure: str | None
    """why, where it FAILED"""
    data_hash: str | None
    """SHA-256 of the ticks that it saw, hex"""


class BacktestAccepted(Model, frozen=True, kw_only=True):
    """The job is queued. `status_url` shows how far it is."""

    backtest_id: str
    status: BacktestAcceptedStatus
    status_url: str


class BacktestFigures(Model, frozen=True, kw_only=True):
    """Over the whole period, net of costs; returns and drawdown as parts of one."""

    total_return: Decimal
    annual_return: Decimal
    annual_volatility: Decimal
    sharpe_ratio: Decimal | None
    """null where nothing ever moved"""
    deflated_sharpe_ratio: Decimal | None
    """the probability that it is above zero, all trials counted"""
    max_drawdown: Decimal
    trades: int
    turnover: Decimal
    """traded value / initial cash"""
    costs_paid: Decimal
    final_equity: Decimal


class BacktestRequest(Model, frozen=True, kw_only=True):
    """A strategy over recorded ticks. A decision at the close of a bar fills at the open of the next, or later."""

    strategy: str
    model: ModelChoice
    symbols: Sequence[str]
    """each once"""
    from_: datetime = field(name="from")
    """market time of the first tick that counts"""
    to: datetime
    """before this market time"""
    initial_cash: Decimal
    """in the base currency, above zero"""
    costs: Costs | None = None
    seed: int = 0
    """of everything that is drawn: the same seed, the same result"""


class Costs(Model, frozen=True, kw_only=True):
    """What each fill costs, in basis points of its value, besides a fixed fee an order in the base currency."""

    commission_bps: Decimal = Decimal("0")
    half_spread_bps: Decimal = Decimal("0")
    slippage_bps: Decimal = Decimal("0")
    per_order: Decimal = Decimal("0")


class ModelChoice(Model, frozen=True, kw_only=True):
    """A registered model. version: a number, or an alias such as champion."""

    name: str
    version: str = "champion"
