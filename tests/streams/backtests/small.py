"""A result in the form of models.backtest's, small enough to be worked by hand."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.backtests import BacktestTerms


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    status: str
    entry_time_us: int
    exit_time_us: int | None
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    return_fraction: Decimal
    fees: Decimal
    fills: int
    entry_reason: str
    exit_reason: str


class Point(msgspec.Struct, frozen=True, array_like=True):
    time_us: int
    equity: float
    cash: float
    positions: float
    baseline: float


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    figures: list[dict[str, str | float]]
    trades: list[Trade]
    fills: list[str]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    terms: BacktestTerms
    outcome: Strategy
    equity: list[Point]
    prices: dict[str, list[str]]
    digest: str

    def json(self) -> bytes:
        return msgspec.json.encode(self)


def earning(terms: BacktestTerms, days: list[int], trades: int = 1) -> Result:
    """A dollar a day, with one trade from the first day to the last. days: their closes, in microseconds."""
    bought = Trade(
        symbol=terms.symbols[0],
        status="CLOSED",
        entry_time_us=days[0],
        exit_time_us=days[-1],
        quantity=Decimal(10),
        entry_price=Decimal("45.10"),
        exit_price=Decimal("55.30"),
        pnl=Decimal("100.00"),
        return_fraction=Decimal("0.2217"),
        fees=Decimal("2.00"),
        fills=2,
        entry_reason="BUY signal, probability 0.612",
        exit_reason="SELL signal, probability 0.533",
    )
    cash = float(terms.cash)
    return Result(
        terms=terms,
        outcome=Strategy(
            figures=[{"name": "earned", "value": float(len(days) - 1)}], trades=[bought] * trades, fills=["buy", "sell"]
        ),
        equity=[Point(day, cash + number, cash, float(number), cash - number) for number, day in enumerate(days)],
        prices={"AAPL": ["long"]},
        digest="d1" * 32,
    )
