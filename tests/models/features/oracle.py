"""The features by direct calls of TA-Lib on one window, prices divided by its last close first."""

from __future__ import annotations

import numpy as np
import talib

from models.features import Bars

FLAT = 1e-6


def by_talib(window: Bars) -> dict[str, float]:
    last = window.close[-1]
    high, low, close = window.high / last, window.low / last, window.close / last
    line, signal, histogram = talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)
    upper, middle, lower = (band[-1] for band in talib.BBANDS(close[-20:], timeperiod=20, nbdevup=2, nbdevdn=2))
    obv = talib.OBV(close[-21:], window.volume[-21:])
    mean_volume = window.volume[-20:].mean()
    return {
        "rsi_14": 50.0 if np.ptp(close) < FLAT else talib.RSI(close, timeperiod=14)[-1],
        "macd_line": line[-1],
        "macd_signal": signal[-1],
        "macd_histogram": histogram[-1],
        "bollinger_percent_b": 0.5 if upper - lower < FLAT else (close[-1] - lower) / (upper - lower),
        "bollinger_bandwidth": (upper - lower) / middle,
        "close_to_sma_20": close[-1] / talib.SMA(close, timeperiod=20)[-1] - 1,
        "close_to_sma_50": close[-1] / talib.SMA(close, timeperiod=50)[-1] - 1,
        "close_to_ema_20": close[-1] / talib.EMA(close, timeperiod=20)[-1] - 1,
        "obv_change_20": (obv[-1] - obv[0]) / mean_volume if mean_volume else 0.0,
        "atr_14": talib.ATR(high, low, close, timeperiod=14)[-1],
        "return_1": talib.ROCP(close, timeperiod=1)[-1],
        "return_5": talib.ROCP(close, timeperiod=5)[-1],
        "return_10": talib.ROCP(close, timeperiod=10)[-1],
    }


def rounding_of_bands(window: Bars) -> float:
    """How far TA-Lib's bands may be off in percent b: it takes the variance as E[x²] - E[x]², which cancels."""
    close = window.close[-20:] / window.close[-1]
    variance = np.var(close)
    return float(4e-16 * np.mean(close**2) / variance) if variance > 0 else 0.0
