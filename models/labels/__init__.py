"""What the model is to learn: BUY, SELL or HOLD by what a position would have earned over a declared horizon.

The decision falls at the close of bar t. The position is entered at the open of bar t + 1 and left at the close of bar
t + horizon at the latest, so the label looks at bars t + 1 and on: its interval. It is the only thing in models/ that
looks ahead. A bar whose horizon goes past the last bar given has no label.

Boundaries: an interval is that of prices; a label takes no view of what a position costs to carry, or to borrow.
Verification: tests/models/labels.
"""

from __future__ import annotations

from models.features import Bars
from models.features.bars import require_bars
from models.labels.barriers import by_barriers
from models.labels.rule import Kind, LabelRule, Labels, Unit
from models.labels.threshold import by_threshold
from models.labels.volatility import volatility
from models.labels.weights import uniqueness


def label(bars: Bars, rule: LabelRule) -> Labels:
    """The labels of all bars of one symbol whose horizon lies within `bars`, in the order of time.

    Raises InvalidValue when a price is not positive and finite, or a volume negative or not finite.
    """
    require_bars(bars)
    return by_barriers(bars, rule) if rule.kind == "triple_barrier" else by_threshold(bars, rule)


__all__ = ["Kind", "LabelRule", "Labels", "Unit", "label", "uniqueness", "volatility"]
