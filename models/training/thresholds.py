"""When a probability is a BUY or a SELL: thresholds that give about the wanted share of each, chosen out of fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.classes import BUY, SELL
from models.features import Array
from models.registry.meta import Thresholds

SIGNAL_SHARE = 0.20
"""Of the days of a typical fold, the share that reaches the threshold of BUY, and of SELL."""


def choose_thresholds(folds: Sequence[Array], share: float = SIGNAL_SHARE) -> Thresholds:
    """The median over the folds of the probability that `share` of the fold's rows reach.

    folds: calibrated probabilities, (rows, 3) each, of rows that were not learnt from. The median, so that one stormy
    year, in which all probabilities are high, does not silence the model in calm ones.
    """
    return Thresholds(buy=_threshold(folds, BUY, share), sell=_threshold(folds, SELL, share))


def _threshold(folds: Sequence[Array], k: int, share: float) -> float:
    found = [float(np.quantile(probabilities[:, k], 1.0 - share)) for probabilities in folds]
    return max(float(np.median(found)), np.finfo(float).tiny)
