"""Training on many bars: `python -m bench.training --rows N --threads 2`. Seconds of each step, and the memory it took.

Synthetic bars (models.marketdata.synthetic), features by the one kernel, labels by threshold, LightGBM with its default
size. The peer: LightGBM's own Dataset and train on the same matrix with the same parameters. Then features as the agent
computes them: one bar pushed, one row asked for. Nothing is asserted: machines differ.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import NamedTuple

import lightgbm
import numpy as np
from rich.console import Console
from rich.table import Table

from models.features import FEATURES, WINDOW, Array, RollingWindow, compute_frame
from models.labels import LabelRule, label
from models.learners import learner
from models.learners.lgbm import LightGBM
from models.marketdata import synthetic

BARS = 100_000
"""Of a symbol."""


class Step(NamedTuple):
    """Wall seconds, and the process's peak memory by then in GiB."""

    what: str
    seconds: float
    peak_gib: float


def run(rows: int, threads: int, rounds: int | None = None) -> list[Step]:
    """rows: samples, over as many symbols as they need. rounds: trees a class, for a quick look."""
    steps: list[Step] = []
    symbols = max(1, -(-rows // BARS))
    market = synthetic.Market(
        strength=0.1, seed=1, symbols=symbols, bars=rows // symbols + WINDOW + 5, volatility=0.002
    )
    started = time.perf_counter()
    bars = [one.bars for one in synthetic.generate(market)]
    started = _note(steps, f"making {sum(len(one.close) for one in bars):,} bars", started)
    matrix, target = np.empty((0, len(FEATURES))), np.empty(0, dtype=np.int64)
    parts = [compute_frame(one) for one in bars]
    started = _note(steps, f"{len(FEATURES)} features of each", started)
    rule = LabelRule(threshold=0.002, cost_bps=1.0)
    labels = [label(one, rule) for one in bars]
    started = _note(steps, "labels", started)
    lengths = [min(len(index), len(own.decided) - WINDOW + 1) for (index, _), own in zip(parts, labels, strict=True)]
    matrix = np.concatenate([rows_[:count] for (_, rows_), count in zip(parts, lengths, strict=True)])
    target = np.concatenate(
        [own.target[WINDOW - 1 : WINDOW - 1 + count] for own, count in zip(labels, lengths, strict=True)]
    )
    del parts, labels, bars
    weight = np.ones(len(target))
    size = {} if rounds is None else {"n_estimators": rounds}
    started = time.perf_counter()
    made = learner("lightgbm", {"threads": threads, **size})
    made.fit(matrix[:, None, :], target, weight, seed=1)
    started = _note(steps, f"LightGBM on {len(target):,} rows, {threads} threads", started)
    _peer(matrix, target, threads, size.get("n_estimators", made.parameters["n_estimators"]))
    _note(steps, "the same by lightgbm.train", started)
    return steps


def online(bars: int = 20_000) -> float:
    """Feature rows a second as the agent makes them: a bar pushed, its row asked for."""
    market = synthetic.Market(strength=0.1, seed=2, bars=bars, volatility=0.005)
    own = next(iter(synthetic.generate(market))).market_bars()
    window = RollingWindow()
    started = time.perf_counter()
    for bar in own:
        window.push(bar)
        window.rows(1)
    return bars / (time.perf_counter() - started)


def _peer(matrix: Array, target: np.ndarray, threads: int, rounds: int) -> None:
    own = LightGBM()
    parameters = {
        "objective": "multiclass",
        "num_class": 3,
        "num_leaves": own.num_leaves,
        "max_depth": own.max_depth,
        "learning_rate": own.learning_rate,
        "feature_fraction": own.feature_fraction,
        "bagging_fraction": own.bagging_fraction,
        "bagging_freq": 1,
        "min_data_in_leaf": own.min_data_in_leaf,
        "lambda_l2": own.lambda_l2,
        "num_threads": threads,
        "verbose": -1,
        "force_row_wise": True,
    }
    lightgbm.train(parameters, lightgbm.Dataset(matrix, target), num_boost_round=rounds)


def _note(steps: list[Step], what: str, started: float) -> float:
    now = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps.append(Step(what, now - started, peak))
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=None, help="trees a class; default: the learner's own")
    given = parser.parse_args()
    console = Console()
    table = Table("step", "seconds", "peak GiB so far")
    for step in run(given.rows, given.threads, given.rounds):
        table.add_row(step.what, f"{step.seconds:,.1f}", f"{step.peak_gib:.2f}")
    console.print(table)
    console.print(f"online: {online():,.0f} feature rows a second, one bar after another")


if __name__ == "__main__":
    main()
