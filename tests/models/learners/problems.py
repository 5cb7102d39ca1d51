"""Small problems whose answers are known, in the shape that learners take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from models.classes import BUY, HOLD, SELL
from models.features import FEATURE_NAMES, Array
from models.learners import Targets

WIDTH = len(FEATURE_NAMES)
TELLING = FEATURE_NAMES.index("return_1")
"""The column that the answers depend on: one that the lagged logistic sees too."""


class Problem(NamedTuple):
    rows: Array
    target: Targets
    weight: Array

    def where(self, chosen: Any) -> Problem:
        return Problem(*(column[chosen] for column in self))


def separable(steps: int, seed: int, count: int = 600, back: int = 0) -> Problem:
    """BUY above 0.43 in the telling column, SELL below -0.43, HOLD between: a third each. back: how many bars ago."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, steps, WIDTH))
    told = rows[:, -1 - back, TELLING]
    target = np.select([told > 0.43, told < -0.43], [BUY, SELL], HOLD).astype(np.int64)
    return Problem(rows, target, random.uniform(0.5, 1.5, count))


def unlearnable(steps: int, seed: int, count: int = 600) -> Problem:
    """Targets that have nothing to do with the rows: nobody can do better than ln 3 = 1.0986."""
    random = np.random.default_rng(seed)
    return Problem(random.normal(size=(count, steps, WIDTH)), random.integers(0, 3, count), np.ones(count))


def log_loss(probabilities: Array, target: Targets) -> float:
    """Written out once more, so that the code under test does not judge itself."""
    return -sum(float(np.log(row[k])) for row, k in zip(probabilities, target, strict=True)) / len(target)


def in_another_thread(call: Callable[[], Array]) -> Array:
    found: list[Array] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]
