"""Scores over folds: an interval, not one number.

A figure's values in the folds are taken as n draws: mean, standard deviation, and Student's t interval of the mean with
n - 1 degrees of freedom. They are not independent: training parts overlap, and in combinatorial folds test parts do
too, so the interval is too narrow by an amount that cannot be estimated without bias from one run of cross-validation
(Y. Bengio, Y. Grandvalet, No unbiased estimator of the variance of k-fold cross-validation, JMLR 5, 2004). Read it as
the least that is not known; minimum and maximum stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import stats

from domain.errors import InvalidValue
from models.classes import CLASSES
from models.features import Array
from models.validation.scores import ModelScores

GRID = 51
"""Points of a mean ROC curve: false positive rates 0, 0.02, … 1."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over folds.

    folds: number of folds in which the figure is defined: the n of the interval.
    undefined: number of folds in which it is not.
    mean: mean of the folds' values; None when no fold has one.
    deviation: standard deviation between folds, n - 1 below; None with fewer than two folds.
    low: lower end of Student's t interval of the mean at `level`, the folds taken as independent, which they are not;
        None with fewer than two folds.
    high: upper end of it.
    minimum: lowest of the folds' values.
    maximum: highest of the folds' values.
    level: 0.95 unless asked otherwise.
    """

    folds: int
    undefined: int
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    minimum: float | None
    maximum: float | None
    level: float


class MeanCurve(msgspec.Struct, frozen=True, kw_only=True):
    """A class's ROC curves over folds, averaged vertically: at fixed false positive rates, each curve taken as straight
    between its points (T. Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27, 2006).

    folds: number of folds in which the class has a curve.
    false_positive_rate: 0 to 1 in steps of 0.02.
    mean: of the folds' true positive rates, at each false positive rate.
    low: lower end of `Interval` at each, cut to 0; None with fewer than two folds.
    high: upper end of it, cut to 1.
    """

    folds: int
    false_positive_rate: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


def summary(scores: Sequence[ModelScores], level: float = 0.95) -> dict[str, Interval]:
    """The interval of each of `ModelScores.figures` over folds. Raises InvalidValue without a fold."""
    _check(scores, level)
    figures = [one.figures() for one in scores]
    return {name: interval([one[name] for one in figures], level) for name in figures[0]}


def interval(values: Sequence[float | None], level: float = 0.95) -> Interval:
    """The interval of one figure's values in the folds; None is a fold in which it is undefined."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    mean = float(known.mean()) if len(known) else None
    deviation = half = None
    if len(known) > 1:
        deviation = float(known.std(ddof=1))
        half = _factor(len(known), level) * deviation
    return Interval(
        folds=len(known),
        undefined=len(values) - len(known),
        mean=mean,
        deviation=deviation,
        low=None if mean is None or half is None else mean - half,
        high=None if mean is None or half is None else mean + half,
        minimum=float(known.min()) if len(known) else None,
        maximum=float(known.max()) if len(known) else None,
        level=level,
    )


def mean_roc(scores: Sequence[ModelScores], level: float = 0.95) -> dict[str, MeanCurve]:
    """The mean ROC curve of each class that has one in some fold."""
    _check(scores, level)
    grid = np.linspace(0.0, 1.0, GRID)
    found: dict[str, MeanCurve] = {}
    for kind in CLASSES:
        curves = [one.roc[kind] for one in scores if kind in one.roc]
        if not curves:
            continue
        rates = np.array([np.interp(grid, one.false_positive_rate, one.true_positive_rate) for one in curves])
        rates[:, 0] = 0.0
        mean = rates.mean(axis=0)
        half = _factor(len(curves), level) * rates.std(axis=0, ddof=1) if len(curves) > 1 else None
        found[kind] = MeanCurve(
            folds=len(curves),
            false_positive_rate=tuple(grid.tolist()),
            mean=tuple(mean.tolist()),
            low=None if half is None else _rates(mean - half),
            high=None if half is None else _rates(mean + half),
        )
    return found


def _factor(folds: int, level: float) -> float:
    """Half of the interval, in standard deviations between folds."""
    return float(stats.t.ppf((1 + level) / 2, folds - 1)) / math.sqrt(folds)


def _rates(values: Array) -> tuple[float, ...]:
    return tuple(np.clip(values, 0.0, 1.0).tolist())


def _check(scores: Sequence[ModelScores], level: float) -> None:
    if not scores:
        raise InvalidValue("SUMMARY_EMPTY", "there are no folds to summarise")
    if not 0.0 < level < 1.0:
        raise InvalidValue("SUMMARY_LEVEL", f"a level lies between 0 and 1, it was {level}")
