"""A trained model, ready to judge: deterministic, one thread at a time, warm from the start."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from domain.errors import InvalidValue
from domain.signals import Direction
from models.classes import CLASSES
from models.engine.described import Described
from models.features import FEATURE_NAMES, Array
from models.learners import Classifier, learner
from models.registry.meta import Meta, check_features

Row = Mapping[str, float]


class Predictor(Described):
    """A model with its name, version, features, calibration and thresholds. Safe to use from several threads."""

    def __init__(self, meta: Meta, classifier: Classifier) -> None:
        super().__init__(meta)
        self._classifier = classifier
        self._lock = threading.Lock()
        self.probabilities(np.zeros((1, meta.steps, len(FEATURE_NAMES))))  # the first one builds caches: milliseconds

    def predict(self, rows: Array) -> dict[Direction, float]:
        """The probability of each direction, summing to one. rows: (steps, features), oldest first, as `matrix` makes.

        Raises InvalidValue when the shape is another, or a number is not finite.
        """
        return _named(self.probabilities(rows[np.newaxis])[0])

    def predict_many(self, rows: Array) -> list[dict[Direction, float]]:
        """`predict` of each of (n, steps, features); the same numbers as one at a time, to rounding."""
        return [_named(row) for row in self.probabilities(rows)] if len(rows) else []

    def probabilities(self, rows: Array) -> Array:
        """Calibrated: (n, 3) in the order of CLASSES. rows: (n, steps, features)."""
        self._check(rows)
        with self._lock:
            return self.meta.calibration.apply(self._classifier.probabilities(rows))

    def contributions(self, rows: Array) -> Array | None:
        """SHAP values of the model's margins, before calibration: see models.learners.base.Explaining.

        None when this kind of model has none.
        """
        self._check(rows)
        explain = getattr(self._classifier, "contributions", None)
        if explain is None:
            return None
        with self._lock:
            found: Array = explain(rows)
        return found

    def matrix(self, rows: Sequence[Row]) -> Array:
        """Rows by name as (steps, features). Raises InvalidValue when one is missing, unknown or not finite."""
        if len(rows) != self.steps:
            text = f"model {self.id} looks at {self.steps} feature rows, oldest first; there were {len(rows)}"
            raise InvalidValue("MODEL_ROWS_MISMATCH", text)
        found = np.empty((len(rows), len(FEATURE_NAMES)))
        for place, row in zip(found, rows, strict=True):
            if row.keys() != set(FEATURE_NAMES):
                missing, unknown = set(FEATURE_NAMES) - row.keys(), row.keys() - set(FEATURE_NAMES)
                text = f"features missing: {sorted(missing)}, unknown: {sorted(unknown)}"
                raise InvalidValue("MODEL_FEATURES_MISMATCH", text)
            place[:] = [row[name] for name in FEATURE_NAMES]
        if not np.isfinite(found).all():
            raise InvalidValue("MODEL_FEATURES_NOT_FINITE", f"features must be finite, they were {list(rows)}")
        return found

    def _check(self, rows: Array) -> None:
        if rows.ndim != 3 or rows.shape[1:] != (self.steps, len(FEATURE_NAMES)):
            expected = f"(n, {self.steps}, {len(FEATURE_NAMES)})"
            raise InvalidValue("MODEL_ROWS_MISMATCH", f"model {self.id} takes rows {expected}, they were {rows.shape}")
        if not np.isfinite(rows).all():
            raise InvalidValue("MODEL_FEATURES_NOT_FINITE", f"model {self.id} takes finite features, some were not")


def predictor(meta: Meta, model: bytes) -> Predictor:
    """The predictor of a stored model. Raises UnreadableInput, InvalidValue, UnavailableError (its library)."""
    check_features(meta)
    return Predictor(meta, learner(meta.kind, meta.parameters).load(model))


def _named(row: Array) -> dict[Direction, float]:
    return {direction: float(p) for direction, p in zip(CLASSES, row, strict=True)}
