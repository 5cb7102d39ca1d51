"""The formulas of the features, each over a batch of windows: (n,) from Windows.

Sources: J. Welles Wilder, New Concepts in Technical Trading Systems (1978), RSI and ATR; G. Appel, Technical Analysis:
Power Tools for Active Investors (2005), MACD; J. Bollinger, Bollinger on Bollinger Bands (2001); J. Granville, New Key
to Stock Market Profits (1963), OBV. Periods, seeds and averages are TA-Lib's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.features import weights
from models.features.bars import WINDOW, Array
from models.features.windows import FLAT, Windows

Indicator = Callable[[Windows], Array]

_RSI_14 = weights.rsi(14)
_ATR_14 = weights.atr(14)


def rsi(windows: Windows) -> Array:
    gain = windows.weighted(np.maximum(windows.moves, 0.0), _RSI_14)
    moved = windows.weighted(np.abs(windows.moves), _RSI_14)  # gain and loss; the weights sum to one
    quiet = moved < FLAT * windows.last
    if quiet.any():  # a window whose range is none has an average move that is none, so the others need not be asked
        closes = windows.tails(windows.close, WINDOW)[quiet]
        quiet[quiet] = np.ptp(closes, axis=1) < FLAT * windows.last[quiet]
        gain[quiet], moved[quiet] = 1.0, 2.0
    strength: Array = 100.0 * (gain / moved)
    return strength


def of_closes(over: Array) -> Indicator:
    """A weighted sum of the window's closes, in last closes."""

    def compute(windows: Windows) -> Array:
        sums: Array = windows.weighted(windows.close, over) / windows.last
        return sums

    return compute


def percent_b(windows: Windows) -> Array:
    place = 0.5 + (1.0 - windows.middle / windows.last) / windows.width
    return np.where(windows.width < FLAT, 0.5, place)


def bandwidth(windows: Windows) -> Array:
    relative: Array = windows.width * (windows.last / windows.middle)
    return relative


def to_sma(bars: int) -> Indicator:
    def compute(windows: Windows) -> Array:
        above: Array = windows.last / windows.mean(windows.close, bars) - 1.0
        return above

    return compute


def to_ema(period: int) -> Indicator:
    over = weights.ema(period)

    def compute(windows: Windows) -> Array:
        above: Array = windows.last / windows.weighted(windows.close, over) - 1.0
        return above

    return compute


def obv_change(bars: int) -> Indicator:
    ones = np.ones(bars)

    def compute(windows: Windows) -> Array:
        gained = windows.weighted(np.sign(windows.moves) * windows.volume[1:], ones)
        mean = windows.mean(windows.volume, bars)
        return np.where(mean == 0.0, 0.0, gained / mean)

    return compute


def atr(windows: Windows) -> Array:
    average: Array = windows.weighted(windows.true_ranges(), _ATR_14) / windows.last
    return average


def return_over(bars: int) -> Indicator:
    def compute(windows: Windows) -> Array:
        gained: Array = windows.last / windows.back(bars) - 1.0
        return gained

    return compute
