"""What the model sees of a market, declared once and computed by one function, online and offline.

Every feature is a function of the last WINDOW completed bars of one symbol and of nothing else, so a recursive
indicator does not depend on how long the history is, and bars that come later change nothing. Prices are divided by the
last close first: all features are free of the price's unit. Floats are fine here; no money is computed from them.

Indicators come from TA-Lib; J. Welles Wilder, New Concepts in Technical Trading Systems (1978) for RSI and ATR,
G. Appel for MACD, J. Bollinger for the bands, J. Granville for OBV.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import NamedTuple, Protocol

import numpy as np
import talib
from numpy.typing import NDArray

from domain.errors import InvalidValue

Array = NDArray[np.float64]
_Row = tuple[float, float, float, float, float]

WINDOW = 128
"""Bars in a window. The seed of the slowest average (RSI and ATR, 1/14 a bar) weighs (13/14)^114 = 0.02 % by then."""

_FLAT = 1e-6  # a price range smaller than this, relative to the price, is none: below it there is only rounding noise


class Priced(Protocol):
    """A completed bar: domain.market.Bar or models.marketdata.MarketBar."""

    @property
    def open(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...
    @property
    def low(self) -> Decimal: ...
    @property
    def close(self) -> Decimal: ...
    @property
    def volume(self) -> Decimal: ...


class Bars(NamedTuple):
    """Consecutive bars of one symbol, oldest first: five float64 arrays of one length."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array

    @classmethod
    def of(cls, bars: Iterable[Priced]) -> Bars:
        return _columns([_row(bar) for bar in bars])

    def slice(self, start: int, stop: int) -> Bars:
        return Bars(*(column[start:stop] for column in self))


class Feature(NamedTuple):
    """A feature: `compute` takes a window scaled to a last close of 1; `lookback`: the bars that it uses at least."""

    name: str
    lookback: int
    compute: Callable[[Bars], float]


def compute(window: Bars) -> dict[str, float]:
    """The features of the last bar of exactly WINDOW bars, by name, each finite.

    Raises InvalidValue when the window has another length, or a price that is not positive and finite.
    """
    scaled = _scaled(window)
    return {feature.name: float(feature.compute(scaled)) for feature in FEATURES}


def compute_frame(bars: Bars) -> tuple[NDArray[np.int64], Array]:
    """`compute` over every window of a symbol's history.

    Gives (index, matrix): index[i] is the position in `bars` of the bar that row i stands for (WINDOW - 1 and on);
    matrix has one row per window and one column per feature, in the order of FEATURES. Both empty when there are fewer
    than WINDOW bars.
    """
    index = np.arange(WINDOW - 1, max(len(bars.close), WINDOW - 1), dtype=np.int64)
    matrix = np.empty((len(index), len(FEATURES)), dtype=np.float64)
    for row, last in enumerate(index):
        matrix[row] = list(compute(bars.slice(int(last) + 1 - WINDOW, int(last) + 1)).values())
    return index, matrix


class RollingWindow:
    """The last WINDOW bars of one symbol, for the online agent."""

    def __init__(self) -> None:
        self._bars: deque[_Row] = deque(maxlen=WINDOW)

    def __len__(self) -> int:
        return len(self._bars)

    def push(self, bar: Priced) -> Bars | None:
        """Take in the next bar. Gives the window that ends with it, None while there are fewer than WINDOW bars."""
        self._bars.append(_row(bar))
        return self.window()

    def window(self) -> Bars | None:
        return _columns(self._bars) if len(self._bars) == WINDOW else None


def _row(bar: Priced) -> _Row:
    return float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume)


def _columns(rows: Collection[_Row]) -> Bars:
    columns = np.array(tuple(rows), dtype=np.float64).reshape(-1, 5).T
    return Bars(*(np.ascontiguousarray(column) for column in columns))


def _scaled(window: Bars) -> Bars:
    lengths = {len(column) for column in window}
    if lengths != {WINDOW}:
        raise InvalidValue("FEATURES_WINDOW", f"features need {WINDOW} bars, there were {sorted(lengths)}")
    prices = np.stack(window[:4])
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        raise InvalidValue("FEATURES_PRICE", "features need prices that are finite and above zero")
    if not (np.isfinite(window.volume).all() and (window.volume >= 0).all()):
        raise InvalidValue("FEATURES_VOLUME", "features need volumes that are finite and not below zero")
    opened, high, low, close = prices / window.close[-1]
    return Bars(opened, high, low, close, window.volume)


def _rsi(bars: Bars) -> float:
    """0 to 100; 50 when the price has not moved at all."""
    if np.ptp(bars.close) < _FLAT:
        return 50.0
    return float(talib.RSI(bars.close, timeperiod=14)[-1])


def _macd(part: int) -> Callable[[Bars], float]:
    def compute_part(bars: Bars) -> float:
        return float(talib.MACD(bars.close, fastperiod=12, slowperiod=26, signalperiod=9)[part][-1])

    return compute_part


def _bands(bars: Bars) -> tuple[float, float, float]:
    """Upper, middle, lower of the last 20 closes alone: no running sum carries rounding noise of earlier bars."""
    upper, middle, lower = talib.BBANDS(bars.close[-20:], timeperiod=20, nbdevup=2, nbdevdn=2)
    return float(upper[-1]), float(middle[-1]), float(lower[-1])


def _percent_b(bars: Bars) -> float:
    """Where the close is between the bands, 0 lower, 1 upper; 0.5 when they are one."""
    upper, _, lower = _bands(bars)
    return 0.5 if upper - lower < _FLAT else (float(bars.close[-1]) - lower) / (upper - lower)


def _bandwidth(bars: Bars) -> float:
    """The distance of the bands over their middle."""
    upper, middle, lower = _bands(bars)
    return (upper - lower) / middle


def _to_average(average: Callable[..., Array], period: int) -> Callable[[Bars], float]:
    """close / average - 1."""

    def compute_ratio(bars: Bars) -> float:
        return float(bars.close[-1] / average(bars.close, timeperiod=period)[-1]) - 1.0

    return compute_ratio


def _obv_change(bars: Bars) -> float:
    """On-balance volume gained over 20 bars, in mean volumes of those bars (-20 to 20); 0 when nothing was traded."""
    mean = float(bars.volume[-20:].mean())
    if mean == 0.0:
        return 0.0
    obv = talib.OBV(bars.close[-21:], bars.volume[-21:])
    return float(obv[-1] - obv[0]) / mean


def _atr(bars: Bars) -> float:
    return float(talib.ATR(bars.high, bars.low, bars.close, timeperiod=14)[-1])


def _return_over(bars_back: int) -> Callable[[Bars], float]:
    def compute_return(bars: Bars) -> float:
        return float(bars.close[-1] / bars.close[-1 - bars_back]) - 1.0

    return compute_return


FEATURES: tuple[Feature, ...] = (
    Feature("rsi_14", 15, _rsi),
    Feature("macd_line", 34, _macd(0)),
    Feature("macd_signal", 34, _macd(1)),
    Feature("macd_histogram", 34, _macd(2)),
    Feature("bollinger_percent_b", 20, _percent_b),
    Feature("bollinger_bandwidth", 20, _bandwidth),
    Feature("close_to_sma_20", 20, _to_average(talib.SMA, 20)),
    Feature("close_to_sma_50", 50, _to_average(talib.SMA, 50)),
    Feature("close_to_ema_20", 20, _to_average(talib.EMA, 20)),
    Feature("obv_change_20", 21, _obv_change),
    Feature("atr_14", 15, _atr),
    Feature("return_1", 2, _return_over(1)),
    Feature("return_5", 6, _return_over(5)),
    Feature("return_10", 11, _return_over(10)),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
