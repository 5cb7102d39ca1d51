"""Weights by overlap: against counting, bar by bar, for intervals of one length and of many."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.labels import LabelRule, label, uniqueness
from tests.models.labels.markets import jumpy

intervals = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), min_size=1, max_size=30)


def counted(decided: list[int], ends: list[int]) -> list[float]:
    """The mean over a label's bars of one over the labels that look at that bar, by counting."""
    own = [set(range(first + 1, last + 1)) for first, last in zip(decided, ends, strict=True)]
    return [float(np.mean([1 / sum(bar in other for other in own) for bar in bars])) for bars in own]


@given(intervals)
def test_uniqueness_of_intervals_of_any_length(found: list[tuple[int, int]]) -> None:
    """Intervals that start anywhere, even twice at one bar, and end anywhere."""
    decided = [first for first, _ in found]
    ends = [first + length for first, length in found]

    np.testing.assert_allclose(uniqueness(np.array(decided), np.array(ends)), counted(decided, ends), rtol=1e-9)


def test_uniqueness_of_triple_barrier_labels() -> None:
    """Labels that end early overlap less and weigh more; each weight is the counted one."""
    labels = label(
        jumpy(3, 200),
        LabelRule(kind="triple_barrier", horizon_bars=10, unit="fraction", take_profit=0.03, stop_loss=0.03),
    )
    weights = uniqueness(labels.decided, labels.ends)
    length = labels.ends - labels.decided

    np.testing.assert_allclose(weights, counted(labels.decided.tolist(), labels.ends.tolist()), rtol=1e-9)
    assert len(set(length.tolist())) > 3
    assert weights[length <= 2].mean() > weights[length >= 5].mean()


def test_labels_that_share_nothing_are_wholly_their_own() -> None:
    """Intervals side by side weigh one, the same interval twice a half."""
    apart = uniqueness(np.array([0, 3, 7]), np.array([3, 7, 9]))
    twice = uniqueness(np.array([0, 0]), np.array([4, 4]))

    assert apart.tolist() == [1.0, 1.0, 1.0]
    assert twice.tolist() == [0.5, 0.5]
    assert len(uniqueness(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))) == 0
