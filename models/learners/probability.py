"""Margins to probabilities, and the loss that all kinds are fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.features import Array
from models.learners.base import Targets

FLOOR = 1e-15
"""A probability below it counts as it: no model's loss is infinite because it was sure once."""


def softmax(margins: Array) -> Array:
    """exp(m_k) / sum over the last axis; any finite margins, since the largest is taken off first."""
    shifted: Array = np.exp(margins - margins.max(axis=-1, keepdims=True))
    return unit(shifted)


def unit(outputs: Any) -> Array:
    """A library's probabilities, made to sum to one over the last axis in float64."""
    wide = np.asarray(outputs, dtype=np.float64)
    shares: Array = wide / wide.sum(axis=-1, keepdims=True)
    return shares


def log_loss(probabilities: Array, target: Targets, weight: Array) -> float:
    """Weighted mean negative log likelihood, in nats; ln 3 = 1.0986 for three equal probabilities."""
    own = probabilities[np.arange(len(target)), target]
    return float(-(weight @ np.log(np.maximum(own, FLOOR))) / weight.sum())
