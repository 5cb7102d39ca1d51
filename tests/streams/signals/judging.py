"""A judge of the tests' own, behind the port that the signals agent asks: it says what it is told to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

from domain.signals import Direction
from models.engine.drift import DriftMonitor
from models.features import Array
from models.labels import LabelRule
from tests.streams.signals.conftest import unmoved

Say = Callable[[Array], dict[Direction, float]]
"""Probabilities of (1, features)."""


class Told:
    """Judge and judges in one. The likeliest direction is its verdict; it never ages and never drifts, and no outcomes
    are told, for its rule is not known afterwards."""

    sha256, steps, label = "", 1, LabelRule()

    def __init__(self, name: str, say: Say) -> None:
        self.name, self.version, self.id = name, "1", f"{name}/1"
        self.meta: Any = SimpleNamespace(trained_until=date(2100, 1, 1))
        self._say = say

    def judge(self, name: str, version: str) -> Told:
        return self

    def known(self, name: str, version: str) -> None:
        return None

    def monitor(self, symbol: str) -> DriftMonitor:
        return DriftMonitor(unmoved(), symbol)

    def predict(self, rows: Array) -> dict[Direction, float]:
        return self._say(rows)

    def decide(self, probabilities: dict[Direction, float]) -> Direction:
        return max(probabilities, key=lambda name: probabilities[name])
