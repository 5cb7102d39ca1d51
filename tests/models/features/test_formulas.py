"""Features are right by formulas written here, neutral where nothing moves, within their bounds, and never NaN."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from domain.errors import InvalidValue
from models.features import FEATURE_NAMES, FEATURES, WINDOW, Array, Bars, compute
from tests.models.features.markets import BARS, flat


def test_names_are_unique_and_no_feature_outlasts_the_window() -> None:
    """Each feature has one name, and uses no more bars than a window has."""
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert all(feature.window <= WINDOW for feature in FEATURES)


def wilder(values: Array, period: int) -> float:
    """Wilder's average: the mean of the first `period` values, then 1/period of each new one."""
    average = values[:period].mean()
    for value in values[period:]:
        average += (value - average) / period
    return float(average)


def ema(values: Array, period: int) -> Array:
    """Exponential average with 2/(period+1), seeded with the mean of the first `period` values; NaN before."""
    out = np.full(len(values), np.nan)
    out[period - 1] = values[:period].mean()
    for i in range(period, len(values)):
        out[i] = out[i - 1] + (values[i] - out[i - 1]) * 2 / (period + 1)
    return out


def by_hand(bars: Bars) -> dict[str, float]:
    """Every feature from its textbook formula, in numpy and pandas."""
    close, high, low = bars.close, bars.high, bars.low
    series = pd.Series(close)
    moves = np.diff(close)
    gain, loss = wilder(np.maximum(moves, 0), 14), wilder(np.maximum(-moves, 0), 14)
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    slow = ema(close, 26)
    fast = np.full(len(close), np.nan)  # TA-Lib starts the fast average so that both have their first value together
    fast[25:] = ema(close[14:], 12)[11:]
    line = (fast - slow)[25:]
    signal = ema(line, 9)
    middle, deviation = series.rolling(20).mean().iloc[-1], series.rolling(20).std(ddof=0).iloc[-1]
    signed = np.sign(moves[-20:]) * bars.volume[-20:]
    last = close[-1]
    return {
        "rsi_14": 100 * gain / (gain + loss),
        "macd_line": line[-1] / last,
        "macd_signal": signal[-1] / last,
        "macd_histogram": (line[-1] - signal[-1]) / last,
        "bollinger_percent_b": (last - (middle - 2 * deviation)) / (4 * deviation),
        "bollinger_bandwidth": 4 * deviation / middle,
        "close_to_sma_20": last / middle - 1,
        "close_to_sma_50": last / series.iloc[-50:].mean() - 1,
        "close_to_ema_20": last / ema(close, 20)[-1] - 1,
        "obv_change_20": signed.sum() / bars.volume[-20:].mean(),
        "atr_14": wilder(ranges, 14) / last,
        "return_1": last / close[-2] - 1,
        "return_5": last / close[-6] - 1,
        "return_10": last / close[-11] - 1,
    }


@pytest.mark.parametrize("start", [0, 57, 214, 400])
def test_features_are_those_of_the_textbooks(start: int) -> None:
    """Each feature of real windows equals its formula, written without TA-Lib."""
    window = BARS.slice(start, start + WINDOW)

    expected = by_hand(window)

    assert expected.keys() == set(FEATURE_NAMES)
    assert compute(window) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_a_flat_market_has_neutral_features() -> None:
    """Prices that never move and volume that never comes give the stated neutral values."""
    expected = dict.fromkeys(FEATURE_NAMES, 0.0) | {"rsi_14": 50.0, "bollinger_percent_b": 0.5}

    for window in (flat(), flat(volume=0.0), flat(price=0.0001), flat(price=412.3377)):
        assert compute(window) == pytest.approx(expected, abs=1e-9)


def test_a_market_that_stops_moving_is_neutral_where_it_must_be() -> None:
    """When only the last 20 bars are flat, the bands are one line and their position is 0.5, not rounding noise."""
    window = BARS.slice(0, WINDOW)
    stopped = Bars(*(np.concatenate([column[:-30], np.full(30, column[0])]) for column in window))

    features = compute(stopped)

    assert features["bollinger_percent_b"] == 0.5
    assert features["bollinger_bandwidth"] == pytest.approx(0, abs=1e-6)


def test_a_market_that_only_rises_or_falls_has_extreme_rsi() -> None:
    """RSI is 100 when all moves are up and 0 when all are down; OBV gains one mean volume a bar."""
    rising = np.linspace(10, 20, WINDOW)
    volume = np.full(WINDOW, 7.0)

    up = compute(Bars(rising, rising, rising, rising, volume))
    falling = rising[::-1].copy()
    down = compute(Bars(falling, falling, falling, falling, volume))

    assert (up["rsi_14"], down["rsi_14"]) == (100.0, 0.0)
    assert (up["obv_change_20"], down["obv_change_20"]) == (20.0, -20.0)


@settings(max_examples=100, deadline=None)
@given(
    moves=hnp.arrays(np.int64, WINDOW, elements=st.sampled_from([-9, -1, 0, 0, 0, 1, 9])),
    volume=hnp.arrays(np.float64, WINDOW, elements=st.sampled_from([0.0, 0.0, 1.0, 5e9])),
    unit=st.sampled_from([1e-4, 1.0, 250.0]),
)
def test_features_are_always_finite_and_within_bounds(moves: Array, volume: Array, unit: float) -> None:
    """Whatever the prices and volumes, no feature is NaN or infinite, and bounded ones stay within their bounds."""
    close = (1000.0 + np.cumsum(moves)).clip(1) * unit
    opened = np.concatenate([close[:1], close[:-1]])

    features = compute(Bars(opened, np.maximum(opened, close), np.minimum(opened, close), close, volume))

    assert all(np.isfinite(value) for value in features.values())
    assert 0 <= features["rsi_14"] <= 100
    assert -20 - 1e-9 <= features["obv_change_20"] <= 20 + 1e-9
    assert features["atr_14"] >= 0
    assert features["bollinger_bandwidth"] >= 0


def test_features_do_not_depend_on_the_unit_of_price_or_volume() -> None:
    """Cents instead of dollars, or lots instead of shares, give the same features."""
    window = BARS.slice(40, 40 + WINDOW)
    other = Bars(*(column * 100 for column in window[:4]), window.volume / 100)

    assert compute(other) == pytest.approx(compute(window), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("window", "code"),
    [
        (BARS.slice(0, WINDOW - 1), "FEATURES_WINDOW"),
        (BARS.slice(0, WINDOW + 1), "FEATURES_WINDOW"),
        (flat(price=0.0), "FEATURES_PRICE"),
        (flat(price=float("nan")), "FEATURES_PRICE"),
        (flat(volume=-1.0), "FEATURES_VOLUME"),
        (flat(volume=float("inf")), "FEATURES_VOLUME"),
    ],
)
def test_what_is_no_window_is_refused(window: Bars, code: str) -> None:
    """Another length, and prices or volumes that cannot be, are clear errors."""
    with pytest.raises(InvalidValue) as caught:
        compute(window)

    assert caught.value.code == code


def test_one_jump_after_standing_still() -> None:
    """A gap up of 3 from 10 in the last bar, after nothing: every feature by hand."""
    window = flat()
    for column in window[:4]:
        column[-1] = 13.0

    line = 3 * (2 / 13 - 2 / 27) / 13  # each average takes 2/(n + 1) of the jump
    deviation = np.sqrt(9 * (1 / 20) * (19 / 20))
    expected = {
        "rsi_14": 100.0,
        "macd_line": line,
        "macd_signal": line * 2 / 10,
        "macd_histogram": line * 8 / 10,
        "bollinger_percent_b": (13 - 10.15 + 2 * deviation) / (4 * deviation),
        "bollinger_bandwidth": 4 * deviation / 10.15,
        "close_to_sma_20": 13 / 10.15 - 1,
        "close_to_sma_50": 13 / 10.06 - 1,
        "close_to_ema_20": 13 / (10 + 3 * 2 / 21) - 1,
        "obv_change_20": 1.0,
        "atr_14": 3 / 14 / 13,  # the gap is part of the true range
        "return_1": 0.3,
        "return_5": 0.3,
        "return_10": 0.3,
    }
    assert compute(window) == pytest.approx(expected, rel=1e-12)


def test_what_a_split_leaves_of_rounding_is_no_move() -> None:
    """Prices that differ in the last digit of a float, as rescaled ones do, are the same: OBV goes by a move's sign."""
    window = flat(price=3.34)
    window.close[-5:] = np.nextafter(3.34, 4)

    features = compute(window)

    assert (features["obv_change_20"], features["rsi_14"], features["bollinger_percent_b"]) == (0.0, 50.0, 0.5)
