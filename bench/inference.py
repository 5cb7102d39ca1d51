"""How long one row takes: `python -m bench.inference --calls N`. Microseconds, after warm-up, in process, one thread.

Each kind of model with its default size, beside its library's own way of predicting one row (scikit-learn's interface;
PyTorch in eager mode for the LSTM) on the same model sizes and rows, a call of one after a call of the other. Ours
includes the checks of the row. Nothing is asserted: machines differ, ratios tell.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import safetensors.torch
import torch
import xgboost
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression

from models.features import FEATURE_NAMES, Array
from models.learners import KINDS, Classifier, learner, seal
from models.learners.logistic import LAGGED

CALLS, WARM_UP = 3_000, 100
FITTED_ROWS = 4_000
PERCENTILES = (50, 95, 99)

Predict = Callable[[Array], Any]


class Figures(NamedTuple):
    """Microseconds a row."""

    p50: float
    p95: float
    p99: float


class Sample(NamedTuple):
    """Rows (n, steps, features) without a meaning: what a prediction costs does not depend on it."""

    rows: Array
    target: np.ndarray

    @classmethod
    def of(cls, count: int, steps: int) -> Sample:
        random = np.random.default_rng(1)
        return cls(random.normal(size=(count, steps, len(FEATURE_NAMES))), random.integers(0, 3, count))


def run(kind: str, calls: int = CALLS) -> tuple[Figures, Figures | None]:
    """Ours and the peer's; the majority has no peer."""
    made = learner(kind, {"epochs": 1} if kind == "lstm" else {})
    sample = Sample.of(FITTED_ROWS if kind != "lstm" else 300, made.steps)
    model = made.fit(sample.rows, sample.target, np.ones(len(sample.target)), seed=1)
    peer = PEERS[kind](sample, model) if kind in PEERS else None
    rows = Sample.of(500, made.steps).rows
    ours, theirs = _interleaved(model.probabilities, peer or model.probabilities, rows, calls)
    return ours, None if peer is None else theirs


def _interleaved(one: Predict, other: Predict, rows: Array, calls: int) -> tuple[Figures, Figures]:
    taken = np.empty((calls + WARM_UP, 2))
    for number in range(calls + WARM_UP):
        row = rows[number % len(rows)][None]
        start = perf_counter_ns()
        one(row)
        between = perf_counter_ns()
        other(row)
        taken[number] = between - start, perf_counter_ns() - between
    one_us, other_us = (np.percentile(column, PERCENTILES) / 1e3 for column in taken[WARM_UP:].T)
    return Figures(*one_us.tolist()), Figures(*other_us.tolist())


def _xgboost(sample: Sample, model: Classifier) -> Predict:
    peer = xgboost.XGBClassifier(n_estimators=200, max_depth=6, learning_rate=0.03, min_child_weight=10, n_jobs=1)
    peer.fit(sample.rows[:, 0], sample.target)
    return lambda row: peer.predict_proba(row[:, 0])


def _lightgbm(sample: Sample, model: Classifier) -> Predict:
    peer = lightgbm.LGBMClassifier(n_estimators=200, max_depth=6, learning_rate=0.03, n_jobs=1, verbose=-1)
    peer.fit(sample.rows[:, 0], sample.target)
    return lambda row: peer.predict_proba(row[:, 0])


def _logistic(sample: Sample, model: Classifier) -> Predict:
    columns = [FEATURE_NAMES.index(name) for name in LAGGED]
    peer = LogisticRegression().fit(sample.rows[:, 0, columns], sample.target)
    return lambda row: peer.predict_proba(row[:, 0, columns])


def _lstm(sample: Sample, model: Classifier) -> Predict:
    """The very same weights, with PyTorch's own LSTM on one thread."""
    torch.set_num_threads(1)
    tensors = safetensors.torch.load(seal.opened("lstm", model.dump()))
    hidden = tensors["head.weight"].shape[1]
    lstm = torch.nn.LSTM(len(FEATURE_NAMES), hidden, 2, batch_first=True).eval()
    lstm.load_state_dict({name.removeprefix("lstm."): tensors[name] for name in tensors if name.startswith("lstm.")})
    mean, scale = tensors["mean"], tensors["scale"]
    weight, bias = tensors["head.weight"], tensors["head.bias"]

    def predict(row: Array) -> torch.Tensor:
        with torch.inference_mode():
            scores = ((torch.from_numpy(row) - mean) / scale).float()
            return torch.softmax(torch.nn.functional.linear(lstm(scores)[0][:, -1], weight, bias), dim=1)

    return predict


PEERS: dict[str, Callable[[Sample, Classifier], Predict]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "lstm": _lstm,
    "logistic": _logistic,
}


def show(console: Console, figures: dict[str, tuple[Figures, Figures | None]]) -> None:
    table = Table("kind", "p50", "p95", "p99", "peer's p50", "p95", "p99", "ratio of p50", title="one row, us")
    for kind, (ours, theirs) in figures.items():
        cells = [f"{value:,.0f}" for value in ours + (theirs or ())]
        ratio = [f"{ours.p50 / theirs.p50:.2f}"] if theirs else []
        table.add_row(kind, *cells, *ratio)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="predictions of each model and of its peer")
    options = parser.parse_args()
    show(Console(), {kind: run(kind, options.calls) for kind in KINDS})


if __name__ == "__main__":
    main()
