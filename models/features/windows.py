"""A batch of windows of one symbol, and what the features are made of: one pass over the bars for all of them.

The windows overlap: n windows are n + WINDOW - 1 consecutive bars, and nothing is copied per window. A weighted sum
over each window is a correlation, one dot product a window. Whatever n is, a window's numbers are made by the same
operations in the same order, so one window online and a whole history offline give the same bytes.
"""

from __future__ import annotations

import numpy as np

from models.features.bars import WINDOW, Array

FLAT = 1e-6
"""A price range smaller than this, relative to the price, is none: below it there is only rounding noise."""

BAND = 20
"""Bars of the Bollinger bands."""

_ONES = np.ones(WINDOW)
_SAME = 1e-12  # a move smaller than this, relative to the price, is none: a split leaves such, and OBV counts its sign


class Windows:
    """n windows. block: (5, n + WINDOW - 1), a Bars as rows, checked, its rows contiguous.

    last: (n,) each window's last close, the unit of its prices. moves: from each close to the next.
    middle: (n,) of the Bollinger bands; width: of their upper from their lower, in last closes.
    """

    def __init__(self, block: Array) -> None:
        _, self.high, self.low, self.close, self.volume = block
        self.count = block.shape[1] - WINDOW + 1
        self.last = self.close[WINDOW - 1 :]
        moves = self.close[1:] - self.close[:-1]
        moves[np.abs(moves) <= _SAME * self.close[1:]] = 0.0
        self.moves = moves
        self.middle = self.mean(self.close, BAND)
        self.width = self._width()

    def weighted(self, values: Array, weights: Array) -> Array:
        """The weighted sum of the last len(weights) values of each window. values: one a bar, or one a move."""
        sums: Array = np.correlate(values[len(values) - self.count - len(weights) + 1 :], weights, "valid")
        return sums

    def mean(self, values: Array, bars: int) -> Array:
        """The mean of the last `bars` values of each window."""
        means: Array = self.weighted(values, _ONES[:bars]) / bars
        return means

    def back(self, bars: int) -> Array:
        """The close that many bars before the last."""
        closes: Array = self.close[WINDOW - 1 - bars : len(self.close) - bars]
        return closes

    def tails(self, values: Array, bars: int) -> Array:
        """(n, bars): the last `bars` values of each window, as a view."""
        tail = values[len(values) - self.count - bars + 1 :]
        step = tail.itemsize
        return np.ndarray((self.count, bars), np.float64, tail, 0, (step, step))  # checks the bounds, unlike as_strided

    def true_ranges(self) -> Array:
        """Wilder's, of every bar but the first: the range that holds the bar and the close before it."""
        before = self.close[:-1]
        ranges: Array = np.maximum(self.high[1:], before) - np.minimum(self.low[1:], before)
        return ranges

    def _width(self) -> Array:
        """Four standard deviations, from squares of deviations: TA-Lib's E[x²] - E[x]² loses half of the digits."""
        deviations = (self.tails(self.close, BAND) - self.middle[:, None]) / self.last[:, None]
        width: Array = 4.0 * np.sqrt(np.vecdot(deviations, deviations) / BAND)
        return width
