"""Goal: no feature knows the future, nor more of the past than it says. Method: change a bar, see what else changes."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import FEATURES, WINDOW, Array, Bars, Feature, compute_frame
from tests.models.features.markets import BARS, COLUMN, changed, wandering

_, WHOLE = compute_frame(BARS)
each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)


def column(matrix: Array, feature: Feature) -> Array:
    return matrix[:, COLUMN[feature.name]]


@each_feature
@pytest.mark.parametrize("rows", [1, 17, 200])
def test_later_bars_change_nothing(feature: Feature, rows: int) -> None:
    """Truncation: the feature at a bar is the same, to the last bit, when every later bar is removed or absurd."""
    stop = WINDOW - 1 + rows
    _, cut = compute_frame(BARS.slice(0, stop))
    _, absurd = compute_frame(changed(BARS, slice(stop, None), 7.0))

    np.testing.assert_array_equal(column(cut, feature), column(WHOLE, feature)[:rows])
    np.testing.assert_array_equal(column(absurd, feature)[:rows], column(WHOLE, feature)[:rows])
    assert column(absurd, feature)[rows] != column(WHOLE, feature)[rows]


@settings(max_examples=60)
@given(seed=st.integers(0, 999), at=st.integers(0, 219), factor=st.sampled_from([0.2, 0.999, 1.001, 30.0]))
def test_a_bar_changes_only_the_windows_that_hold_it(seed: int, at: int, factor: float) -> None:
    """No look-ahead, no memory: whatever bar of whatever market is changed, rows of other windows stay, to the bit."""
    bars = wandering(seed, 220)
    index, before = compute_frame(bars)
    _, after = compute_frame(changed(bars, slice(at, at + 1), factor))

    holds = (index >= at) & (index < at + WINDOW)

    np.testing.assert_array_equal(after[~holds], before[~holds])
    assert (after[holds] != before[holds]).any(axis=1).all()


@each_feature
def test_the_history_before_the_window_changes_nothing(feature: Feature) -> None:
    """Warm-up: the feature at a bar does not depend on how long the history before its window is, to the bit."""
    for first in (1, 100, 350):
        _, later = compute_frame(BARS.slice(first, len(BARS.close)))

        np.testing.assert_array_equal(column(later, feature), column(WHOLE, feature)[first:])


@each_feature
def test_the_declared_window_is_honest(feature: Feature) -> None:
    """Bars older than the declared window change nothing, to the bit, and the oldest bar of it changes something."""
    for start in (0, 57, 214, 400):
        window = BARS.slice(start, start + WINDOW)
        oldest = WINDOW - feature.window
        _, (expected,) = compute_frame(window)
        _, (older,) = compute_frame(changed(window, slice(0, oldest), 3.0))
        within = [compute_frame(changed(window, slice(oldest, oldest + 1), factor))[1][0] for factor in (0.5, 2.0)]

        at = COLUMN[feature.name]
        assert older[at] == expected[at]
        assert any(row[at] != expected[at] for row in within)


def over_all_history(bars: Bars) -> dict[str, tuple[Array, Array]]:
    """TA-Lib's indicators over all the history there is, and what a whole seed's weight could make of each at most.

    An average with another seed differs by the seed's weight times the difference of the seeds, which is at most the
    range of what is averaged.
    """
    high, low, close = bars.high, bars.low, bars.close
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    moves = np.concatenate([[0.0], np.diff(close)])
    average_move = talib.EMA(np.abs(moves), 27)  # 2/(27 + 1) is Wilder's 1/14
    range_of_prices = np.ptp(close)
    return {
        "rsi_14": (talib.RSI(close, 14), 200 * np.abs(moves).max() / average_move),
        "macd_line": (line / close, 2 * range_of_prices / close),
        "macd_signal": (signal / close, 2 * range_of_prices / close),
        "macd_histogram": (histogram / close, 4 * range_of_prices / close),
        "close_to_ema_20": (close / talib.EMA(close, 20) - 1, 2 * range_of_prices / close),
        "atr_14": (talib.ATR(high, low, close, 14) / close, np.ptp(talib.TRANGE(high, low, close)[1:]) / close),
    }


@pytest.mark.parametrize("name", over_all_history(BARS))
def test_an_endless_history_would_change_no_more_than_the_declared_seed(name: str) -> None:
    """A recursive average over 128 bars differs from the same over all bars before by its seed's weight at most."""
    endless, scale = over_all_history(BARS)[name]
    feature = FEATURES[COLUMN[name]]
    far = slice(3 * WINDOW, None)  # where the endless one has forgotten its own seed

    difference = np.abs(endless[WINDOW - 1 :] - column(WHOLE, feature))[far]

    assert 0 < feature.seed < 5e-4
    assert (difference <= feature.seed * scale[WINDOW - 1 :][far]).all()
    assert (difference > 1e-3 * feature.seed * scale[WINDOW - 1 :][far]).any()  # and the bound says something


def test_all_other_features_have_no_seed() -> None:
    """What is not recursive is the same over a window and over all history."""
    recursive = set(over_all_history(BARS))

    assert {feature.name for feature in FEATURES if feature.seed} == recursive
    assert {feature.name for feature in FEATURES if feature.window == WINDOW} == recursive


@each_feature
@pytest.mark.parametrize("exponent", [-600, -1, 1, 600])
def test_features_do_not_depend_on_the_unit_of_price(feature: Feature, exponent: int) -> None:
    """Another power of two of the price, from the tiniest to the hugest that there are, gives the same bytes."""
    other = Bars(*(np.ldexp(column, exponent) for column in BARS[:4]), BARS.volume)

    np.testing.assert_array_equal(column(compute_frame(other)[1], feature), column(WHOLE, feature))


@each_feature
def test_features_do_not_depend_on_cents_or_lots(feature: Feature) -> None:
    """Cents instead of dollars, or lots instead of shares, give the same features to 1e-9."""
    other = Bars(*(column * 100 for column in BARS[:4]), BARS.volume / 100)

    np.testing.assert_allclose(column(compute_frame(other)[1], feature), column(WHOLE, feature), rtol=1e-9, atol=1e-9)
