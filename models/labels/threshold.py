"""The fixed horizon: entered at the next open, left at the close of the horizon, judged by what that earns."""

from __future__ import annotations

import numpy as np

from models.classes import BUY, HOLD, SELL
from models.features import Bars
from models.labels.rule import LabelRule, Labels


def by_threshold(bars: Bars, rule: LabelRule) -> Labels:
    """BUY when going long earns the threshold after costs, SELL when going short would, else HOLD."""
    count = max(len(bars.close) - rule.horizon_bars, 0)
    decided = np.arange(count, dtype=np.int64)
    ends = decided + rule.horizon_bars
    earned = bars.close[rule.horizon_bars :][:count] / bars.open[1 : count + 1] - 1.0
    target = np.full(count, HOLD, dtype=np.int64)
    target[rule.pays(earned)] = BUY
    target[rule.pays(-earned)] = SELL
    return Labels(decided, ends, target, earned, -earned)
