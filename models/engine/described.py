"""What a model's description alone says of it, wherever the model itself is."""

from __future__ import annotations

from collections.abc import Mapping

from domain.signals import Direction
from models.decisions import decide_one
from models.engine.drift import DriftMonitor
from models.labels import LabelRule
from models.registry.meta import Meta, Thresholds, check_features


class Described:
    """A model by its meta. Raises InvalidValue when it was made for other features than this program's."""

    def __init__(self, meta: Meta) -> None:
        check_features(meta)
        self.meta = meta

    @property
    def name(self) -> str:
        return self.meta.name

    @property
    def version(self) -> str:
        return self.meta.version

    @property
    def id(self) -> str:
        """`name/version`, as metrics, caches and requests name it."""
        return f"{self.meta.name}/{self.meta.version}"

    @property
    def sha256(self) -> str:
        return self.meta.sha256

    @property
    def steps(self) -> int:
        """Feature rows that it looks at."""
        return self.meta.steps

    @property
    def label(self) -> LabelRule:
        """What it has learnt to foretell."""
        return self.meta.label

    @property
    def thresholds(self) -> Thresholds:
        return self.meta.thresholds

    def monitor(self, symbol: str) -> DriftMonitor:
        """A new monitor of the symbol's features against this model's training."""
        return DriftMonitor(self.meta.reference, symbol)

    def decide(self, probabilities: Mapping[Direction, float]) -> Direction:
        """The verdict: see models.decisions."""
        return decide_one(probabilities, self.thresholds)
