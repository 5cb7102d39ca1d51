"""How much of a label is its own: labels that look at the same bars say much the same."""

from __future__ import annotations

import numpy as np

from models.features import Array
from models.labels.rule import Index


def uniqueness(decided: Index, ends: Index) -> Array:
    """How much of each label's interval is its own: the mean over its bars of 1 / (labels that look at that bar).

    For the labels of one symbol; intervals decided + 1 … ends may differ in length. Source: M. López de Prado, Advances
    in Financial Machine Learning (2018), section 4.4.
    """
    if len(decided) == 0:
        return np.empty(0)
    size = int(ends.max()) + 2
    sharing = np.cumsum(np.bincount(decided + 1, minlength=size) - np.bincount(ends + 1, minlength=size))
    shares = np.divide(1.0, sharing, where=sharing > 0, out=np.zeros(size))
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    return np.asarray((sums[ends + 1] - sums[decided + 1]) / (ends - decided))
