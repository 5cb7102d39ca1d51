"""Every feature, declared once: its name, how far it looks, what it means, where its formula is from.

docs/reference/features.md is made from this table. docs/how-to/add-a-feature.md says how to add one.
"""

from __future__ import annotations

from typing import NamedTuple

from models.features import indicators, weights
from models.features.bars import WINDOW
from models.features.indicators import Indicator
from models.features.windows import BAND

WILDER = "J. W. Wilder, New Concepts in Technical Trading Systems (1978)"
APPEL = "G. Appel, Technical Analysis: Power Tools for Active Investors (2005)"
BOLLINGER = "J. Bollinger, Bollinger on Bollinger Bands (2001)"
GRANVILLE = "J. Granville, New Key to Stock Market Profits (1963)"


class Feature(NamedTuple):
    """A feature of the last WINDOW bars.

    window: the bars that it looks at, the last one included; older ones change nothing, to the bit.
    warm_up: the bars from which TA-Lib gives it a value at all, its lookback and one.
    seed: the weight that its slowest average's seed still has at the window's end; 0 when it has no recursive average.
        By so much, relative to the seed, it differs from the same indicator over an endless history.
    meaning: one line, with unit and bounds. formula: TA-Lib's functions, on prices in units of the last close.
    """

    name: str
    family: str
    window: int
    warm_up: int
    seed: float
    meaning: str
    formula: str
    source: str
    compute: Indicator


def _seed(decay: float, steps: int) -> float:
    return float(decay**steps)


# A Wilder average of 14 is seeded with moves 1 to 14 of 127; an EMA of n with the first n closes of 128.
_WILDER = _seed(13 / 14, WINDOW - 1 - 14)
_SLOW = _seed(25 / 27, WINDOW - 26)

FEATURES: tuple[Feature, ...] = (
    Feature(
        name="rsi_14",
        family="RSI",
        window=WINDOW,
        warm_up=15,
        seed=_WILDER,
        meaning="average gain over average gain and loss, 0 to 100; 50 when the price has not moved at all",
        formula="RSI(close, 14)",
        source=WILDER,
        compute=indicators.rsi,
    ),
    Feature(
        name="macd_line",
        family="MACD",
        window=WINDOW,
        warm_up=34,
        seed=_SLOW,
        meaning="the average of 12 bars less that of 26, in last closes",
        formula="MACD(close, 12, 26, 9)",
        source=APPEL,
        compute=indicators.of_closes(weights.macd(0)),
    ),
    Feature(
        name="macd_signal",
        family="MACD",
        window=WINDOW,
        warm_up=34,
        seed=_SLOW,
        meaning="the average of 9 bars of the line, in last closes",
        formula="MACD(close, 12, 26, 9)",
        source=APPEL,
        compute=indicators.of_closes(weights.macd(1)),
    ),
    Feature(
        name="macd_histogram",
        family="MACD",
        window=WINDOW,
        warm_up=34,
        seed=_SLOW,
        meaning="the line less the signal, in last closes",
        formula="MACD(close, 12, 26, 9)",
        source=APPEL,
        compute=indicators.of_closes(weights.macd(2)),
    ),
    Feature(
        name="bollinger_percent_b",
        family="Bollinger",
        window=BAND,
        warm_up=BAND,
        seed=0.0,
        meaning="where the close is between the bands, 0 lower, 1 upper; 0.5 when they are one",
        formula="(close - lower) / (upper - lower) of BBANDS(close, 20, 2, 2)",
        source=BOLLINGER,
        compute=indicators.percent_b,
    ),
    Feature(
        name="bollinger_bandwidth",
        family="Bollinger",
        window=BAND,
        warm_up=BAND,
        seed=0.0,
        meaning="the distance of the bands over their middle, from 0",
        formula="(upper - lower) / middle of BBANDS(close, 20, 2, 2)",
        source=BOLLINGER,
        compute=indicators.bandwidth,
    ),
    Feature(
        name="close_to_sma_20",
        family="SMA",
        window=20,
        warm_up=20,
        seed=0.0,
        meaning="the close over the mean of 20 closes, less one",
        formula="close / SMA(close, 20) - 1",
        source="arithmetic mean",
        compute=indicators.to_sma(20),
    ),
    Feature(
        name="close_to_sma_50",
        family="SMA",
        window=50,
        warm_up=50,
        seed=0.0,
        meaning="the close over the mean of 50 closes, less one",
        formula="close / SMA(close, 50) - 1",
        source="arithmetic mean",
        compute=indicators.to_sma(50),
    ),
    Feature(
        name="close_to_ema_20",
        family="EMA",
        window=WINDOW,
        warm_up=20,
        seed=_seed(19 / 21, WINDOW - 20),
        meaning="the close over its exponential average of 20 bars, less one",
        formula="close / EMA(close, 20) - 1",
        source="weights 2/21 (1 - 2/21)^k, seeded with the mean of the first 20 closes",
        compute=indicators.to_ema(20),
    ),
    Feature(
        name="obv_change_20",
        family="OBV",
        window=21,
        warm_up=21,
        seed=0.0,
        meaning="volume of rising less falling bars of the last 20, in their mean volume, -20 to 20; 0 without volume",
        formula="(OBV - OBV 20 bars before) / SMA(volume, 20)",
        source=GRANVILLE,
        compute=indicators.obv_change(20),
    ),
    Feature(
        name="atr_14",
        family="ATR",
        window=WINDOW,
        warm_up=15,
        seed=_WILDER,
        meaning="the average true range, in last closes, from 0",
        formula="ATR(high, low, close, 14)",
        source=WILDER,
        compute=indicators.atr,
    ),
    Feature(
        name="return_1",
        family="returns",
        window=2,
        warm_up=2,
        seed=0.0,
        meaning="the close over the close one bar before, less one",
        formula="ROCP(close, 1)",
        source="simple return",
        compute=indicators.return_over(1),
    ),
    Feature(
        name="return_5",
        family="returns",
        window=6,
        warm_up=6,
        seed=0.0,
        meaning="the close over the close five bars before, less one",
        formula="ROCP(close, 5)",
        source="simple return",
        compute=indicators.return_over(5),
    ),
    Feature(
        name="return_10",
        family="returns",
        window=11,
        warm_up=11,
        seed=0.0,
        meaning="the close over the close ten bars before, less one",
        formula="ROCP(close, 10)",
        source="simple return",
        compute=indicators.return_over(10),
    ),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
