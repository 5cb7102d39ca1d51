"""The best that can be known of a synthetic market, and what decisions by it attain: the ceiling for every model.

The oracle knows the process, and at bar t its bars up to t and the volatilities of all bars, of which those to come say
nothing about a direction. It does not know a noise before its bar. Its estimate of the trend is that of the Kalman
filter (R. E. Kalman, A new approach to linear filtering and prediction problems, 1960) in its steady state, and since
all is Gaussian, it is the best there is.

Verification: tests/models/marketdata/test_oracle.py holds its probabilities to the labels that models.labels gives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr

from models.classes import BUY, CLASSES, HOLD, SELL
from models.features import Array
from models.labels import LabelRule
from models.marketdata.synthetic import Market, Series


class Filter(NamedTuple):
    """The Kalman filter of the trend, in its steady state.

    before: variance of the trend given all bars before its own; after: given its own too. gain: what a surprise of one
    moves the estimate by.
    """

    before: float
    after: float
    gain: float


def steady_state(market: Market) -> Filter:
    """The fixed point of the variance: P = a² P (1-s²) / (s² P + 1-s²) + 1-a², a quadratic equation."""
    a2, s2 = market.persistence**2, market.strength**2
    if s2 == 0.0:
        return Filter(1.0, 1.0, 0.0)
    linear, constant = (1.0 - a2) * (1.0 - 2.0 * s2), -(1.0 - a2) * (1.0 - s2)
    before = (-linear + np.sqrt(linear**2 - 4.0 * s2 * constant)) / (2.0 * s2)
    gain = before * market.strength / (s2 * before + 1.0 - s2)
    return Filter(float(before), float(before * (1.0 - gain * market.strength)), float(gain))


def trend_estimate(series: Series) -> Array:
    """The mean of trend[t] given all bars up to t. It begins with what is expected before any bar, a trend of 0."""
    market = series.market
    gain, keeps = steady_state(market).gain, market.persistence
    keeps *= 1.0 - gain * market.strength
    found: Array = lfilter([gain], [1.0, -keeps], series.innovation)
    return found


def probabilities(series: Series, rule: LabelRule) -> Array:
    """(decisions, 3), in the order of CLASSES: of what models.labels.label says of the decision at each bar.

    Decisions are those that have a label: all bars but the last rule.horizon_bars.
    """
    mean, deviation = _earned(series, rule.horizon_bars)
    needed = rule.threshold + rule.cost_bps / 10_000
    found = np.empty((len(mean), len(CLASSES)))
    found[:, BUY] = ndtr((mean - np.log1p(needed)) / deviation)
    found[:, SELL] = ndtr((np.log1p(-needed) - mean) / deviation)
    found[:, HOLD] = 1.0 - found[:, BUY] - found[:, SELL]
    return found


def decisions(series: Series, rule: LabelRule) -> NDArray[np.int64]:
    """The class that is right most often, at each decision."""
    return np.asarray(probabilities(series, rule).argmax(axis=1), dtype=np.int64)


def direction_accuracy(market: Market, horizon_bars: int) -> float:
    """How often the best guess whether a position gains is right: entry at the next open, exit at the horizon's close.

    For a volatility that stands still. The guess and the gain are jointly Gaussian with a correlation r; they have one
    sign with probability 1/2 + arcsin(r) / pi (W. F. Sheppard, On the application of the theory of error to cases of
    normal distribution and normal correlation, 1899).
    """
    weights = _weights(market, np.ones((1, horizon_bars)))
    decay = market.persistence ** np.arange(1, horizon_bars + 1)
    known = (market.strength * weights @ decay) ** 2 * (1.0 - steady_state(market).after)
    everything = _variance(market, weights, 1.0) + market.overnight * (1.0 - market.overnight)
    return float(0.5 + np.arcsin(np.sqrt(known / everything))[0] / np.pi)


def _earned(series: Series, horizon: int) -> tuple[Array, Array]:
    """Mean and deviation of the logarithm of close[t+h] / open[t+1], given what the oracle knows at t."""
    market = series.market
    count = max(market.bars - horizon, 0)
    ahead = np.arange(count)[:, None] + np.arange(1, horizon + 1)
    volatility = series.volatility[ahead]
    weights = _weights(market, volatility)
    decay = market.persistence ** np.arange(1, horizon + 1)
    mean = market.strength * (weights @ decay) * trend_estimate(series)[:count]
    mean -= 0.5 * (_weights(market, volatility**2)).sum(axis=1)
    variance = _variance(market, weights, steady_state(market).after)
    variance += market.overnight * (1.0 - market.overnight) * volatility[:, 0] ** 2
    return mean, np.sqrt(variance)


def _weights(market: Market, values: Array) -> Array:
    """Of the bars of a horizon: of the first one only what comes after its open."""
    first = np.ones(values.shape[1])
    first[0] = 1.0 - market.overnight
    weighted: Array = values * first
    return weighted


def _variance(market: Market, weights: Array, trend_variance: float) -> Array:
    """Of sums of innovations after t with these weights, when the trend at t has this variance."""
    steps = np.arange(1, weights.shape[1] + 1)
    a = market.persistence
    earlier = np.minimum(steps[:, None], steps)
    of_trend = a ** np.abs(steps[:, None] - steps) * (1.0 - a ** (2 * earlier) * (1.0 - trend_variance))
    covariance = market.strength**2 * of_trend + (1.0 - market.strength**2) * np.eye(len(steps))
    found: Array = np.einsum("nj,jk,nk->n", weights, covariance, weights)
    return found
