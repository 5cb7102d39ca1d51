"""The figures of a backtest: each a pure function (curve, sharpe, closed) with its formula and source in its docstring.

A figure that cannot be had is None with the reason in words; NaN and infinity never leave this module. Annualised
figures are refused for a sample that cannot carry them (sample.annual_of). The page
docs/reference/backtest-statistics.md is made from STATISTICS.
Verification: tests/models/backtest/test_statistics.py, by hand and by published examples; test_run.py, by vectorbt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from models.backtest import closed, curve, sharpe
from models.backtest.sample import Annual, Figure, Sample, Undefined, Value, annual_of


class Statistic(NamedTuple):
    """compute: the figure for closes a year (zero where it needs none). annual: refused where annualising is."""

    name: str
    label: str
    unit: str
    compute: Callable[[Sample, float], Value]
    annual: bool = False
    of_trades: bool = False


STATISTICS: tuple[Statistic, ...] = (
    Statistic("total_return", "Total return", "fraction", curve.total_return),
    Statistic("final_equity", "Final equity", "USD", curve.final_equity),
    Statistic("cagr", "CAGR", "fraction", curve.cagr, annual=True),
    Statistic("volatility", "Volatility", "fraction", curve.volatility, annual=True),
    Statistic("sharpe_ratio", "Sharpe ratio", "ratio", sharpe.sharpe_ratio, annual=True),
    Statistic("probabilistic_sharpe", "Probabilistic Sharpe", "fraction", sharpe.probabilistic_sharpe, annual=True),
    Statistic("deflated_sharpe", "Deflated Sharpe", "fraction", sharpe.deflated_sharpe, annual=True),
    Statistic("sortino_ratio", "Sortino ratio", "ratio", curve.sortino_ratio, annual=True),
    Statistic("calmar_ratio", "Calmar ratio", "ratio", curve.calmar_ratio, annual=True),
    Statistic("max_drawdown", "Maximum drawdown", "fraction", curve.max_drawdown),
    Statistic("max_drawdown_days", "Longest drawdown", "days", curve.max_drawdown_days),
    Statistic("exposure", "Exposure", "fraction", curve.exposure),
    Statistic("time_in_market", "Time in the market", "fraction", curve.time_in_market),
    Statistic("turnover", "Turnover a year", "ratio", curve.turnover, annual=True),
    Statistic("fees_paid", "Fees", "USD", curve.fees_paid),
    Statistic("trades", "Closed trades", "count", closed.trades, of_trades=True),
    Statistic("win_rate", "Win rate", "fraction", closed.win_rate, of_trades=True),
    Statistic("profit_factor", "Profit factor", "ratio", closed.profit_factor, of_trades=True),
    Statistic("expectancy", "Expectancy", "USD", closed.expectancy, of_trades=True),
)


def figures(sample: Sample) -> list[Figure]:
    """Every statistic of a sample, in the order of STATISTICS."""
    annual = annual_of(sample.times_us)
    return [_figure(one, sample, annual) for one in STATISTICS]


def formulas() -> list[tuple[Statistic, str, str]]:
    """Each statistic with its formula and its source, as its docstring has them."""
    found = []
    for one in STATISTICS:
        formula, _, source = (one.compute.__doc__ or "").partition("Source:")
        found.append((one, " ".join(formula.split()).rstrip("."), " ".join(source.split()).rstrip(".")))
    return found


def _figure(one: Statistic, sample: Sample, annual: Annual) -> Figure:
    observations = len(sample.profits) if one.of_trades else max(0, len(sample.equity) - 1)
    bare = Figure(
        name=one.name,
        label=one.label,
        value=None,
        unit=one.unit,
        observations=observations,
        sample="closed trades" if one.of_trades else "returns",
    )
    try:
        if not len(sample.equity):
            raise Undefined("there is no close")
        if one.annual and annual.closes_per_year is None:
            raise Undefined(annual.reason or "")
        found = one.compute(sample, annual.closes_per_year or 0.0)
        if not all(math.isfinite(number) for number in found if number is not None):
            raise Undefined("it is beyond what a number can hold")
    except Undefined as why:
        return msgspec.structs.replace(bare, reason=str(why))
    return msgspec.structs.replace(bare, value=found.value, low=found.low, high=found.high)
