"""Calibration: what it promises for any probabilities, and cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from domain.errors import InvalidValue
from models.learners.calibration import IDENTITY, PENALTY, Calibration, fit_calibration
from tests.models.learners.problems import log_loss

slopes = st.floats(0.01, 100)
shifts = st.tuples(*[st.floats(-20, 20)] * 3)
calibrations = st.builds(Calibration, slope=slopes, shifts=shifts)


def rows(count: int) -> st.SearchStrategy[np.ndarray]:
    """Probabilities of three classes, also 0 and 1."""
    parts = arrays(np.float64, (count, 3), elements=st.floats(0, 1))
    return parts.filter(lambda found: (found.sum(axis=1) > 0).all()).map(
        lambda found: found / found.sum(axis=1, keepdims=True)
    )


def drawn(probabilities: np.ndarray, seed: int) -> np.ndarray:
    """A target for each row, with its probabilities."""
    random = np.random.default_rng(seed).random((len(probabilities), 1))
    return (random > probabilities.cumsum(axis=1)[:, :2]).sum(axis=1)


@given(calibrations, rows(4))
def test_rows_sum_to_one(calibration: Calibration, probabilities: np.ndarray) -> None:
    """Whatever the four numbers, what comes out is probabilities."""
    found = calibration.apply(probabilities)

    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-15)


@given(rows(4))
def test_the_identity_changes_nothing(probabilities: np.ndarray) -> None:
    """Not even the last bit."""
    np.testing.assert_array_equal(Calibration().apply(probabilities), probabilities)


@given(calibrations, rows(1), st.integers(0, 2), st.floats(0, 1))
def test_more_stays_more(calibration: Calibration, row: np.ndarray, k: int, share: float) -> None:
    """A class whose probability rises at the others' cost, in their proportions, does not fall when calibrated."""
    raised = row * (1 - share)
    raised[0, k] += share

    assert calibration.apply(raised)[0, k] >= calibration.apply(row)[0, k] * (1 - 1e-12)


@settings(deadline=None, max_examples=25)
@given(rows(20), arrays(np.int64, 20, elements=st.integers(0, 2)), arrays(np.float64, 20, elements=st.floats(0.1, 3)))
def test_the_loss_on_its_rows_never_rises(probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
    """On the rows that it is fitted on, however strange."""

    def loss(calibration: Calibration) -> float:
        own = calibration.apply(probabilities)[np.arange(20), target]
        return float(np.average(-np.log(np.maximum(own, 1e-15)), weights=weight))

    assert loss(fit_calibration(probabilities, target, weight)) <= loss(IDENTITY)


@pytest.mark.parametrize("slope", [0.4, 2.5])
def test_it_finds_what_was_bent(slope: float) -> None:
    """True probabilities are bent by a known power and known shifts: the calibration bends them back.

    p = softmax(slope log q + b) gives log q = (log p - b) / slope + a constant: the inverse's slope is 1 / slope, and
    its shifts are -b / slope, which sum to zero here as the penalty wants it.
    """
    bend = Calibration(slope=slope, shifts=(0.5, -0.3, -0.2))
    true = np.random.default_rng(1).dirichlet([2.0, 2.0, 2.0], 40_000)

    found = fit_calibration(bend.apply(true), drawn(true, 2), np.ones(40_000))

    assert found.slope == pytest.approx(1 / slope, rel=0.04)
    np.testing.assert_allclose(found.shifts, np.divide([-0.5, 0.3, 0.2], slope), atol=0.04)
    np.testing.assert_allclose(found.apply(bend.apply(true)), true, atol=0.02)


def test_where_nothing_is_told_it_gives_the_frequencies() -> None:
    """By hand: with the same probabilities for all rows, the least loss is at the classes' weighted shares.

    The data leave the slope open, and the sum of the shifts: the penalty keeps them at 1 and 0.
    """
    even = np.full((4, 3), 1 / 3)

    found = fit_calibration(even, np.array([0, 1, 1, 2]), np.array([2.0, 1.0, 0.5, 1.5]))

    np.testing.assert_allclose(found.apply(even[:1]), [[0.4, 0.3, 0.3]], atol=1e-3)
    assert found.slope == pytest.approx(1.0, abs=1e-6)
    assert sum(found.shifts) == pytest.approx(0.0, abs=1e-6)


def test_no_better_numbers_are_found_without_its_gradient() -> None:
    """Nelder and Mead's method, which knows no gradient, ends at the same penalised loss and the same numbers.

    It stops on the way to shifts that sum to zero, where the loss is flat but for the penalty: they are centred here.
    """
    true = np.random.default_rng(3).dirichlet([1.0, 2.0, 3.0], 300)
    target, probabilities = drawn(true, 4), Calibration(slope=2.0, shifts=(1.0, 0.0, 0.0)).apply(true)

    def penalised(numbers: np.ndarray) -> float:
        calibration = Calibration(slope=numbers[0], shifts=tuple(numbers[1:].tolist()))
        apart = (numbers[0] - 1) ** 2 + sum(numbers[1:] ** 2)
        return log_loss(calibration.apply(probabilities), target) + PENALTY * apart

    peer = minimize(
        penalised, [1, 0, 0, 0], method="Nelder-Mead", bounds=[(0.01, 100), *[(None, None)] * 3],
        options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 5_000},
    )  # fmt: skip
    found = fit_calibration(probabilities, target, np.ones(300))

    assert penalised(np.array([found.slope, *found.shifts])) <= peer.fun + 1e-9
    assert found.slope == pytest.approx(peer.x[0], abs=1e-3)
    np.testing.assert_allclose(found.shifts, peer.x[1:] - peer.x[1:].mean(), atol=1e-3)


def test_probabilities_that_are_right_are_left_nearly_alone() -> None:
    """Fitted on many rows whose targets come with just these probabilities, it stays close to the identity."""
    true = np.random.default_rng(6).dirichlet([1.0, 1.0, 1.0], 40_000)

    found = fit_calibration(true, drawn(true, 7), np.ones(40_000))

    np.testing.assert_allclose(found.apply(true), true, atol=0.01)


@pytest.mark.parametrize("slope", [0.0, -1.0, math.nan, math.inf])
def test_a_slope_that_turns_the_order_round_is_refused(slope: float) -> None:
    """It must be positive; so must be what a damaged description says."""
    with pytest.raises(InvalidValue, match=r"the slope must be from 0\.01 to 100"):
        Calibration(slope=slope)


@pytest.mark.parametrize(
    ("probabilities", "target", "weight"),
    [
        (np.full((2, 2), 0.5), np.array([0, 1]), np.ones(2)),
        (np.full((2, 3), 1 / 3), np.array([0]), np.ones(2)),
        (np.full((2, 3), 1 / 3), np.array([0, 3]), np.ones(2)),
        (np.full((2, 3), math.nan), np.array([0, 1]), np.ones(2)),
        (np.full((2, 3), 2.0), np.array([0, 1]), np.ones(2)),
        (np.full((2, 3), 1 / 3), np.array([0, 1]), np.array([1.0, -1.0])),
        (np.full((2, 3), 1 / 3), np.array([0, 1]), np.zeros(2)),
        (np.empty((0, 3)), np.empty(0, dtype=int), np.empty(0)),
    ],
)
def test_rows_that_do_not_fit_are_refused(probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
    """Two columns, a target too few or unknown, no probabilities, a negative weight, nothing that weighs anything."""
    with pytest.raises(InvalidValue) as raised:
        fit_calibration(probabilities, target, weight)
    assert raised.value.code == "CALIBRATION_ROWS"
