"""Query parameters of the lists of backtests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.fields import Symbol
from api.query.filters import PageFilters, Placed, TimedFilters
from domain.backtest_jobs import BacktestState


class BacktestFilters(Placed, TimedFilters):
    """from and to are the times at which they were asked for."""

    state: BacktestState | None = None
    requested_by: str | None = Field(None, pattern=r"^[ -~]{1,64}$", examples=["ada"])


class TradeFilters(PageFilters):
    """Of one backtest's trades, the newest entry first."""

    symbol: Symbol | None = None
    status: Literal["CLOSED", "OPEN"] | None = None


class EquityFilters(TimedFilters):
    """from and to are market times."""

    points: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="thin the curve between from and to evenly to at most so many points, the newest always among "
        "them; every point without it",
    )
