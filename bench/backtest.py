"""Bars a second of a backtest, beside plain vectorbt on the same prices: `python -m bench.backtest`.

Synthetic bars of several symbols, with decisions drawn from a seed: one in twenty says BUY, one in twenty SELL. Ours:
the desk (the rule, the ledger's decisions, the paper venue's prices, four ticks a bar) and vectorbt's book of it.
The peer: `Portfolio.from_signals` on the closes with the same entries and exits, shifted by a bar, fees and slippage as
rates. Both after a first run that compiles. Nothing is asserted: machines differ, ratios tell.
"""

from __future__ import annotations

import argparse
import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from domain.backtests import BacktestTerms
from models.backtest import desk, portfolio
from models.backtest.decisions import Decision, Decisions, signals
from models.backtest.market import Market, of_bars
from models.backtest.strategies import follower_of
from models.backtest.trading import House
from models.classes import CLASSES
from models.marketdata import MarketBar
from runtime.settings import Settings

SYMBOLS = 10
SEED = 7
_FIRST = date(2000, 1, 3)


class Rate(NamedTuple):
    """Bars a second, and how many fills were made of how many bars."""

    bars_per_s: float
    bars: int
    fills: int


def run(bars: int = 2_000, symbols: int = SYMBOLS) -> dict[str, Rate]:
    """bars: of each symbol. The desk alone, the desk with vectorbt's book, and plain vectorbt."""
    market, closes = _market(bars, symbols)
    decided, directions = _decisions(market)
    settings = Settings(_env_file=None)
    names = tuple(series.symbol for series in market.series)
    terms = BacktestTerms(
        symbols=names, first=market.first.isoformat(), last=market.last.isoformat(), cash=Decimal("1000000.00")
    )
    told = signals(market, decided, "bench", "1")

    def trade() -> desk.Trading:
        return desk.trade(market, told, follower_of(terms, settings), House.of(terms, settings.strategy_account_id))

    portfolio.worth(market, trade(), float(terms.cash))
    _peer(closes, directions)
    started = time.perf_counter()
    trading = trade()
    traded = time.perf_counter()
    portfolio.worth(market, trading, float(terms.cash))
    valued = time.perf_counter()
    orders = _peer(closes, directions)
    done = time.perf_counter()
    total = bars * symbols
    return {
        "desk": Rate(total / (traded - started), total, len(trading.fills)),
        "desk and book": Rate(total / (valued - started), total, len(trading.fills)),
        "vectorbt from_signals": Rate(total / (done - valued), total, orders),
    }


def show(console: Console, found: dict[str, Rate]) -> None:
    table = Table("what", "bars a second", "bars", "fills", "over vectorbt")
    peer = found["vectorbt from_signals"].bars_per_s
    for name, rate in found.items():
        table.add_row(
            name, f"{rate.bars_per_s:,.0f}", f"{rate.bars:,}", f"{rate.fills:,}", f"{rate.bars_per_s / peer:.3f}"
        )
    console.print(table)


def _market(bars: int, symbols: int) -> tuple[Market, np.ndarray[Any, Any]]:
    random = np.random.default_rng(SEED)
    closes = 100.0 * np.cumprod(1.0 + random.normal(0, 0.01, (bars, symbols)), axis=0)
    days = [_FIRST + timedelta(days=number) for number in range(bars)]
    made = []
    for column in range(symbols):
        for row, day in enumerate(days):
            close = Decimal(f"{closes[row, column]:.4f}")
            opened = close if row == 0 else Decimal(f"{closes[row - 1, column]:.4f}")
            made.append(
                MarketBar(
                    symbol=f"S{column:02}",
                    date=day,
                    open=opened,
                    high=max(opened, close),
                    low=min(opened, close),
                    close=close,
                    volume=Decimal(1_000_000),
                )
            )
    return of_bars(made, days[0], days[-1], 0, "synthetic"), closes


def _decisions(market: Market) -> tuple[Decisions, np.ndarray[Any, Any]]:
    random = np.random.default_rng(SEED + 1)
    count = len(market.series[0].bars)
    drawn = random.choice(3, size=(count, len(market.series)), p=[0.05, 0.05, 0.9])
    odds = np.array([0.4, 0.3, 0.3])
    decided = {
        series.symbol: [Decision(bar, CLASSES[drawn[bar, column]], odds, None) for bar in range(count)]
        for column, series in enumerate(market.series)
    }
    return decided, drawn


def _peer(closes: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any]) -> int:
    import vectorbt

    entries, exits = np.zeros_like(drawn, dtype=bool), np.zeros_like(drawn, dtype=bool)
    entries[1:], exits[1:] = drawn[:-1] == 0, drawn[:-1] == 1
    made = vectorbt.Portfolio.from_signals(
        closes,
        entries,
        exits,
        size=20_000.0,
        size_type="value",
        fees=0.0001,
        slippage=0.0002,
        init_cash=1_000_000.0,
        cash_sharing=True,
        group_by=True,
        freq="1D",
    )
    made.cash()
    made.assets()
    return int(made.orders.count())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2_000, help="of each symbol")
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    options = parser.parse_args()
    show(Console(), run(options.bars, options.symbols))


if __name__ == "__main__":
    main()
