"""Goal: the pipeline finds an edge where there is one, and none where there is none.

Method: bars of a synthetic market with a known edge through samples, features and labels, a plain model on the earlier
part, its accuracy on the later one; held against what the market's own process lets anybody attain. The label is the
direction of the next bar from its open, so labels do not overlap and the errors are those of independent draws.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.classes import HOLD
from models.labels import LabelRule
from models.marketdata import oracle
from models.marketdata.synthetic import Market, market_bars
from models.samples import Samples, build_samples

RULE = LabelRule(horizon_bars=1, threshold=0.0, cost_bps=0.0)


class Split(NamedTuple):
    train: Samples
    test: Samples


def market(strength: float) -> Market:
    return Market(strength=strength, seed=11, bars=2_000, symbols=2)


@lru_cache
def split(strength: float) -> Split:
    """The earlier three fifths, less what looks into the rest, and the rest."""
    samples = build_samples(market_bars(market(strength)), RULE)
    days = np.unique(samples.decided)
    cut = days[len(days) * 3 // 5]
    return Split(samples.where(samples.ends < cut), samples.where(samples.decided >= cut))


def accuracy(parts: Split, target: np.ndarray) -> float:
    """On the later part, of a model that learns `target` on the earlier one."""
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    model.fit(parts.train.features, target)
    return float((model.predict(parts.test.features) == parts.test.target).mean())


def error(parts: Split) -> float:
    return float((0.25 / len(parts.test)) ** 0.5)


@pytest.mark.parametrize("strength", [0.3, 0.5, 0.7])
def test_an_edge_is_found_where_there_is_one(strength: float) -> None:
    """The model is better than a coin by most of what can be attained, and not better than that: no leak."""
    parts = split(strength)
    attainable = oracle.direction_accuracy(market(strength), 1)

    found = accuracy(parts, parts.train.target)

    assert (parts.test.target == HOLD).mean() < 0.01  # a bar that ends where it began is neither
    assert 0.5 + 0.6 * (attainable - 0.5) - error(parts) < found < attainable + 3 * error(parts)
    assert found > 0.5 + 3 * error(parts)


def test_none_is_found_where_there_is_none() -> None:
    """At strength 0 the market is a martingale: the same model is right as often as a coin."""
    parts = split(0.0)

    assert abs(accuracy(parts, parts.train.target) - 0.5) < 3 * error(parts)


def test_none_is_found_on_permuted_labels() -> None:
    """The same market with an edge, its labels shuffled: twenty shufflings average to a coin, and none comes near."""
    parts = split(0.5)
    random = np.random.default_rng(5)

    shuffled = [accuracy(parts, random.permutation(parts.train.target)) for _ in range(20)]

    assert abs(float(np.mean(shuffled)) - 0.5) < 0.03
    assert max(shuffled) < accuracy(parts, parts.train.target)
