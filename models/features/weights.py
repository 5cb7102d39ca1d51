"""TA-Lib's recursive averages over a window, as weights: what each bar of the window adds to the last value.

An average that starts at the window's first bar is a fixed linear function of the window. Its weights are read off
TA-Lib itself, from its answer to a window that is zero but for one bar, so TA-Lib stays the definition, seed and all.
Verification: tests/models/features/test_oracle.py compares with the direct calls.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import talib

from models.features.bars import WINDOW, Array


def of_closes(indicator: Callable[[Array], Array]) -> Array:
    """The weights (WINDOW) of the closes in the last value of a linear indicator of them."""
    return np.array([indicator(impulse)[-1] for impulse in np.eye(WINDOW)])


def ema(period: int) -> Array:
    return of_closes(lambda close: talib.EMA(close, timeperiod=period))


def macd(part: int) -> Array:
    """part: 0 line, 1 signal, 2 histogram."""
    return of_closes(lambda close: talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)[part])


def atr(period: int) -> Array:
    """The weights (WINDOW - 1) of the true ranges of bars 1 and on: bar 0 has no close before it."""
    zero = np.zeros(WINDOW)
    return np.array([talib.ATR(high, zero, zero, timeperiod=period)[-1] for high in np.eye(WINDOW)[1:]])


def rsi(period: int) -> Array:
    """The weights (WINDOW - 1) of the gains, and of the losses, summing to one.

    RSI is 100 G / (G + L) with averages G and L of one form. A gain of one somewhere against a loss of one in the last
    bar gives the ratio of their two weights.
    """
    ratios = np.ones(WINDOW - 1)
    for at in range(WINDOW - 2):
        close = np.full(WINDOW, 1.0)
        close[at + 1 : -1] = 2.0
        strength = talib.RSI(close, timeperiod=period)[-1]
        ratios[at] = strength / (100.0 - strength)
    weights: Array = ratios / ratios.sum()
    return weights
