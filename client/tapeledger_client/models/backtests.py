"""Bodies of backtests.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from tapeledger_client.model import Model, Open
from tapeledger_client.models.shared import Place

BacktestTradeStatus: TypeAlias = Open[Literal["CLOSED", "OPEN"]]


MlflowState: TypeAlias = Open[Literal["NONE", "PENDING", "LOGGED", "GIVEN_UP"]]


Source: TypeAlias = Open[Literal["installed", "recorded"]]


State: TypeAlias = Open[Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]]


Strategy: TypeAlias = Open[Literal["model-follower", "buy-and-hold"]]


class Backtest(Model, frozen=True, kw_only=True):
    """A backtest and, once it is done, its result."""

    backtest_id: str
    state: State
    share: float
    """of the work that is done, 0 to 1"""
    progress: str
    """what it is doing, for people"""
    requested_by: str
    requested_at: datetime
    queued_at: datetime
    """when the request was taken in"""
    started_at: datetime | None
    """of the last attempt"""
    ended_at: datetime | None
    attempts: int
    """that were begun; one that its worker gave back does not count"""
    cancel_requested_at: datetime | None
    cancelled_by: str | None
    failure: Failure | None
    terms: Terms
    result_sha256: str | None
    """the result's digest, hex: the same again for the same again"""
    mlflow_state: MlflowState
    """whether MLflow has the result as a run"""
    mlflow_run_id: str | None
    queue_ahead: int | None
    """how many wait before it, counted up to 1,000; null where it does not wait"""
    result: Result | None
    """null until it is DONE"""
    links: Links | None
    """null until it is DONE"""


class BacktestAsked(Model, frozen=True, kw_only=True):
    """The request is on the log. `status_url` shows how far it is."""

    backtest_id: str
    state: State
    """QUEUED, or what it was last seen as where `Prefer: wait` asked to look"""
    status_url: str
    position: Place


class BacktestJob(Model, frozen=True, kw_only=True):
    """A backtest that was asked for, as it stands."""

    backtest_id: str
    state: State
    share: float
    """of the work that is done, 0 to 1"""
    progress: str
    """what it is doing, for people"""
    requested_by: str
    requested_at: datetime
    queued_at: datetime
    """when the request was taken in"""
    started_at: datetime | None
    """of the last attempt"""
    ended_at: datetime | None
    attempts: int
    """that were begun; one that its worker gave back does not count"""
    cancel_requested_at: datetime | None
    cancelled_by: str | None
    failure: Failure | None
    terms: Terms
    result_sha256: str | None
    """the result's digest, hex: the same again for the same again"""
    mlflow_state: MlflowState
    """whether MLflow has the result as a run"""
    mlflow_run_id: str | None


class BacktestJobPage(Model, frozen=True, kw_only=True):
    """Backtest job page."""

    data: tuple[BacktestJob, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class BacktestPoint(Model, frozen=True, kw_only=True):
    """What the account was worth at a close, in USD."""

    market_time: datetime
    equity: Decimal
    """cash + positions"""
    cash: Decimal
    positions: Decimal
    """their value"""
    baseline: Decimal
    """what buying and holding had come to"""


class BacktestPointPage(Model, frozen=True, kw_only=True):
    """Backtest point page."""

    data: tuple[BacktestPoint, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class BacktestRequest(Model, frozen=True, kw_only=True):
    """A strategy over past bars. A decision at the close of a bar fills at the open of the next, or later."""

    symbols: Sequence[str]
    """each once"""
    first: date
    """the first day"""
    last: date
    """the last day, included"""
    strategy: Strategy = "model-follower"
    model: str | None = None
    """a registered model as `name@alias` or `name/version`; null: the one that signals are made with"""
    source: Source = "installed"
    """installed: the bars of the market data package; recorded: those of market.ticks"""
    cash: Decimal = Decimal("100000.00")
    """what the account starts with, in USD"""
    allocation: Decimal | None = None
    """cash put into one symbol by one entry; null: as the strategy"""
    protection: Decimal | None = None
    """how far above the signal's price a purchase may fill; null: as the strategy"""
    fee_bps: Decimal | None = None
    """the fee, of a fill's value; null: the paper venue's"""
    half_spread_bps: Decimal | None = None
    """half the spread, of the price; null: the paper venue's"""
    impact_bps: Decimal | None = None
    """impact at a participation of 100 % (square-root law); null: the paper venue's"""
    participation_max: Decimal | None = None
    """the share of a tick's volume that one order may take; null: the paper venue's"""
    requested_by: str | None = None
    """who asks; null: the caller. Only admins name somebody else"""


class BacktestTrade(Model, frozen=True, kw_only=True):
    """A simulated trade, from flat to flat. Times are market times."""

    number: int
    """1, 2, … in the order of entry"""
    symbol: str
    status: BacktestTradeStatus
    """OPEN: at the end, valued at the last close"""
    quantity: Decimal
    """units bought"""
    entered_at: datetime
    entry_price: Decimal
    """mean over the fills"""
    exited_at: datetime | None
    exit_price: Decimal
    pnl: Decimal
    """net of fees, in USD"""
    return_fraction: Decimal
    """pnl / what the entry cost"""
    fees: Decimal
    fills: int
    entry_reason: str
    exit_reason: str


class BacktestTradePage(Model, frozen=True, kw_only=True):
    """Backtest trade page."""

    data: tuple[BacktestTrade, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class Caveat(Model, frozen=True, kw_only=True):
    """What a reader has to know before believing the figures."""

    code: str
    text: str


class Failure(Model, frozen=True, kw_only=True):
    """Why an attempt failed: of a backtest that waits or runs, the one before."""

    code: str
    text: str
    """what was expected, and what it was"""


class Figure(Model, frozen=True, kw_only=True):
    """One figure of a result, such as the Sharpe ratio."""

    name: str
    label: str
    value: Decimal | None
    """null where it is refused, with the reason"""
    unit: str
    low: Decimal | None
    """of its 95 % interval, where there is one"""
    high: Decimal | None
    observations: int | None
    """how many it is made of"""
    sample: str
    """of what"""
    reason: str | None
    """why there is no value"""


class Links(Model, frozen=True, kw_only=True):
    """Links."""

    trades: str
    equity: str
    report: str | None
    """the page, where one was made"""


class Result(Model, frozen=True, kw_only=True):
    """Of a backtest that is done. trades and equity have lists of their own."""

    figures: tuple[Figure, ...]
    """of the strategy, net of costs"""
    baseline: tuple[Figure, ...]
    """of buying and holding the same symbols under the same costs"""
    caveats: tuple[Caveat, ...]
    details: dict[str, Any]
    """what else the result says: model, data hash, decisions, costs, scores, months, as it has it"""


class Terms(Model, frozen=True, kw_only=True):
    """What was asked for, defaults filled in."""

    symbols: tuple[str, ...]
    first: date
    last: date
    """included"""
    strategy: Strategy
    model: str
    """`name@alias` or `name/version`; empty: the one that signals are made with"""
    source: Source
    cash: Decimal
    """what the account starts with, in USD"""
    allocation: Decimal
    """cash put into one symbol by one entry"""
    protection: Decimal
    """how far above the signal's price a purchase may fill, as a fraction"""
    fee_bps: Decimal
    half_spread_bps: Decimal
    impact_bps: Decimal
    """at a participation of 100 %"""
    participation_max: Decimal
