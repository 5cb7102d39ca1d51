"""Bars for the tests of features: real ones, made ones, and the names to parametrize by."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.features import FEATURE_NAMES, WINDOW, Array, Bars
from models.marketdata import load_bars

IBM = load_bars(["IBM"], date(2007, 1, 1), date(2009, 6, 30))
BARS = Bars.of(IBM)
COLUMN = {name: column for column, name in enumerate(FEATURE_NAMES)}


def flat(price: float = 10.0, volume: float = 100.0, count: int = WINDOW) -> Bars:
    """Bars in which nothing happens."""
    return Bars(*(np.full(count, price) for _ in range(4)), np.full(count, volume))


def wandering(seed: int, count: int, spread: float = 0.02) -> Bars:
    """A random walk whose bars gap, with a wide range and now and then no volume."""
    random = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(random.normal(0, spread, count)))
    opened = np.concatenate([close[:1], close[:-1]]) * np.exp(random.normal(0, spread / 2, count))
    high = np.maximum(opened, close) * (1 + random.uniform(0, spread, count))
    low = np.minimum(opened, close) / (1 + random.uniform(0, spread, count))
    return Bars(opened, high, low, close, random.integers(0, 4, count) * 1_000.0)


def changed(bars: Bars, where: slice, factor: float) -> Bars:
    """The bars with all prices and volumes of some of them multiplied."""
    columns = [column.copy() for column in bars]
    for column in columns:
        column[where] *= factor
    return Bars(*columns)


@st.composite
def windows(draw: st.DrawFn) -> Bars:
    """A window of whole steps: long stretches without a move, jumps, no volume, and any unit from tiny to huge."""
    moves = draw(hnp.arrays(np.int64, WINDOW, elements=st.sampled_from([-90, -9, -1, 0, 0, 0, 1, 9, 90])))
    volume = draw(hnp.arrays(np.float64, WINDOW, elements=st.sampled_from([0.0, 0.0, 1.0, 700.0, 5e9])))
    reach: Array = draw(hnp.arrays(np.int64, (2, WINDOW), elements=st.integers(0, 20))).astype(np.float64)
    unit = draw(st.sampled_from([1e-12, 1e-4, 1.0, 250.0, 1e12]))
    close = (1000.0 + np.cumsum(moves)).clip(100)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) + reach[0], np.minimum(opened, close) - reach[1]
    return Bars(opened * unit, high * unit, low * unit, close * unit, volume)
