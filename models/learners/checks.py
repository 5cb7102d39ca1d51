"""What every learner asks of its arguments, so that all kinds refuse the same, with one text.

Boundaries: says nothing of what the numbers mean; that the columns are the right features is checked by whoever holds a
model's description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from domain.errors import InvalidValue
from models.classes import CLASSES
from models.features import Array
from models.learners.base import Classifier, Targets
from models.learners.probability import log_loss

LARGEST = float(np.finfo(np.float32).max)
"""The largest number that is finite in every library: trees and networks compute in float32."""

SEED_MAX = 2**31 - 1
"""LightGBM's largest."""

Watch = tuple[Array, Targets, Array]
Report = Callable[[int, float], None]


class Training(NamedTuple):
    """Checked rows that weigh something; weight is float64."""

    rows: Array
    target: Targets
    weight: Array


def hyper_parameters(learner: Any, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Hold a frozen dataclass of numbers to its types and bounds (both included); whole numbers become floats.

    Raises InvalidValue for another type, a number out of bounds, or one that is not finite.
    """
    for field in fields(learner):
        value, (low, high) = getattr(learner, field.name), bounds[field.name]
        if field.type == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
            object.__setattr__(learner, field.name, value)
        if type(value).__name__ != field.type or not low <= value <= high:
            raise InvalidValue(
                "MODEL_PARAMETER_INVALID",
                f"{learner.kind}: {field.name} must be {field.type}, from {low:g} to {high:g}; it was {value!r}",
            )


def finite_rows(rows: Array, steps: int, features: int | None = None) -> Array:
    """The rows as float64. features: how many the model was fitted on, None in a fit.

    Raises InvalidValue for another shape than (n, steps, features), and for values that are not finite in float32.
    """
    rows = np.asarray(rows, dtype=np.float64)
    width = "features" if features is None else features
    if rows.ndim != 3 or rows.shape[1] != steps or rows.shape[2] != (features or max(rows.shape[2], 1)):
        raise InvalidValue("MODEL_ROWS_SHAPE", f"rows must have the shape (n, {steps}, {width}), it was {rows.shape}")
    if rows.size and not (rows.min() >= -LARGEST and rows.max() <= LARGEST):  # no temporary copy; NaN compares as False
        raise InvalidValue("MODEL_ROWS_NOT_FINITE", f"rows must be finite and at most {LARGEST:g} in size")
    return rows


def training(rows: Array, target: Targets, weight: Array, steps: int, seed: int) -> Training:
    """What may be learnt from: rows of weight zero are left out, so that they change nothing at all.

    Raises InvalidValue for shapes that do not fit, numbers that are not finite, when a class is missing, and for a seed
    that some library does not take.
    """
    if not 0 <= seed <= SEED_MAX:
        raise InvalidValue("TRAINING_SEED", f"a seed must be from 0 to {SEED_MAX}, it was {seed}")
    found = _weighted(rows, target, weight, steps)
    missing = [CLASSES[k] for k in range(len(CLASSES)) if not (found.target == k).any()]
    if missing:
        raise InvalidValue("TRAINING_CLASS_MISSING", f"no sample is {', '.join(missing)}")
    return found


def watched(watch: Watch | None, report: Report | None, steps: int, features: int) -> Training | None:
    """What a fit is to report the loss of, None when nobody asks.

    Raises InvalidValue as `training` does (a missing class is fine here), and for a report without a watch.
    """
    if report is None:
        return None
    if watch is None:
        raise InvalidValue("TRAINING_WATCH_MISSING", "a report needs rows to watch, there were none")
    found = _weighted(*watch, steps)
    finite_rows(found.rows[:0], steps, features)
    if not len(found.target):
        raise InvalidValue("TRAINING_WATCH_MISSING", "a report needs rows to watch that weigh something")
    return found


def report_once(classifier: Classifier, seen: Training | None, report: Report | None) -> None:
    """The report of a fit that has no rounds: the finished model's loss."""
    if seen is not None and report is not None:
        report(0, log_loss(classifier.probabilities(seen.rows), seen.target, seen.weight))


def _weighted(rows: Array, target: Targets, weight: Array, steps: int) -> Training:
    rows, target, weight = finite_rows(rows, steps), np.asarray(target), np.asarray(weight, dtype=np.float64)
    if target.shape != rows.shape[:1] or weight.shape != rows.shape[:1]:
        raise InvalidValue(
            "TRAINING_SHAPES",
            f"one target and one weight for each of {len(rows)} rows; they were {target.shape} and {weight.shape}",
        )
    if target.dtype.kind not in "iu" or not np.isin(target, range(len(CLASSES))).all():
        raise InvalidValue("TRAINING_TARGETS", f"targets must be whole numbers from 0 to {len(CLASSES) - 1}")
    if weight.size and not (weight.min() >= 0 and weight.max() <= LARGEST):
        raise InvalidValue("TRAINING_WEIGHTS", "weights must be finite and not negative")
    used = weight > 0
    target = target.astype(np.int64, copy=False)
    return Training(rows, target, weight) if used.all() else Training(rows[used], target[used], weight[used])
