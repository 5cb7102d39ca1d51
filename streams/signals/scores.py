"""How right each model has been lately, by symbol: the metrics model_accuracy and model_calibration_error.

Folded from the tape, so a restart goes on with the same figures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from domain.signals import SignalOutcome
from models.classes import CLASSES
from runtime import metrics

OUTCOMES_MAX = 250


class Scores:
    """The newest outcomes of each model and symbol of one partition."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], deque[SignalOutcome]] = {}

    def told(self, symbol: str, outcomes: Iterable[SignalOutcome]) -> None:
        for outcome in outcomes:
            model = f"{outcome.model_name}/{outcome.model_version}"
            newest = self._newest.setdefault((model, symbol), deque(maxlen=OUTCOMES_MAX))
            newest.append(outcome)
            metrics.model_outcomes_total.labels(model=model, symbol=symbol).inc()
            metrics.model_accuracy.labels(model=model, symbol=symbol).set(accuracy(newest))
            metrics.model_calibration_error.labels(model=model, symbol=symbol).set(calibration_error(newest))


def accuracy(outcomes: Iterable[SignalOutcome]) -> float:
    """Share of outcomes that were foretold. At least one is needed."""
    right = [outcome.direction == outcome.realised for outcome in outcomes]
    return sum(right) / len(right)


def calibration_error(outcomes: Iterable[SignalOutcome]) -> float:
    """The largest gap, over the classes, between the mean probability that was said and the share that came true.

    At least one is needed. Zero for a model that is calibrated in the large: A. Murphy, A new vector partition of the
    probability score, Journal of Applied Meteorology 12 (1973).
    """
    known = list(outcomes)
    gaps = [
        abs(sum(one.probabilities[direction] - (one.realised == direction) for one in known)) / len(known)
        for direction in CLASSES
    ]
    return max(gaps)
