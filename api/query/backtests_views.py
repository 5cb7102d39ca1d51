"""What the query side answers about backtests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from api.fields import DayOut, DecimalOut, TimeOut, View
from api.query.database import Row
from domain.backtest_jobs import BacktestState, TrackingState
from domain.backtests import BarSource, Strategy


class Terms(View):
    """What was asked for, defaults filled in."""

    symbols: list[str]
    first: DayOut
    last: DayOut = Field(description="included")
    strategy: Strategy
    model: str = Field(description="`name@alias` or `name/version`; empty: the one that signals are made with")
    source: BarSource
    cash: DecimalOut = Field(description="what the account starts with, in USD")
    allocation: DecimalOut = Field(description="cash put into one symbol by one entry")
    protection: DecimalOut = Field(description="how far above the signal's price a purchase may fill, as a fraction")
    fee_bps: DecimalOut
    half_spread_bps: DecimalOut
    impact_bps: DecimalOut = Field(description="at a participation of 100 %")
    participation_max: DecimalOut


class Failure(View):
    """Why an attempt failed: of a backtest that waits or runs, the one before."""

    code: str = Field(examples=["MODEL_UNKNOWN"])
    text: str = Field(description="what was expected, and what it was")


class BacktestJob(View):
    """A backtest that was asked for, as it stands."""

    backtest_id: str = Field(examples=["bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    state: BacktestState
    share: float = Field(description="of the work that is done, 0 to 1", examples=[0.25])
    progress: str = Field(description="what it is doing, for people", examples=["trading 2011-06"])
    requested_by: str = Field(examples=["ada"])
    requested_at: TimeOut
    queued_at: TimeOut = Field(description="when the request was taken in")
    started_at: TimeOut | None = Field(description="of the last attempt")
    ended_at: TimeOut | None
    attempts: int = Field(description="that were begun; one that its worker gave back does not count")
    cancel_requested_at: TimeOut | None
    cancelled_by: str | None
    failure: Failure | None
    terms: Terms
    result_sha256: str | None = Field(description="the result's digest, hex: the same again for the same again")
    mlflow_state: TrackingState = Field(description="whether MLflow has the result as a run")
    mlflow_run_id: str | None


class Figure(View):
    """One figure of a result, such as the Sharpe ratio."""

    name: str = Field(examples=["sharpe_ratio"])
    label: str = Field(examples=["Sharpe ratio"])
    value: DecimalOut | None = Field(description="null where it is refused, with the reason", examples=["0.84"])
    unit: str = Field(examples=["ratio"])
    low: DecimalOut | None = Field(description="of its 95 % interval, where there is one")
    high: DecimalOut | None
    observations: int | None = Field(description="how many it is made of")
    sample: str = Field(description="of what", examples=["returns"])
    reason: str | None = Field(description="why there is no value")


class Caveat(View):
    """What a reader has to know before believing the figures."""

    code: str
    text: str


class Result(View):
    """Of a backtest that is done. trades and equity have lists of their own."""

    figures: list[Figure] = Field(description="of the strategy, net of costs")
    baseline: list[Figure] = Field(description="of buying and holding the same symbols under the same costs")
    caveats: list[Caveat]
    details: dict[str, Any] = Field(
        description="what else the result says: model, data hash, decisions, costs, scores, months, as it has it"
    )


class Links(View):
    trades: str
    equity: str
    report: str | None = Field(description="the page, where one was made")


class Backtest(BacktestJob):
    """A backtest and, once it is done, its result."""

    queue_ahead: int | None = Field(
        description="how many wait before it, counted up to 1,000; null where it does not wait"
    )
    result: Result | None = Field(description="null until it is DONE")
    links: Links | None = Field(description="null until it is DONE")


class BacktestTrade(View):
    """A simulated trade, from flat to flat. Times are market times."""

    number: int = Field(description="1, 2, … in the order of entry")
    symbol: str = Field(examples=["AAPL"])
    status: Literal["CLOSED", "OPEN"] = Field(description="OPEN: at the end, valued at the last close")
    quantity: DecimalOut = Field(description="units bought")
    entered_at: TimeOut
    entry_price: DecimalOut = Field(description="mean over the fills")
    exited_at: TimeOut | None
    exit_price: DecimalOut
    pnl: DecimalOut = Field(description="net of fees, in USD")
    return_fraction: DecimalOut = Field(description="pnl / what the entry cost")
    fees: DecimalOut
    fills: int
    entry_reason: str
    exit_reason: str


class BacktestPoint(View):
    """What the account was worth at a close, in USD."""

    market_time: TimeOut
    equity: DecimalOut = Field(description="cash + positions")
    cash: DecimalOut
    positions: DecimalOut = Field(description="their value")
    baseline: DecimalOut = Field(description="what buying and holding had come to")


_FIGURE: dict[str, Any] = {
    **{"label": "", "unit": "", "sample": ""},
    **dict.fromkeys(("value", "low", "high", "observations", "reason")),
}


def job(row: Row) -> BacktestJob:
    return BacktestJob(**_job(row))


def backtest(row: Row, ahead: int | None) -> Backtest:
    done = row["summary"]
    path = f"/api/backtests/{row['backtest_id']}"
    links = Links(
        trades=f"{path}/trades", equity=f"{path}/equity", report=f"{path}/report" if row["has_report"] else None
    )
    return Backtest(
        **_job(row),
        queue_ahead=ahead,
        result=None if done is None else _result(done),
        links=None if done is None else links,
    )


def _job(row: Row) -> dict[str, Any]:
    renamed = {"tracking_state": "mlflow_state", "run_id": "mlflow_run_id"}
    left_out = ("failure_code", "failure_text", "version", "summary", "has_report", *renamed)
    code = row["failure_code"]
    return {
        **{name: value for name, value in row.items() if name not in left_out},
        **{shown: row[name] for name, shown in renamed.items()},
        "failure": None if code is None else Failure(code=code, text=row["failure_text"] or ""),
    }


def _result(summary: dict[str, Any]) -> Result:
    """From the result's own JSON: figures and caveats stand out, the rest is as it is."""
    details = dict(summary)
    own = {name: dict(details.get(name) or {}) for name in ("outcome", "baseline")}
    figures = {name: [_figure(one) for one in strategy.pop("figures", ())] for name, strategy in own.items()}
    caveats = [Caveat(code=one["code"], text=one["text"]) for one in details.pop("caveats", ())]
    details.pop("terms", None)
    return Result(figures=figures["outcome"], baseline=figures["baseline"], caveats=caveats, details={**details, **own})


def _figure(figure: dict[str, Any]) -> Figure:
    """Numbers are floats in the result: each as the shortest decimal that is that float."""
    own = {name: value for name, value in figure.items() if name in Figure.model_fields}
    exact = {name: Decimal(repr(own[name])) for name in ("value", "low", "high") if own.get(name) is not None}
    return Figure(**_FIGURE | own | exact)
