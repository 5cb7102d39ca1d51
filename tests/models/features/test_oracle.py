"""Goal: the kernel gives what TA-Lib gives. Method: direct calls of TA-Lib on each window, one at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import talib.abstract
from hypothesis import example, given, settings

from models.features import FEATURES, WINDOW, Bars, Feature, compute, compute_frame
from models.marketdata import load_bars
from tests.models.features.markets import BARS, COLUMN, flat, wandering, windows
from tests.models.features.oracle import by_talib, rounding_of_bands

APPLE = Bars.of(load_bars(["AAPL"], date(2000, 1, 1), date(2001, 6, 30)))  # a fall of half within a day is in it
MARKETS = {"IBM": BARS, "AAPL": APPLE, "calm": wandering(1, 400, 0.001), "wild": wandering(2, 400, 0.1)}
FRAMES = {name: compute_frame(bars) for name, bars in MARKETS.items()}


def moved_long_ago() -> Bars:
    """One move of a tenth of a percent, 120 bars ago: its average is next to nothing, and RSI still says up."""
    window = flat()
    for column in window[:4]:
        column[:8] = 9.99
    return window


ORACLE = {
    name: [by_talib(bars.slice(last + 1 - WINDOW, last + 1)) for last in FRAMES[name][0][::2].tolist()]
    for name, bars in MARKETS.items()
}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", COLUMN)
def test_the_kernel_gives_what_talib_gives(name: str, market: str) -> None:
    """Every second window of real, calm and wild markets: each feature equals TA-Lib's direct call to 1e-9."""
    _, matrix = FRAMES[market]

    expected = [row[name] for row in ORACLE[market]]

    np.testing.assert_allclose(matrix[::2, COLUMN[name]], expected, rtol=0, atol=1e-9)


@settings(max_examples=150)
@given(windows())
@example(flat())
@example(flat(volume=0.0))
@example(flat(price=1e-12))
@example(flat(price=412.3377e12))
@example(moved_long_ago())
def test_the_kernel_gives_what_talib_gives_whatever_happens(window: Bars) -> None:
    """Markets that stand still, jump, trade nothing, in tiny and huge prices: TA-Lib's numbers, within its rounding."""
    expected = by_talib(window)

    found = compute(window)

    assert found.keys() == expected.keys()
    place = found.pop("bollinger_percent_b")
    assert place == pytest.approx(expected.pop("bollinger_percent_b"), rel=0, abs=1e-9 + rounding_of_bands(window))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-9)


LOOKBACKS = {
    "rsi_14": ("RSI", {"timeperiod": 14}),
    "macd_line": ("MACD", {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9}),
    "macd_signal": ("MACD", {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9}),
    "macd_histogram": ("MACD", {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9}),
    "bollinger_percent_b": ("BBANDS", {"timeperiod": 20}),
    "bollinger_bandwidth": ("BBANDS", {"timeperiod": 20}),
    "close_to_sma_20": ("SMA", {"timeperiod": 20}),
    "close_to_sma_50": ("SMA", {"timeperiod": 50}),
    "close_to_ema_20": ("EMA", {"timeperiod": 20}),
    "obv_change_20": ("MOM", {"timeperiod": 20}),  # a change over 20 bars
    "atr_14": ("ATR", {"timeperiod": 14}),
    "return_1": ("ROCP", {"timeperiod": 1}),
    "return_5": ("ROCP", {"timeperiod": 5}),
    "return_10": ("ROCP", {"timeperiod": 10}),
}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_the_declared_warm_up_is_talibs(feature: Feature) -> None:
    """TA-Lib gives its first value after its lookback: the declaration says as many bars, and no more than a window."""
    function, parameters = LOOKBACKS[feature.name]

    assert feature.warm_up == talib.abstract.Function(function, **parameters).lookback + 1
    assert feature.warm_up <= feature.window <= WINDOW
