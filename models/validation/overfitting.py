"""How much of a Sharpe ratio is left after the search that found it.

    Sharpe ratio      SR = mean / standard deviation of the returns, per observation, before any annualisation
    probabilistic     PSR(b) = Φ((SR - b) √(T - 1) / √(1 - γ3 SR + (γ4 - 1)/4 SR²)): the probability that the true ratio
                      is above b, for T returns of skewness γ3 and kurtosis γ4 (3 for a normal distribution)
    expected maximum  SR0 = √V ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e))): what the best of N trials of no skill is
                      expected to show, V the variance of the trials' ratios, γ = 0.5772 Euler's constant
    deflated          DSR = PSR(SR0)
    track record      MinTRL = 1 + (1 - γ3 SR + (γ4 - 1)/4 SR²) (Φ⁻¹(0.95) / (SR - b))²: the observations at which
                      PSR(b) reaches 95 %
    overfitting       PBO: cut the observations into S blocks, take every half of them as in-sample, choose the trial
                      that is best there, and count how often it is below the median of the trials on the other half

Sources: D. Bailey, M. López de Prado, The Sharpe ratio efficient frontier, Journal of Risk 15 (2012), for PSR and
MinTRL; the same, The deflated Sharpe ratio, Journal of Portfolio Management 40 (2014); D. Bailey, J. Borwein, M. López
de Prado, Q. Zhu, The probability of backtest overfitting, Journal of Computational Finance 20 (2017). Computed by
`purgedcv`; tests/models/validation/test_overfitting.py holds it to the papers' worked examples and to a brute force.

All of them take observations as independent draws: give them models.validation.returns, whose observations share no
bar. N counts every trial as independent; trials of one search are alike, so the true number is lower and DSR too low
rather than too high.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import purgedcv

from domain.errors import InvalidValue
from models.features import Array

OBSERVATIONS_MIN = 24
"""Fewer returns than these say nothing of skewness and kurtosis: two years of months, the paper's shortest example."""

BLOCKS = 10
"""S of the probability of overfitting: 252 halves. The paper's 16 give 12,870, each trial's ratio twice in each."""

LEVEL = 0.95


class SharpeRatio(msgspec.Struct, frozen=True, kw_only=True):
    """A Sharpe ratio and what is known of it.

    sharpe: mean over standard deviation (n below) of the returns, per observation.
    observations: number of returns.
    skewness: of the returns; 0 for a normal distribution.
    kurtosis: of the returns, not in excess: 3 for a normal distribution.
    benchmark: the ratio to be above, per observation.
    probability: that the true ratio is above the benchmark (PSR).
    observations_needed: for that probability to be 95 % at this ratio (MinTRL); None when it is not above the
        benchmark, however long.
    """

    sharpe: float
    observations: int
    skewness: float
    kurtosis: float
    benchmark: float
    probability: float
    observations_needed: int | None


class DeflatedSharpe(msgspec.Struct, frozen=True, kw_only=True):
    """A Sharpe ratio after the number of trials it was chosen from.

    sharpe: of the chosen trial, per observation.
    observations: number of its returns.
    trials: all that were tried, pruned and failed ones included.
    variance: of the trials' Sharpe ratios (n - 1 below), over those that have one.
    expected_maximum: what the best of so many trials without skill would show (SR0).
    probability: that the true ratio is above it (DSR); above 0.95 is the paper's bar.
    """

    sharpe: float
    observations: int
    trials: int
    variance: float
    expected_maximum: float
    probability: float


class Overfitting(msgspec.Struct, frozen=True, kw_only=True):
    """How often the best of a search is no good elsewhere.

    probability: share of the halves in which the trial that is best in-sample is below the trials' median out of it
        (PBO); 0.5 is what choosing at random gives.
    trials: number of trials compared.
    observations: returns of each.
    blocks: that time was cut into (S).
    combinations: number of halves, C(S, S/2).
    slope: of the chosen trial's ratio out of sample on its ratio in-sample, over the halves; None when all halves
        have the same in-sample ratio. Below zero: the better it looked, the worse it did.
    """

    probability: float
    trials: int
    observations: int
    blocks: int
    combinations: int
    slope: float | None


def sharpe_ratio(values: Array, benchmark: float = 0.0) -> SharpeRatio:
    """Of a series of returns. Raises InvalidValue for fewer than OBSERVATIONS_MIN, none that vary, or no numbers."""
    _check_returns(values)
    found = _asked(purgedcv.deflated_sharpe_ratio_full, values, 1, 0.0)
    needed = _asked(purgedcv.min_track_record_length, found.observed_sr, benchmark, 1 - LEVEL, found.skew, found.kurt)
    return SharpeRatio(
        sharpe=found.observed_sr,
        observations=found.n_obs,
        skewness=found.skew,
        kurtosis=found.kurt,
        benchmark=benchmark,
        probability=_asked(purgedcv.probabilistic_sharpe_ratio, values, benchmark),
        observations_needed=int(needed) if math.isfinite(needed) else None,
    )


def deflated_sharpe(values: Array, sharpes: Sequence[float | None], tried: int | None = None) -> DeflatedSharpe:
    """values: returns of the chosen trial. sharpes: of the trials, its own included; None for one that has none.

    tried: all trials, when some have no ratio to give (pruned, failed); at least len(sharpes), which is the default.
    Raises InvalidValue as `sharpe_ratio` does, and for fewer than two trials with a ratio, or trials all alike.
    """
    _check_returns(values)
    known = np.array([one for one in sharpes if one is not None], dtype=np.float64)
    trials = len(sharpes) if tried is None else tried
    if len(known) < 2 or trials < len(sharpes):
        raise InvalidValue(
            "SHARPE_TRIALS",
            f"expected two trials with a Sharpe ratio or more, and as many tried; there were {len(known)} with one, "
            f"{len(sharpes)} in all and {trials} tried",
        )
    if not np.isfinite(known).all():
        raise InvalidValue("SHARPE_NUMBERS", "the trials' Sharpe ratios are not all finite")
    variance = float(known.var(ddof=1))
    if np.ptp(known) <= 1e-12 * max(1.0, float(np.abs(known).max())):
        raise InvalidValue(
            "SHARPE_ALIKE", f"all {len(known)} trials have the same Sharpe ratio: there was nothing to choose from"
        )
    found = _asked(purgedcv.deflated_sharpe_ratio_full, values, trials, variance)
    return DeflatedSharpe(
        sharpe=found.observed_sr,
        observations=found.n_obs,
        trials=trials,
        variance=variance,
        expected_maximum=found.sr_star,
        probability=found.dsr,
    )


def overfitting(returns: Array, blocks: int = BLOCKS) -> Overfitting:
    """returns: (trials, observations), all over the same days.

    Raises InvalidValue for fewer than two trials, blocks that are not even, fewer than two observations a block, trials
    that are all alike, and returns that are no numbers.
    """
    if returns.ndim != 2 or len(returns) < 2:
        raise InvalidValue("OVERFITTING_TRIALS", f"expected two trials or more, the shape was {returns.shape}")
    if blocks < 2 or blocks % 2 or returns.shape[1] < 2 * blocks:
        raise InvalidValue(
            "OVERFITTING_BLOCKS",
            f"expected an even number of blocks with two observations each or more; there were {blocks} blocks and "
            f"{returns.shape[1]} observations",
        )
    if not np.isfinite(returns).all():
        raise InvalidValue("SHARPE_NUMBERS", "the returns are not all finite")
    if (returns == returns[0]).all():
        raise InvalidValue("SHARPE_ALIKE", f"all {len(returns)} trials have the same returns: nothing was chosen")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a half that would be dropped is no answer
        found = _asked(purgedcv.probability_of_backtest_overfitting, returns, n_splits=blocks)
    assert found.n_combos == math.comb(blocks, blocks // 2)
    return Overfitting(
        probability=found.pbo,
        trials=len(returns),
        observations=returns.shape[1],
        blocks=blocks,
        combinations=found.n_combos,
        slope=found.slope if math.isfinite(found.slope) else None,
    )


def _check_returns(values: Array) -> None:
    if values.ndim != 1 or len(values) < OBSERVATIONS_MIN:
        raise InvalidValue(
            "SHARPE_TOO_SHORT", f"expected {OBSERVATIONS_MIN} returns or more, the shape was {values.shape}"
        )
    if not np.isfinite(values).all():
        raise InvalidValue("SHARPE_NUMBERS", "the returns are not all finite")
    if np.ptp(values) <= 1e-12 * max(float(np.abs(values).max()), 1e-300):
        raise InvalidValue("SHARPE_NO_VARIANCE", f"all {len(values)} returns are {values[0]}: nothing varies")


def _asked(call: Callable[..., Any], *arguments: Any, **others: Any) -> Any:
    """What purgedcv says; what it refuses is an InvalidValue with its words."""
    try:
        return call(*arguments, **others)
    except ValueError as error:
        raise InvalidValue("SHARPE_MOMENTS", str(error)) from error
