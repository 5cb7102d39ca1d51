"""The baseline that looks at nothing: the classes' shares in the training rows, for every row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import numpy as np

from domain.errors import UnreadableInput
from models.classes import CLASSES
from models.features import Array
from models.learners import checks, seal
from models.learners.base import Parameters, Progress, Targets
from models.learners.probability import unit


@dataclass(frozen=True, kw_only=True)
class Majority:
    """Its accuracy is that of the most frequent class, its log loss the entropy of the classes. Nothing to choose."""

    kind: ClassVar[str] = "majority"
    pruned: ClassVar[bool] = False

    @property
    def steps(self) -> int:
        return 1

    @property
    def parameters(self) -> Parameters:
        return {}

    def fit(
        self,
        rows: Array,
        target: Targets,
        weight: Array,
        *,
        seed: int,
        watch: tuple[Array, Targets, Array] | None = None,
        report: Callable[[int, float], None] | None = None,
        progress: Progress = lambda done: None,
    ) -> Frequencies:
        """See models.learners.base. No randomness: the seed changes nothing."""
        train = checks.training(rows, target, weight, self.steps, seed)
        watched = checks.watched(watch, report, self.steps, train.rows.shape[2])
        shares = unit(np.bincount(train.target, weights=train.weight, minlength=len(CLASSES)))
        described = _Description(features=train.rows.shape[2], shares=tuple(shares.tolist()))
        model = Frequencies(seal.sealed(self.kind, msgspec.json.encode(described)))
        checks.report_once(model, watched, report)
        progress(1.0)
        return model

    def load(self, data: bytes) -> Frequencies:
        return Frequencies(data)

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        return {}


class _Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    features: int
    shares: tuple[float, float, float]


class Frequencies:
    """The same probabilities for every row. Raises UnreadableInput when the bytes are no shares of our classes."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        try:
            described = msgspec.json.decode(seal.opened(Majority.kind, self._data), type=_Description)
        except msgspec.DecodeError as error:
            raise UnreadableInput(f"not a majority model: {error}") from error
        self._features = described.features
        self._shares = np.array(described.shares)
        if not ((self._shares > 0).all() and abs(self._shares.sum() - 1) < 1e-9):
            raise UnreadableInput(f"shares must be positive and sum to one, they were {described.shares}")

    def probabilities(self, rows: Array) -> Array:
        rows = checks.finite_rows(rows, 1, self._features)
        return np.tile(self._shares, (len(rows), 1))

    def dump(self) -> bytes:
        return self._data
