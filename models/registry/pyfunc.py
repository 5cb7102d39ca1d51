"""A version for MLflow's own tools: `mlflow.pyfunc.load_model` and `mlflow models serve` load it by this module.

No pickle: the files are those of models.registry.store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.engine.predictor import predictor
from models.features import Array
from models.registry import store
from models.registry.meta import Meta


class Served:
    """Predicts for an array (n, features) where the model looks at one row, (n, steps, features) where at more."""

    def __init__(self, meta: Meta, model: bytes) -> None:
        self._predictor = predictor(meta, model)

    def predict(self, rows: Any, params: dict[str, Any] | None = None) -> Array:
        """Calibrated probabilities, (n, 3) in the order of the classes."""
        array = np.asarray(rows, dtype=np.float64)
        return self._predictor.probabilities(array[:, np.newaxis, :] if array.ndim == 2 else array)


def _load_pyfunc(path: str) -> Served:
    return Served(*store.load(Path(path)))
