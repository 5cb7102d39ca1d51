"""What decisions would have earned: a series of returns whose observations share no bar.

A label looks `horizon` bars ahead, so decisions of neighbouring days hold positions at the same time; a series with one
entry per decision day counts the same price moves up to `horizon` times, and its Sharpe ratio looks up to
sqrt(horizon) times as good as it is. So one decision is taken, held to its end, and only then the next is taken: at the
close of the first day on which no symbol's label of the last decision is still open. An observation is the mean over
the symbols decided that day of what the position earned, from the next open to the close at the end of its label:

    BUY: earned - costs     SELL: -earned - costs     HOLD: 0

Approximations, stated: symbols have equal shares of the capital, set anew at each decision; a short position earns what
a long one loses (no borrowing fee); a label that ends early (triple barrier) leaves its share idle until the last one
ends; a symbol that does not trade for long holds the others up. Decisions on days in between are not used: `start`
shifts which ones are. Costs are of entering and leaving together, slippage and spread included. The grid depends on the
samples alone, so that all trials of a study have the same days.

Boundaries: a figure to compare trials by, not a backtest (models/backtest has fills, money and a position of each day).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.errors import InvalidValue
from models.classes import BUY, SELL
from models.features import Array
from models.learners.base import Targets
from models.samples import Samples, Times


class StrategyReturns(NamedTuple):
    """One entry per decision taken. decided, ends: its day, and the last day that a label of it looks at.

    values: return of the capital over it, net, as a fraction.
    """

    decided: Times
    ends: Times
    values: Array

    @property
    def per_year(self) -> float:
        """Observations a year, over the years from the first decision to the last end."""
        days = float((self.ends[-1] - self.decided[0]) / np.timedelta64(1, "D"))
        return len(self.values) / (days / 365.25)


def strategy_returns(samples: Samples, decisions: Targets, *, cost_bps: float, start: int = 0) -> StrategyReturns:
    """decisions: (n,), one per sample. start: position, among the days decided, of the first decision taken.

    Raises InvalidValue when lengths differ, costs are negative, or there is no decision from `start` on.
    """
    if decisions.shape != (len(samples),):
        raise InvalidValue("RETURNS_LENGTH", f"{len(samples)} samples and decisions of shape {decisions.shape}")
    if not cost_bps >= 0:
        raise InvalidValue("RETURNS_COSTS", f"costs are 0 basis points or more, they were {cost_bps}")
    days, day = np.unique(samples.decided, return_inverse=True)
    if not 0 <= start < len(days):
        raise InvalidValue("RETURNS_START", f"no decision at position {start}; there are {len(days)} days")
    ends = np.full(len(days), days[0])
    np.maximum.at(ends, day, samples.ends)
    taken: list[int] = []
    following = start
    while following < len(days):
        taken.append(following)
        following = int(np.searchsorted(days, ends[following]))
        assert following > taken[-1]  # a label ends after the day it is decided
    held = np.select([decisions == BUY, decisions == SELL], [1.0, -1.0], 0.0)
    net = held * samples.earned - np.abs(held) * cost_bps / 10_000
    means = np.bincount(day, weights=net, minlength=len(days)) / np.bincount(day, minlength=len(days))
    return StrategyReturns(days[taken], ends[taken], means[taken])
