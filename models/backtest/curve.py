"""Figures of the equity curve but the Sharpe ratio's family. Notation: models.backtest.sample."""

from __future__ import annotations

import math

import numpy as np

from models.backtest.sample import DAY_US, FLAT, Sample, Undefined, Value, deviation, returns_of, years_of
from models.features import Array


def total_return(sample: Sample, _: float) -> Value:
    """V_n / V_0 - 1."""
    returns_of(sample.equity)
    return Value(float(sample.equity[-1] / sample.equity[0] - 1.0))


def cagr(sample: Sample, _: float) -> Value:
    """(V_n / V_0)^(1 / years) - 1, years of 365.25 days from the first close to the last.

    Source: compound annual growth rate; CFA Institute, GIPS 2020, annualised return.
    """
    returns_of(sample.equity)
    return Value(float((sample.equity[-1] / sample.equity[0]) ** (1.0 / years_of(sample.times_us)) - 1.0))


def volatility(sample: Sample, closes: float) -> Value:
    """s(r) x sqrt(P), s with n - 1 in its denominator."""
    return Value(deviation(sample.returns) * math.sqrt(closes))


def sortino_ratio(sample: Sample, closes: float) -> Value:
    """mean(r) / sqrt(mean(min(r, 0)^2)) x sqrt(P): the mean over all n returns, target zero.

    Source: F. A. Sortino, L. N. Price, Performance Measurement in a Downside Risk Framework, Journal of Investing 3
    (1994).
    """
    returns = sample.returns
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2))) if len(returns) else 0.0
    if downside <= FLAT:
        raise Undefined("no return is below zero")
    return Value(float(returns.mean()) / downside * math.sqrt(closes))


def calmar_ratio(sample: Sample, closes: float) -> Value:
    """CAGR / maximum drawdown.

    Source: T. W. Young, Calmar Ratio: A Smoother Tool, Futures 20 (1991); he takes 36 months, here it is the period.
    """
    deepest = max_drawdown(sample, closes).value
    if deepest <= FLAT:
        raise Undefined("the account was never below its peak")
    return Value(cagr(sample, closes).value / deepest)


def max_drawdown(sample: Sample, _: float) -> Value:
    """max over t of 1 - V_t / max(V_0 … V_t)."""
    returns_of(sample.equity)
    return Value(float(underwater(sample.equity).max()) if len(sample.equity) else 0.0)


def underwater(equity: Array) -> Array:
    """1 - V_t / max(V_0 … V_t), at each close."""
    below: Array = 1.0 - equity / np.maximum.accumulate(equity)
    return below


def max_drawdown_days(sample: Sample, _: float) -> Value:
    """The longest time from a peak to the close that reaches it again, or to the end, in days."""
    longest = peak = 0
    below = underwater(sample.equity) > FLAT
    for place in range(1, len(below)):
        if below[place - 1] or below[place]:
            longest = max(longest, int(sample.times_us[place] - sample.times_us[peak]))
        if not below[place]:
            peak = place
    return Value(longest / DAY_US)


def exposure(sample: Sample, _: float) -> Value:
    """mean over the closes of value of all positions / V_t."""
    returns_of(sample.equity)
    return Value(float(np.mean(sample.positions / sample.equity)))


def time_in_market(sample: Sample, _: float) -> Value:
    """Closes with a position / all closes."""
    return Value(float(np.mean(sample.held > 0)))


def turnover(sample: Sample, _: float) -> Value:
    """(value bought + value sold) / mean(V) / years."""
    return Value(sample.traded / float(sample.equity.mean()) / years_of(sample.times_us))


def final_equity(sample: Sample, _: float) -> Value:
    """V_n, in USD."""
    return Value(float(sample.equity[-1]))


def fees_paid(sample: Sample, _: float) -> Value:
    """Sum of the fees of all fills, in USD; spread and impact are in the prices."""
    return Value(sample.fees)
