"""The baseline that looks at three numbers: a logistic regression on the returns over the last 1, 5 and 10 bars.

A model with thirty indicators that does not beat it has learnt nothing that the last returns did not say.
scikit-learn fits it; predicting needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import numpy as np

from domain.errors import UnreadableInput
from models.classes import CLASSES
from models.features import FEATURE_NAMES, Array
from models.learners import checks, seal
from models.learners.base import Parameters, Progress, Targets
from models.learners.probability import softmax
from models.learners.scaling import Scaler

LAGGED = ("return_1", "return_5", "return_10")


@dataclass(frozen=True, kw_only=True)
class LaggedLogistic:
    """Multinomial, L2 penalty 1 on the weights of standardised returns. A baseline is not tuned: nothing to choose."""

    kind: ClassVar[str] = "logistic"
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
    ) -> Logistic:
        """See models.learners.base. The columns are those of FEATURES. No randomness: the seed changes nothing."""
        from sklearn.linear_model import LogisticRegression  # a second to import

        train = checks.training(rows, target, weight, self.steps, seed)
        checks.finite_rows(train.rows[:0], self.steps, len(FEATURE_NAMES))
        watched = checks.watched(watch, report, self.steps, len(FEATURE_NAMES))
        columns = [FEATURE_NAMES.index(name) for name in LAGGED]
        returns = train.rows[:, 0, columns]
        scaler = Scaler.fit(returns, train.weight)
        fitted = LogisticRegression(C=1.0, max_iter=1_000).fit(scaler.apply(returns), train.target, train.weight)
        described = _Description(
            features=len(FEATURE_NAMES),
            columns=tuple(columns),
            mean=tuple(scaler.mean.tolist()),
            scale=tuple(scaler.scale.tolist()),
            coefficients=tuple(tuple(row) for row in fitted.coef_.tolist()),
            intercepts=tuple(fitted.intercept_.tolist()),
        )
        model = Logistic(seal.sealed(self.kind, msgspec.json.encode(described)))
        checks.report_once(model, watched, report)
        progress(1.0)
        return model

    def load(self, data: bytes) -> Logistic:
        return Logistic(data)

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        return {}


class _Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """columns: where the rows hold LAGGED. coefficients: one row a class."""

    features: int
    columns: tuple[int, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]


class Logistic:
    """Weights out of their bytes. Raises UnreadableInput when they are none for our classes and LAGGED."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        try:
            described = msgspec.json.decode(seal.opened(LaggedLogistic.kind, self._data), type=_Description)
            self._features = described.features
            self._columns = np.array(described.columns)
            self._scaler = Scaler(np.array(described.mean), np.array(described.scale))
            self._coefficients = np.array(described.coefficients)
            self._intercepts = np.array(described.intercepts)
        except (msgspec.DecodeError, ValueError) as error:
            raise UnreadableInput(f"not a logistic model: {error}") from error
        shapes = [a.shape for a in (self._scaler.mean, self._scaler.scale, self._coefficients, self._intercepts)]
        lags, classes = len(LAGGED), len(CLASSES)
        if shapes != [(lags,), (lags,), (classes, lags), (classes,)] or (self._scaler.scale <= 0).any():
            raise UnreadableInput(f"not a logistic model of {lags} returns and {classes} classes: {described}")
        if self._columns.shape != (lags,) or not set(described.columns) <= set(range(self._features)):
            raise UnreadableInput(f"the returns must be columns of {self._features}, they were {described.columns}")

    def probabilities(self, rows: Array) -> Array:
        rows = checks.finite_rows(rows, 1, self._features)
        scores = self._scaler.apply(rows[:, 0, self._columns])
        # Not a matrix product: its last bit depends on how many rows there are.
        return softmax((scores[:, None, :] * self._coefficients).sum(axis=2) + self._intercepts)

    def dump(self) -> bytes:
        return self._data
