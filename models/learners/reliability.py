"""How far probabilities are from what then happens: reliability tables, and the calibration error over them.

Source: A. Murphy, R. Winkler, Reliability of subjective probability forecasts, Applied Statistics 26 (1977) (the
table); M. Kull et al., NeurIPS 2019, section 2 (the class-wise error).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.classes import CLASSES
from models.features import Array
from models.learners.base import Targets

BINS = 10


class Bin(NamedTuple):
    """Rows whose probability of a class was in [low, high), the last bin's high included.

    share: of the rows, by weight; predicted: their mean probability; observed: the share of them that were the class.
    """

    low: float
    high: float
    share: float
    predicted: float
    observed: float


def reliability(probabilities: Array, target: Targets, weight: Array, bins: int = BINS) -> tuple[tuple[Bin, ...], ...]:
    """For each of CLASSES its bins of equal width, those without rows left out. Shapes: (n, 3), (n,), (n,)."""
    share = weight / weight.sum()
    return tuple(_table(probabilities[:, k], target == k, share, bins) for k in range(len(CLASSES)))


def calibration_error(table: tuple[tuple[Bin, ...], ...]) -> float:
    """Class-wise expected calibration error: mean over the classes of sum over bins of share |observed - predicted|.

    0 for a perfect forecast, at most 1. It is never 0 by luck alone: with few rows in a bin it measures their noise.
    """
    errors = [sum(one.share * abs(one.observed - one.predicted) for one in of_class) for of_class in table]
    return float(np.mean(errors))


def _table(probability: Array, happened: NDArray[np.bool_], share: Array, bins: int) -> tuple[Bin, ...]:
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    weights = np.bincount(place, share, bins)
    predicted, observed = (np.bincount(place, share * values, bins) for values in (probability, happened))
    return tuple(
        Bin(
            k / bins,
            (k + 1) / bins,
            float(weights[k]),
            float(predicted[k] / weights[k]),
            float(observed[k] / weights[k]),
        )
        for k in range(bins)
        if weights[k] > 0
    )
