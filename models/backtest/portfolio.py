"""The account's worth at every close, by vectorbt from the fills alone.

The desk says which orders fill, when and at what price; vectorbt's portfolio, which knows nothing of the ledger, books
those fills (`Portfolio.from_orders`, cash shared between symbols, columns in the order of symbols) and values them at
each close. Its cash and units at the end must be the ledger's: two books kept by two programs.

Why vectorbt does not choose the fills itself: it fills on the signal's own bar unless told otherwise, needs two bars to
turn round, and knows no hold, no protection price, no volume cap over several ticks and no fourth decimal (decision
0041).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BooksError, UnavailableError
from models.backtest.market import Market
from models.backtest.trading import Fill, Trading
from models.features import Array

_CENT = 0.005
_UNITS = 1e-6


class Worth(NamedTuple):
    """At each closing time of the period: what the account is worth, in USD. times_us: microseconds UTC, ascending.

    equity = cash + positions. held: number of symbols with a position.
    """

    times_us: NDArray[np.int64]
    equity: Array
    cash: Array
    positions: Array
    held: NDArray[np.int64]


class _Grid(NamedTuple):
    """rows: market times. A row is a closing time or a fill; a symbol's second fill on one tick has a row of its own.

    price, size, at, fee: (rows, symbols): the newest price, units traded (below zero: sold), fill price, fee. A symbol
    that is alone has an idle column beside it: one column is another type to vectorbt, which compiles anew for it.
    closing: the rows that are closing times.
    """

    times_us: NDArray[np.int64]
    price: Array
    size: Array
    at: Array
    fee: Array
    closing: NDArray[np.int64]


def worth(market: Market, trading: Trading, cash: float) -> Worth:
    """cash: in the account before the first fill. Raises BooksError when vectorbt and the ledger disagree,
    UnavailableError when vectorbt is not installed."""
    grid = _grid(market, trading.fills)
    book = _portfolio(grid, cash)
    in_cash = _column(book.cash())
    units = np.asarray(book.assets(), dtype=np.float64).reshape(grid.size.shape)
    _agree(market, trading, float(in_cash[-1]), units[-1])
    closing = grid.closing
    positions = (units * grid.price)[closing].sum(axis=1)
    return Worth(
        times_us=grid.times_us[closing],
        equity=in_cash[closing] + positions,
        cash=in_cash[closing],
        positions=positions,
        held=(np.abs(units[closing]) > _UNITS).sum(axis=1),
    )


def _portfolio(grid: _Grid, cash: float) -> Any:
    try:
        import vectorbt
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"backtests need {error.name}, which is not installed: pip install 'tapeledger[backtest]'"
        ) from error
    return vectorbt.Portfolio.from_orders(
        grid.price,
        size=grid.size,
        size_type="amount",
        direction="longonly",
        price=grid.at,
        fixed_fees=grid.fee,
        fees=0.0,
        slippage=0.0,
        allow_partial=False,
        raise_reject=True,
        init_cash=cash,
        cash_sharing=True,
        group_by=True,
        freq="1D",  # of no consequence: figures are ours (models.backtest.statistics)
    )


def _grid(market: Market, fills: Sequence[Fill]) -> _Grid:
    column = {series.symbol: number for number, series in enumerate(market.series)}
    rank: dict[tuple[int, str], int] = {}
    rows = {(int(time_us), 0) for series in market.series for time_us in series.close_times_us[series.first :]}
    closing_times = sorted(time_us for time_us, _ in rows)
    placed: list[tuple[tuple[int, int], Fill]] = []
    for fill in fills:
        number = rank.get((fill.time_us, fill.symbol), 0)
        rank[fill.time_us, fill.symbol] = number + 1
        placed.append(((fill.time_us, number), fill))
        rows.add((fill.time_us, number))
    ordered = sorted(rows)
    place = {row: number for number, row in enumerate(ordered)}
    shape = (len(ordered), max(2, len(market.series)))
    size, at, fee = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    for row, fill in placed:
        where = place[row], column[fill.symbol]
        size[where] = float(fill.quantity if fill.side == "BUY" else -fill.quantity)
        at[where] = float(fill.price)
        fee[where] = float(fill.fee)
    times = np.array([time_us for time_us, _ in ordered], dtype=np.int64)
    idle = [np.ones(len(times))] * (shape[1] - len(market.series))
    price = np.column_stack([*(_prices(series, times) for series in market.series), *idle])
    at = np.where(np.isnan(at), price, at)
    last_row = {time_us: number for number, (time_us, _) in enumerate(ordered)}
    closing = np.array([last_row[time_us] for time_us in closing_times], dtype=np.int64)
    return _Grid(times, price, size, at, fee, closing)


def _prices(series: Any, times: NDArray[np.int64]) -> Array:
    """The newest close of a symbol at each time; before its first one that one, where it has no position to value."""
    known = series.close_times_us
    closes = np.array([float(bar.close) for bar in series.bars])
    chosen: Array = closes[np.clip(np.searchsorted(known, times, side="right") - 1, 0, None)]
    return chosen


def _column(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _agree(market: Market, trading: Trading, cash: float, units: Array) -> None:
    if abs(cash - float(trading.cash)) >= _CENT:
        raise BooksError(f"vectorbt's book ends with cash {cash:.4f}, the ledger's with {trading.cash}")
    for series, held in zip(market.series, units, strict=False):  # an idle column may follow
        expected = trading.positions.get(series.symbol, 0)
        if abs(float(expected) - held) > _UNITS:
            raise BooksError(f"vectorbt's book ends with {held} {series.symbol}, the ledger's with {expected}")
