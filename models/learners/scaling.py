"""Standard scores, fitted on training rows alone and kept with the model that they were fitted for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.features import Array

LIMIT = 10.0
"""A score further out counts as this: a wrong price must not push a model where nothing it learnt from ever was."""

_CONSTANT = 1e-12  # a spread smaller than this, relative to the mean, is rounding noise


@dataclass(frozen=True)
class Scaler:
    """mean, scale: (features,). scale: the standard deviation, 1 for a column that does not vary."""

    mean: Array
    scale: Array

    @classmethod
    def fit(cls, rows: Array, weight: Array) -> Scaler:
        """Weighted mean and standard deviation (of the population, not the sample) over all axes but the last.

        rows: (n, …, features); weight: (n,), its sum positive.
        """
        middle = tuple(range(1, rows.ndim - 1))
        share = weight / weight.sum()
        mean: Array = share @ rows.mean(axis=middle)
        scale: Array = np.sqrt(share @ ((rows - mean) ** 2).mean(axis=middle))
        return cls(mean, np.where(scale <= _CONSTANT * np.abs(mean), 1.0, scale))

    def apply(self, rows: Array) -> Array:
        """Standard scores, from -LIMIT to LIMIT."""
        with np.errstate(over="ignore"):
            return np.clip((rows - self.mean) / self.scale, -LIMIT, LIMIT)
