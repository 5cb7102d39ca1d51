"""Reliability tables and the calibration error, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.learners.reliability import Bin, calibration_error, reliability

PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
TARGET = np.array([0, 1, 1, 2])


def test_a_table_by_hand() -> None:
    """Two bins, four rows of equal weight.

    BUY: below 0.5 are 0.2 and 0.1 (mean 0.15), neither came; from 0.5 on 0.8 and 0.7 (mean 0.75), one of two came.
    SELL: below are 0.1, 0.2 and 0.1 (mean 0.4 / 3), one of three came; 0.5 itself is in the upper bin, and came.
    HOLD: below are 0.1, 0.1 and 0.3 (mean 0.5 / 3), none came; above 0.8 alone, which came.
    """
    buy, sell, hold = reliability(PROBABILITIES, TARGET, np.ones(4), bins=2)

    assert buy == (Bin(0.0, 0.5, 0.5, pytest.approx(0.15), 0.0), Bin(0.5, 1.0, 0.5, pytest.approx(0.75), 0.5))
    assert sell == (
        Bin(0.0, 0.5, 0.75, pytest.approx(0.4 / 3), pytest.approx(1 / 3)),
        Bin(0.5, 1.0, 0.25, pytest.approx(0.5), 1.0),
    )
    assert hold == (
        Bin(0.0, 0.5, 0.75, pytest.approx(0.5 / 3), 0.0),
        Bin(0.5, 1.0, 0.25, pytest.approx(0.8), 1.0),
    )


def test_the_error_of_that_table_by_hand() -> None:
    """BUY 0.5 x 0.15 + 0.5 x 0.25 = 0.2; SELL 0.75 x 0.2 + 0.25 x 0.5 = 0.275; HOLD 0.75 x 1/6 + 0.25 x 0.2 = 0.175.

    Their mean: 0.65 / 3.
    """
    table = reliability(PROBABILITIES, TARGET, np.ones(4), bins=2)

    assert calibration_error(table) == pytest.approx(0.65 / 3)


def test_weights_are_rows_given_several_times() -> None:
    """A row that weighs three is three rows, and one that weighs nothing is none."""
    weighted = reliability(PROBABILITIES, TARGET, np.array([3.0, 1.0, 0.0, 2.0]))
    times = [0, 0, 0, 1, 3, 3]

    repeated = reliability(PROBABILITIES[times], TARGET[times], np.ones(6))

    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_ends_belong_to_the_first_and_last_bin() -> None:
    """A probability of one is in the last bin of ten, which ends there; one of zero in the first."""
    buy, sell, _ = reliability(np.array([[1.0, 0.0, 0.0]]), np.array([0]), np.ones(1))

    assert buy == (Bin(0.9, 1.0, 1.0, 1.0, 1.0),)
    assert sell == (Bin(0.0, 0.1, 1.0, 0.0, 0.0),)


def test_right_probabilities_have_a_small_error_and_wrong_ones_their_distance() -> None:
    """Many rows whose targets come with their probabilities: near zero. Turned round, BUY for SELL: far from it."""
    random = np.random.default_rng(1)
    true = random.dirichlet([1.0, 1.0, 1.0], 20_000)
    target = (random.random((20_000, 1)) > true.cumsum(axis=1)[:, :2]).sum(axis=1)

    assert calibration_error(reliability(true, target, np.ones(20_000))) < 0.01
    assert calibration_error(reliability(true[:, [1, 0, 2]], target, np.ones(20_000))) > 0.1
