"""Drift: the index of a published example, a limit that training itself sets, and the same numbers row by row."""

from __future__ import annotations

import numpy as np
import pytest

from models.engine import drift
from models.engine.drift import BINS, WINDOW_ROWS, DriftMonitor
from models.features import FEATURE_NAMES


def market(rows: int, seed: int, level: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(level, 1.0, (rows, len(FEATURE_NAMES)))


def test_the_index_is_the_sum_over_bins() -> None:
    """Worked by hand: shares 0.2, 0.3, 0.5 that became 0.3, 0.3, 0.4."""
    found = drift.stability(np.array([0.3, 0.3, 0.4]), np.array([0.2, 0.3, 0.5]))

    assert found == pytest.approx(0.1 * np.log(1.5) + 0.0 - 0.1 * np.log(0.8))  # 0.06286
    assert found == pytest.approx(0.0629, abs=5e-5)


def test_equal_shares_have_not_moved() -> None:
    """Zero, in bins that hold nothing too."""
    assert drift.stability(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0.0


def test_training_bins_are_its_deciles() -> None:
    """Each bin holds a tenth of the training rows."""
    found = drift.reference(market(2_000, 1), np.full(2_000, "AAPL"))

    assert np.array(found.baselines["AAPL"].shares) == pytest.approx(np.full((len(FEATURE_NAMES), BINS), 0.1), abs=1e-3)


def test_rows_like_those_of_training_do_not_drift() -> None:
    """Another draw of the same market stays below the limit; before the window is full nothing is said."""
    monitor = DriftMonitor(drift.reference(market(2_000, 1), np.full(2_000, "AAPL")), "AAPL")
    rows = market(WINDOW_ROWS + 50, 2)
    said = []
    for row in rows:
        monitor.push(row)
        said.append(monitor.drift())

    assert said[: WINDOW_ROWS - 1] == [None] * (WINDOW_ROWS - 1)
    assert all(value is not None and 0 < value < 1 for value in said[WINDOW_ROWS - 1 :])


def test_a_market_that_becomes_another_one_drifts_and_may_come_back() -> None:
    """Every feature two deviations higher is far above the limit; when the old market is back, so is the verdict."""
    monitor = DriftMonitor(drift.reference(market(2_000, 1), np.full(2_000, "AAPL")), "AAPL")
    for row in market(WINDOW_ROWS, 2, level=2.0):
        monitor.push(row)
    moved = monitor.drift()
    for row in market(WINDOW_ROWS, 3):
        monitor.push(row)
    back = monitor.drift()

    assert moved is not None
    assert back is not None
    assert moved > 5
    assert back < 1


def test_the_limit_is_training_s_own_furthest_stretch() -> None:
    """A training market with one stormy stretch calls no such stretch a drift; a calm one does."""
    calm, stormy = market(2_000, 1), market(2_000, 1)
    stormy[900 : 900 + WINDOW_ROWS] += 2.0
    symbols = np.full(2_000, "AAPL")
    verdicts = []
    for training in (calm, stormy):
        monitor = DriftMonitor(drift.reference(training, symbols), "AAPL")
        for row in market(WINDOW_ROWS, 2, level=2.0):
            monitor.push(row)
        verdicts.append(monitor.drift() > 1)  # type: ignore[operator]

    assert verdicts == [True, False]


def test_the_monitor_counts_as_numpy_does() -> None:
    """Row by row, after rows have left again, its index is that of a histogram over the last rows."""
    training, rows = market(1_000, 1), market(3 * WINDOW_ROWS, 2, level=0.3)
    found = drift.reference(training, np.full(1_000, "AAPL"))
    monitor = DriftMonitor(found, "AAPL")
    for row in rows:
        monitor.push(row)

    shares = []
    for k, edges in enumerate(found.edges):
        counts, _ = np.histogram(rows[-WINDOW_ROWS:, k], bins=[-np.inf, *edges, np.inf])
        shares.append(counts / WINDOW_ROWS)
    np.testing.assert_allclose(
        monitor.psi(), drift.stability(np.array(shares), np.array(found.baselines["AAPL"].shares)), atol=1e-12
    )


def test_a_symbol_that_was_not_trained_on_is_held_to_all_together() -> None:
    """And one with too short a history is not given a baseline of its own."""
    symbols = np.array(["AAPL"] * 1_000 + ["FB"] * 100)

    found = drift.reference(market(1_100, 1), symbols)

    assert set(found.baselines) == {"AAPL", drift.POOLED}
    assert found.of("FB") == found.of("TSLA") == found.baselines[drift.POOLED]
