"""What the model sees of a market, declared once and computed by one kernel, online and offline.

Every feature is a function of the last WINDOW completed bars of one symbol and of nothing else, so a recursive
indicator does not depend on how long the history is, and bars that come later change nothing. Prices are in units of
the last close: all features are free of the price's unit. Floats are fine here; no money is computed from them.

TA-Lib defines the indicators (models.features.weights). Names and meanings: models.features.declared, and from it
docs/reference/features.md. Decisions: docs/adr/0012 and docs/adr/0040.
Verification: tests/models/features.
"""

from __future__ import annotations

from models.features.bars import WINDOW, Array, Bars, Priced, warm_up
from models.features.declared import FEATURE_NAMES, FEATURES, Feature
from models.features.frame import compute, compute_frame, compute_frames
from models.features.rolling import RollingWindow

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "WINDOW",
    "Array",
    "Bars",
    "Feature",
    "Priced",
    "RollingWindow",
    "compute",
    "compute_frame",
    "compute_frames",
    "warm_up",
]
