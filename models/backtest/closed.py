"""Figures of the closed trades, which are the sample here: their profits after costs."""

from __future__ import annotations

import math

import numpy as np

from models.backtest.sample import Z95, Sample, Undefined, Value, deviation


def trades(sample: Sample, _: float) -> Value:
    """Closed trades: from flat to flat in one symbol, however many fills that took."""
    return Value(float(len(sample.profits)))


def win_rate(sample: Sample, _: float) -> Value:
    """w = trades with a profit after costs / closed trades k. Interval: Wilson's,
    (w + z^2 / 2k +- z x sqrt(w(1 - w) / k + z^2 / 4k^2)) / (1 + z^2 / k), z = 1.96.

    Source: E. B. Wilson, Probable Inference, Journal of the American Statistical Association 22 (1927).
    """
    count = _closed(sample)
    won = float(np.mean(sample.profits > 0))
    centre = won + Z95**2 / (2 * count)
    half = Z95 * math.sqrt(won * (1 - won) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    return Value(won, max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def profit_factor(sample: Sample, _: float) -> Value:
    """Sum of the profits / sum of the losses of closed trades, after costs."""
    _closed(sample)
    lost = float(-sample.profits[sample.profits < 0].sum())
    if lost <= 0:
        raise Undefined("no closed trade has lost")
    return Value(float(sample.profits[sample.profits > 0].sum()) / lost)


def expectancy(sample: Sample, _: float) -> Value:
    """m = mean profit of a closed trade after costs, in USD. Interval: m +- 1.96 x s / sqrt(k)."""
    count = _closed(sample)
    mean = float(sample.profits.mean())
    if count < 2:
        return Value(mean)
    half = Z95 * deviation(sample.profits) / math.sqrt(count)
    return Value(mean, mean - half, mean + half)


def _closed(sample: Sample) -> int:
    if not len(sample.profits):
        raise Undefined("no trade is closed")
    return len(sample.profits)
