"""The three classes of every model and label, in the order of the models' outputs."""

from __future__ import annotations

from domain.signals import Direction

CLASSES: tuple[Direction, ...] = ("BUY", "SELL", "HOLD")
BUY, SELL, HOLD = range(3)
