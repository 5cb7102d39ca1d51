"""How much a bar's return varies, as known at its close."""

from __future__ import annotations

import numpy as np

from models.features import WINDOW, Array

DECAY = 0.94
"""From the weight of a squared return to that of the one before it. Source: J.P. Morgan, RiskMetrics (1996), daily."""

_WEIGHTS = DECAY ** np.arange(WINDOW - 2, -1, -1.0)
_WEIGHTS /= _WEIGHTS.sum()


def volatility(close: Array) -> Array:
    """The standard deviation of a bar's return at each bar, as a fraction; NaN for the first WINDOW - 1 bars.

    The exponentially weighted mean of the last WINDOW - 1 squared returns, taken around zero. Like the features it is a
    function of the last WINDOW bars alone, so it does not depend on how long the history is.
    """
    deviations = np.full(len(close), np.nan)
    if len(close) >= WINDOW:
        returns = close[1:] / close[:-1] - 1.0
        deviations[WINDOW - 1 :] = np.sqrt(np.correlate(returns**2, _WEIGHTS, "valid"))
    return deviations
