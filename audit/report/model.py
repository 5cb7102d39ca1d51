"""What the demo's report holds. Money and quantities are Decimal in the account's currency or units."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec


class DataSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where the prices come from, under which licence, and what was done to them."""

    name: str
    licence: str
    note: str


DEMO_SOURCE = DataSource(
    name="daily bars of bokeh_sampledata (stocks.csv.gz): AAPL, FB, GOOG, IBM, MSFT",
    licence="package BSD-3-Clause; the data file is in the public domain",
    note="split- and dividend-adjusted by Adj Close / Close; each bar played as four ticks: open, high, low, close",
)

FORMULAS: dict[str, str] = {
    "equity": "cash + hold + sum over symbols of (position, held units included) x last price",
    "pnl": "equity at the end - (deposits - withdrawals)",
    "buy_and_hold": (
        "sum over symbols of floor(allocation / first open) x (last close - first open), where the first open is "
        "that of the symbol's first day in the period; no fee, no spread, no impact, what is left over stays cash"
    ),
    "drawdown": "1 - equity(t) / max(capital, equity up to t), at the close of each day; the maximum over the period",
    "percentile": "nearest rank: the smallest observed value with at least p % of all values at or below it",
}


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """One audit verdict in short. text: one line with its counts."""

    ok: bool
    text: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """cost: what the units in hand cost, fees excluded. unrealized_pnl: market_value - cost."""

    symbol: str
    quantity: Decimal
    cost: Decimal
    last_price: Decimal | None
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    fees: Decimal


class Pnl(msgspec.Struct, frozen=True, kw_only=True):
    """capital: deposits less withdrawals. pnl_fraction: pnl / capital."""

    capital: Decimal
    cash: Decimal
    hold: Decimal
    positions_value: Decimal
    equity: Decimal
    pnl: Decimal
    pnl_fraction: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    fees: Decimal


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of the buy-and-hold comparison."""

    symbol: str
    bought_on: str
    quantity: Decimal
    first_open: Decimal
    last_close: Decimal
    pnl: Decimal


class BuyAndHold(msgspec.Struct, frozen=True, kw_only=True):
    """allocation: cash for each symbol. pnl_fraction: pnl / the account's capital."""

    allocation: Decimal
    holdings: list[Holding]
    pnl: Decimal
    equity: Decimal
    pnl_fraction: Decimal


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A value at a market time."""

    time: datetime
    value: Decimal


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall from a peak. fraction: 0 to 1; peak and trough: market times, None when there was no fall."""

    fraction: Decimal
    amount: Decimal
    peak: datetime | None
    trough: datetime | None


class Fills(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    bought: Decimal
    sold: Decimal
    fees: Decimal


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Wall-clock milliseconds. measures: from which clock reading to which."""

    name: str
    measures: str
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """duration_s: wall time from the first tick of the period being sent to the last event that was recorded."""

    duration_s: float
    ticks: int
    signals: int
    ledger_events: int
    ticks_per_s: float
    events_per_s: float


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """One day of one symbol, from its ticks. close_time: market time of the last tick."""

    day: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_time: datetime


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal of the period, as the read model has it."""

    signal_id: str
    symbol: str
    market_time: datetime
    direction: str
    p_buy: float | None
    p_sell: float | None
    p_hold: float | None
    model_name: str
    model_version: str
    price: Decimal | None
    abstained: str | None


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of the account."""

    execution_id: str
    order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    realized_pnl: Decimal
    market_time: datetime


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order of the account: its terms and what became of it."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    order_type: str
    quantity: Decimal
    limit_price: Decimal | None
    protection_price: Decimal | None
    signal_id: str | None
    strategy_id: str | None
    status: str
    filled_quantity: Decimal
    reject_code: str | None
    cancel_reason: str | None


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report. first, last: dates (ISO 8601), both included. notes: figures that ought to agree and do not."""

    account_id: str
    currency: str
    first: str
    last: str
    made_at: str
    paper: bool
    source: DataSource
    formulas: dict[str, str]
    digest: str
    digest_parts: dict[str, str]
    verify: Verdicts | None
    replay: Verdicts | None
    orders_by_status: dict[str, int]
    rejections_by_code: dict[str, int]
    signals_by_direction: dict[str, int]
    signals_abstained: int
    models: list[str]
    fills: Fills
    positions: list[Position]
    pnl: Pnl
    buy_and_hold: BuyAndHold
    drawdown: Drawdown
    drawdown_buy_and_hold: Drawdown
    latencies: list[Latency]
    throughput: Throughput | None
    notes: list[str]
    equity: list[Point]
    equity_buy_and_hold: list[Point]
    bars: dict[str, list[Bar]]
    signal_rows: list[Signal]
    order_rows: list[Order]
    fill_rows: list[Fill]

    def write_json(self, path: Path) -> None:
        """Everything as JSON, decimals as strings, the keys in one order."""
        body = msgspec.json.encode(self, order="deterministic")
        path.write_bytes(msgspec.json.format(body, indent=1) + b"\n")
