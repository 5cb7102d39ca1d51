"""From probabilities to a decision: a class is said when it is likely for its kind.

BUY and SELL have a threshold each. One that reaches its threshold is said; when both do, the one that exceeds its own
by more, as a ratio; when neither does, or both by the same, HOLD. Thresholds of their own keep a class that is rarer
from never being said: in a market that rises, BUY is almost always likelier than SELL.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from domain.signals import Direction
from models.classes import BUY, CLASSES, HOLD, SELL
from models.features import Array
from models.learners.base import Targets
from models.registry.meta import Thresholds


def decide(probabilities: Array, thresholds: Thresholds | None) -> Targets:
    """A decision per row of (n, 3), as indexes into CLASSES.

    Without thresholds the likeliest class, the first of equals.
    """
    if thresholds is None:
        likeliest: Targets = probabilities.argmax(axis=1).astype(np.int64)
        return likeliest
    buy, sell = probabilities[:, BUY] / thresholds.buy, probabilities[:, SELL] / thresholds.sell
    return np.select([(buy >= 1) & (buy > sell), (sell >= 1) & (sell > buy)], [BUY, SELL], HOLD).astype(np.int64)


def decide_one(probabilities: Mapping[Direction, float], thresholds: Thresholds) -> Direction:
    """`decide` of one row."""
    row = np.array([[probabilities[direction] for direction in CLASSES]])
    return CLASSES[int(decide(row, thresholds)[0])]
