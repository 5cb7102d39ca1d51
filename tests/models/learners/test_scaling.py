"""Standard scores of rows and of sequences."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from models.learners.scaling import Scaler


def test_scores_are_scikit_learn_s() -> None:
    """Weighted mean and deviation, as StandardScaler computes them; no score here is beyond the limit."""
    random = np.random.default_rng(1)
    rows, weight = random.normal(5, 3, (200, 4)), random.uniform(0, 2, 200)
    peer = StandardScaler().fit(rows, sample_weight=weight)

    np.testing.assert_allclose(Scaler.fit(rows, weight).apply(rows), peer.transform(rows), rtol=1e-10, atol=1e-12)


def test_all_steps_of_a_sequence_count() -> None:
    """Two sequences of two steps, weights 1 and 3: mean (0 + 2 + 3 (4 + 6)) / 8 = 4, by hand.

    Variance (16 + 4 + 3 (0 + 4)) / 8 = 4, so the scores are -2, -1, 0 and 1.
    """
    rows = np.array([[[0.0], [2.0]], [[4.0], [6.0]]])

    scaler = Scaler.fit(rows, np.array([1.0, 3.0]))

    np.testing.assert_allclose(scaler.apply(rows), [[[-2.0], [-1.0]], [[0.0], [1.0]]])


@pytest.mark.parametrize("value", [0.0, 7.0, -1e6, 0.1])
def test_a_column_that_does_not_vary_is_zero(value: float) -> None:
    """And not rounding noise over rounding noise, nor a division by zero."""
    rows = np.full((7, 1), value)

    scaler = Scaler.fit(rows, np.full(7, 0.3))

    np.testing.assert_allclose(scaler.apply(rows), 0.0, atol=1e-9)
    np.testing.assert_array_equal(scaler.scale, [1.0])


def test_scores_far_out_are_cut() -> None:
    """A price a thousand deviations away counts as ten."""
    scaler = Scaler(np.zeros(1), np.ones(1))

    np.testing.assert_array_equal(scaler.apply(np.array([[1e3], [-1e300], [10.0], [3.0]])), [[10], [-10], [10], [3]])
