"""Backtests as jobs: asked for, watched, and their results read.

Boundaries: the bodies and answers are those that the runner will take and give; there is no runner yet. A backtest that
is asked for is checked whole, and then refused with 503 BACKTEST_RUNNER_MISSING.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Request
from pydantic import ConfigDict, Field, StringConstraints

from api.fields import Body, DecimalIn, DecimalOut, Symbol, TimeIn, TimeOut, View, WholeIn
from api.problems import ProblemError, refused

router = APIRouter()

SYMBOLS_MAX = 50
_NAME = r"^[A-Za-z0-9_.-]{1,64}$"
Name = Annotated[str, StringConstraints(pattern=_NAME)]
BacktestId = Annotated[str, Path(pattern=r"^bkt_[0-9a-f]{32}$", examples=["bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])]


class ModelChoice(Body):
    """A registered model. version: a number, or an alias such as champion."""

    name: Name = Field(examples=["xgboost"])
    version: Name = Field("champion", examples=["champion", "3"])


class Costs(Body):
    """What each fill costs, in basis points of its value, besides a fixed fee an order in the base currency."""

    commission_bps: DecimalIn = Field(Decimal(0), examples=["1"])
    half_spread_bps: DecimalIn = Field(Decimal(0), examples=["2"])
    slippage_bps: DecimalIn = Field(Decimal(0), examples=["1.5"])
    per_order: DecimalIn = Field(Decimal(0), examples=["0.35"])


_EXAMPLE: dict[str, Any] = {
    "strategy": "momentum",
    "model": {"name": "xgboost", "version": "champion"},
    "symbols": ["AAPL", "IBM"],
    "from": "2011-01-03T00:00:00.000000Z",
    "to": "2012-12-31T00:00:00.000000Z",
    "initial_cash": "100000.00",
    "costs": {"commission_bps": "1", "half_spread_bps": "2"},
}


class BacktestRequest(Body):
    """A strategy over recorded ticks. A decision at the close of a bar fills at the open of the next, or later."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    strategy: Name = Field(examples=["momentum"])
    model: ModelChoice
    symbols: list[Symbol] = Field(min_length=1, max_length=SYMBOLS_MAX, description="each once", examples=[["AAPL"]])
    start: TimeIn = Field(alias="from", description="market time of the first tick that counts")
    end: TimeIn = Field(alias="to", description="before this market time")
    initial_cash: DecimalIn = Field(description="in the base currency, above zero", examples=["100000.00"])
    costs: Costs = Field(default_factory=Costs)
    seed: WholeIn = Field(
        0, ge=0, le=2**31 - 1, description="of everything that is drawn: the same seed, the same result"
    )


class BacktestAccepted(View):
    """The job is queued. `status_url` shows how far it is."""

    backtest_id: str = Field(examples=["bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    status: Literal["QUEUED"]
    status_url: str = Field(examples=["/api/backtest/bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])


class BacktestFigures(View):
    """Over the whole period, net of costs; returns and drawdown as parts of one."""

    total_return: DecimalOut = Field(examples=["0.1423"])
    annual_return: DecimalOut
    annual_volatility: DecimalOut
    sharpe_ratio: DecimalOut | None = Field(description="null where nothing ever moved")
    deflated_sharpe_ratio: DecimalOut | None = Field(
        description="the probability that it is above zero, all trials counted"
    )
    max_drawdown: DecimalOut
    trades: int
    turnover: DecimalOut = Field(description="traded value / initial cash")
    costs_paid: DecimalOut
    final_equity: DecimalOut


class Backtest(View):
    """A job and, once it is done, its result."""

    backtest_id: str = Field(examples=["bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    status: Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELED"]
    progress: DecimalOut = Field(description="the part of the period that is done, 0 to 1", examples=["0.25"])
    requested_at: TimeOut
    started_at: TimeOut | None
    ended_at: TimeOut | None
    request: dict[str, Any] = Field(description="as it was asked for, defaults filled in")
    figures: BacktestFigures | None = Field(description="null until it is DONE")
    failure: str | None = Field(description="why, where it FAILED")
    data_hash: str | None = Field(description="SHA-256 of the ticks that it saw, hex")


@router.post(
    "/api/backtest",
    operation_id="request_backtest",
    tags=["backtests"],
    summary="Run a strategy over recorded ticks",
    status_code=202,
    responses={202: {"headers": {"Location": {"description": "the status link", "schema": {"type": "string"}}}}},
)
async def request_backtest(
    request: Request,
    body: BacktestRequest,
    idempotency_key: Annotated[str, Header(pattern=r"^[!-~]{1,128}$", description="names the job: a retry is free")],
) -> BacktestAccepted:
    """503 BACKTEST_RUNNER_MISSING where no runner is installed."""
    _check(body, request.app.state.symbols)
    raise ProblemError(
        503,
        "BACKTEST_RUNNER_MISSING",
        "this deployment has no backtest runner; the request was right, and nothing was queued",
        headers={"Retry-After": "3600"},
    )


@router.get(
    "/api/backtest/{backtest_id}",
    operation_id="get_backtest",
    tags=["backtests"],
    summary="A backtest: how far it is, and its result",
)
async def get_backtest(backtest_id: BacktestId) -> Backtest:
    raise ProblemError(404, "BACKTEST_UNKNOWN", f"backtest {backtest_id} is not known here")


def _check(body: BacktestRequest, traded: tuple[str, ...]) -> None:
    """What the fields alone do not show. Raises ProblemError 422 with a pointer."""
    for number, symbol in enumerate(body.symbols):
        if symbol not in traded:
            detail = f"expected one of {', '.join(sorted(traded))}; it was {symbol!r}"
            raise refused("INSTRUMENT_UNKNOWN", detail, f"#/symbols/{number}", symbol=symbol)
        if symbol in body.symbols[:number]:
            raise refused("SYMBOL_REPEATED", f"expected each symbol once; {symbol} came again", f"#/symbols/{number}")
    if body.end <= body.start:
        raise refused("PERIOD_EMPTY", f"expected a time after {body.start.isoformat()}; it was {body.end}", "#/to")
    if body.initial_cash <= 0:
        raise refused("CASH_NOT_POSITIVE", f"expected more than 0; it was {body.initial_cash}", "#/initial_cash")
    for name, value in body.costs.model_dump().items():
        if value < 0:
            raise refused("COST_NEGATIVE", f"expected 0 or more; it was {value}", f"#/costs/{name}")
