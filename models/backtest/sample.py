"""What the figures of a backtest are made of, and what all of them need: returns, spacing, deviation.

Notation of the formulas: V_0 … V_n equity at the closes, r_t = V_t / V_(t-1) - 1 their n returns, P closes a year.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.features import Array

RETURNS_MIN = 60
SPAN_DAYS_MIN = 90
SESSIONS_PER_YEAR = 252
"""Trading days of a US exchange in a year: 250 to 254, 252 in most (365 less weekends and nine or ten holidays)."""

_SESSION_TOLERANCE = 0.05
DAY_US = 86_400_000_000
_YEAR_DAYS = 365.25
Z95 = 1.959963984540054
FLAT = 1e-12  # a deviation below this is rounding, not risk


class Undefined(Exception):
    """A figure that this sample does not have; says why."""


class Sample(NamedTuple):
    """What the figures are made of. equity, cash, positions, held: at the closes, see models.backtest.portfolio.Worth.

    profits: of the closed trades, net of costs, in USD. traded: value bought and sold. fees: in USD.
    trials, trials_variance: N and V of deflated_sharpe; None where nobody counted.
    """

    times_us: NDArray[np.int64]
    equity: Array
    positions: Array
    held: NDArray[np.int64]
    profits: Array
    traded: float
    fees: float
    trials: int | None = None
    trials_variance: float | None = None

    @property
    def returns(self) -> Array:
        return returns_of(self.equity)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. value: None with a reason. low, high: a 95 % interval, None where there is none.

    observations: how many of `sample` it is made of. unit: ratio, fraction, days, USD or count.
    """

    name: str
    label: str
    value: float | None
    unit: str
    observations: int
    sample: str
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class Annual(msgspec.Struct, frozen=True, kw_only=True):
    """How figures are annualised. closes_per_year: None where it is refused, with the reason; basis: in words."""

    closes_per_year: float | None
    basis: str
    reason: str | None = None


class Value(NamedTuple):
    """A figure with its interval."""

    value: float
    low: float | None = None
    high: float | None = None


def returns_of(equity: Array) -> Array:
    """r_t = V_t / V_(t-1) - 1. Raises Undefined when the account was worth nothing or less."""
    if len(equity) and float(equity.min()) <= 0:
        raise Undefined("the account was worth nothing or less")
    changes: Array = equity[1:] / equity[:-1] - 1.0
    return changes


def years_of(times_us: NDArray[np.int64]) -> float:
    """Calendar time from the first close to the last, in years of 365.25 days."""
    return float(times_us[-1] - times_us[0]) / DAY_US / _YEAR_DAYS if len(times_us) > 1 else 0.0


def annual_of(times_us: NDArray[np.int64]) -> Annual:
    """Closes a year, from the spacing that the closes really have: n returns over the years that they span.

    Where that is within 5 % of 252 it is the 252 of daily sessions. Refused below RETURNS_MIN returns or SPAN_DAYS_MIN
    days: a Sharpe ratio of two good weeks, times the root of 252, is a number without a meaning.
    """
    count, days = max(0, len(times_us) - 1), years_of(times_us) * _YEAR_DAYS
    if count < RETURNS_MIN or days < SPAN_DAYS_MIN:
        reason = (
            f"not annualised: expected at least {RETURNS_MIN} returns over at least {SPAN_DAYS_MIN} days, "
            f"there were {count} over {days:.0f}"
        )
        return Annual(closes_per_year=None, basis="too short to annualise", reason=reason)
    measured = count / (days / _YEAR_DAYS)
    if abs(measured / SESSIONS_PER_YEAR - 1) <= _SESSION_TOLERANCE:
        basis = f"daily closes, {SESSIONS_PER_YEAR} sessions a year (measured: {measured:.1f})"
        return Annual(closes_per_year=float(SESSIONS_PER_YEAR), basis=basis)
    return Annual(closes_per_year=measured, basis=f"{measured:.1f} closes a year, as measured")


def deviation(values: Array) -> float:
    """Sample standard deviation. Raises Undefined for fewer than two values."""
    if len(values) < 2:
        raise Undefined(f"expected at least 2 observations, there were {len(values)}")
    return float(values.std(ddof=1))
