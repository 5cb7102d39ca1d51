"""What makes a bar a BUY, a SELL or a HOLD: a rule, declared, and kept with the model that learnt it."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models.features import Array

Kind = Literal["threshold", "triple_barrier"]
Unit = Literal["volatility", "fraction"]
Index = NDArray[np.int64]

SAME = 1e-12
"""Fractions of a price that differ by less are the same: 100 * 1.1 is a little more than 110, and 110 meets it."""


class LabelRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a label is made. Serializable with msgspec; a model's description holds it.

    kind: `threshold`, by what is earned over the whole horizon, or `triple_barrier`, by which barrier is met first.
    horizon_bars: bars that a position is held at most.
    threshold: what a position must earn at least, net, as a fraction. cost_bps: of entering and leaving together.

    Of `triple_barrier` alone: take_profit, stop_loss: how far the barriers are from the entry, as fractions of it, or
    (unit `volatility`) in standard deviations of a bar's return as known at the decision (models.labels.volatility).
    """

    kind: Kind = "threshold"
    horizon_bars: int = 5
    threshold: float = 0.015
    cost_bps: float = 10.0
    take_profit: float = 2.0
    stop_loss: float = 2.0
    unit: Unit = "volatility"

    def __post_init__(self) -> None:
        if self.horizon_bars < 1:
            raise InvalidValue(
                "LABEL_HORIZON", f"a label looks at one bar at least, it was to look at {self.horizon_bars}"
            )
        for name in ("threshold", "cost_bps"):
            if not (math.isfinite(value := getattr(self, name)) and value >= 0):
                raise InvalidValue("LABEL_COST", f"{name} must be finite and not below zero, it was {value}")
        for name in ("take_profit", "stop_loss"):
            if not (math.isfinite(value := getattr(self, name)) and value > 0):
                raise InvalidValue("LABEL_BARRIER", f"{name} must be finite and above zero, it was {value}")

    @property
    def needed(self) -> float:
        """What a position must earn at least before costs, as a fraction."""
        return self.threshold + self.cost_bps / 10_000

    def pays(self, earned: Array) -> NDArray[np.bool_]:
        """Which of the positions that earn so much before costs were worth it. Nothing earned never is."""
        worth: NDArray[np.bool_] = (earned > 0) & (earned >= self.needed - SAME)
        return worth


class Labels(NamedTuple):
    """One entry per labelled bar. decided: its position; ends: position of the last bar that its label looks at.

    target: index into CLASSES. earned, earned_short: what a long and what a short position earn from entry to exit,
    before costs, as fractions of the entry. A short earns what a long loses, unless its own barriers end it elsewhere.
    """

    decided: Index
    ends: Index
    target: Index
    earned: Array
    earned_short: Array
