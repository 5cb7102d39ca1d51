"""What the model is to learn: BUY, SELL or HOLD by what a position would have earned over a declared horizon.

The decision falls at the close of bar t. The position is entered at the open of bar t + 1 and left at the close of bar
t + horizon, so the label looks at bars t + 1 … t + horizon: its interval. It is the only thing in models/ that looks
ahead. A bar whose interval goes past the last bar given has no label.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.classes import BUY, HOLD, SELL
from models.features import Array, Bars


class LabelRule(msgspec.Struct, frozen=True, kw_only=True):
    """threshold: what a position must earn at least, net, as a fraction; cost_bps: of entering and leaving together."""

    horizon_bars: int = 5
    threshold: float = 0.015
    cost_bps: float = 10.0


class Labels(NamedTuple):
    """One entry per labelled bar. decided: its position; ends: position of the last bar that its label looks at.

    target: index into CLASSES. earned: what a long position earns from entry to exit, before costs, as a fraction.
    """

    decided: NDArray[np.int64]
    ends: NDArray[np.int64]
    target: NDArray[np.int64]
    earned: Array


def label(bars: Bars, rule: LabelRule) -> Labels:
    """The labels of all bars of one symbol whose interval lies within `bars`.

    BUY when going long earns the threshold after costs, SELL when going short would, else HOLD.
    """
    count = max(len(bars.close) - rule.horizon_bars, 0)
    decided = np.arange(count, dtype=np.int64)
    ends = decided + rule.horizon_bars
    earned = bars.close[ends] / bars.open[decided + 1] - 1.0
    needed = rule.threshold + rule.cost_bps / 10_000
    target = np.full(count, HOLD, dtype=np.int64)
    target[earned >= needed] = BUY
    target[-earned >= needed] = SELL
    return Labels(decided, ends, target, earned)


def uniqueness(decided: NDArray[np.int64], ends: NDArray[np.int64]) -> Array:
    """How much of each label's interval is its own: the mean over its bars of 1 / (labels that look at that bar).

    For the labels of one symbol. Source: M. López de Prado, Advances in Financial Machine Learning (2018), section 4.4.
    """
    if len(decided) == 0:
        return np.empty(0)
    change = np.zeros(int(ends.max()) + 2)
    np.add.at(change, decided + 1, 1.0)
    np.add.at(change, ends + 1, -1.0)
    sharing = np.cumsum(change)
    parts = np.concatenate([[0.0], np.cumsum(np.divide(1.0, sharing, where=sharing > 0, out=np.zeros_like(sharing)))])
    return np.asarray((parts[ends + 1] - parts[decided + 1]) / (ends - decided))
