"""Margins to probabilities and the log loss, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.learners.probability import log_loss, softmax, unit


def test_softmax_by_hand() -> None:
    """Margins ln 1, ln 2 and ln 5 are shares of 1, 2 and 5 in 8."""
    np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)


@pytest.mark.parametrize("far", [1e3, -1e3, 1e300])
def test_softmax_of_margins_that_are_far_out(far: float) -> None:
    """exp(1000) is no number: the differences alone decide."""
    np.testing.assert_array_equal(softmax(np.array([[far, far, far - 1e301]])), [[0.5, 0.5, 0.0]])


def test_float32_outputs_are_made_to_sum_to_one() -> None:
    """A third in float32, three times, is not one; in float64 it is made to be."""
    thirds = np.full((1, 3), 1 / 3, dtype=np.float32)
    assert thirds.astype(np.float64).sum() != 1.0

    assert unit(thirds).sum() == 1.0
    assert unit(thirds).dtype == np.float64


def test_log_loss_by_hand() -> None:
    """Weights 1 and 3 on rows whose class had 1/2 and 1/4: (ln 2 + 3 ln 4) / 4 = 7 ln 2 / 4."""
    found = log_loss(np.array([[0.5, 0.3, 0.2], [0.5, 0.25, 0.25]]), np.array([0, 2]), np.array([1.0, 3.0]))

    assert found == pytest.approx(7 * math.log(2) / 4)


def test_one_mistake_of_a_model_that_was_sure_is_not_infinite() -> None:
    """A probability of zero counts as 1e-15."""
    found = log_loss(np.array([[0.0, 0.5, 0.5]]), np.array([0]), np.ones(1))

    assert found == pytest.approx(15 * math.log(10))
