"""How good a model is on samples it has not seen, beside what no model at all would have achieved.

Honest accuracy for three classes on daily bars is 0.34 to 0.42; much more calls for a leak hunt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.classes import BUY, CLASSES, HOLD, SELL
from models.features import FEATURE_NAMES, Array
from models.samples import Samples

LAGGED = [FEATURE_NAMES.index(name) for name in ("return_1", "return_5", "return_10")]


def accuracy(predicted: NDArray[np.int64], target: NDArray[np.int64]) -> float:
    """Share of rows that are right."""
    return float(np.mean(predicted == target))


def log_loss(probabilities: Array, target: NDArray[np.int64]) -> float:
    """Mean negative log likelihood, in nats; ln 3 = 1.0986 for three equal probabilities."""
    own = probabilities[np.arange(len(target)), target]
    return float(-np.mean(np.log(np.maximum(own, 1e-15))))


def report(train: Samples, test: Samples, probabilities: Array, decisions: NDArray[np.int64]) -> dict[str, float]:
    """Metrics by name. probabilities: of the model fitted on `train`, for `test`; decisions: after the thresholds.

    Baselines, fitted on `train` alone: the majority class, the classes' frequencies, and a logistic regression on the
    returns over 1, 5 and 10 bars. earned_*_mean: what a long position earned after BUY (SELL) decisions, and after all
    days, from entry to exit before costs, as a fraction.
    """
    frequencies = np.bincount(train.target, weights=train.weight, minlength=len(CLASSES))
    frequencies = frequencies / frequencies.sum()
    prior = np.broadcast_to(frequencies, probabilities.shape)
    logistic = lagged_logistic(train, test)
    bought, sold = decisions == BUY, decisions == SELL
    return {
        "train_rows": float(len(train)),
        "hold_out_rows": float(len(test)),
        "hold_out_accuracy": accuracy(probabilities.argmax(axis=1), test.target),
        "hold_out_log_loss": log_loss(probabilities, test.target),
        "baseline_majority_accuracy": accuracy(np.full(len(test), frequencies.argmax()), test.target),
        "baseline_frequencies_log_loss": log_loss(prior, test.target),
        "baseline_lagged_logistic_accuracy": accuracy(logistic.argmax(axis=1), test.target),
        "baseline_lagged_logistic_log_loss": log_loss(logistic, test.target),
        "hold_out_share_buy": float(bought.mean()),
        "hold_out_share_sell": float(sold.mean()),
        "hold_out_share_hold": float((decisions == HOLD).mean()),
        "earned_after_buy_mean": _mean(test.earned[bought]),
        "earned_after_sell_mean": _mean(test.earned[sold]),
        "earned_always_mean": _mean(test.earned),
    }


def lagged_logistic(train: Samples, test: Samples) -> Array:
    """Probabilities for `test` of a logistic regression on lagged returns; its scaler is fitted on `train` too."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    model.fit(train.features[:, LAGGED], train.target)
    return np.asarray(model.predict_proba(test.features[:, LAGGED]), dtype=np.float64)


def _mean(values: Array) -> float:
    """0 when there are none."""
    return float(values.mean()) if len(values) else 0.0
