"""Bars for the tests of labels, and labels by a naive loop that follows one position at a time."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from models.classes import BUY, HOLD, SELL
from models.features import Array, Bars
from models.labels import LabelRule

Bar4 = tuple[float, float, float, float]
"""Open, high, low, close."""


def path(*bars: Bar4) -> Bars:
    """Bars of one unit of volume each."""
    columns = np.array(bars, dtype=np.float64).reshape(-1, 4).T
    return Bars(*(np.ascontiguousarray(column) for column in columns), np.ones(len(bars)))


def jumpy(seed: int, count: int, spread: float = 0.02) -> Bars:
    """A random walk in steps of a cent, with gaps, so that barriers are met in every way there is."""
    random = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, spread, count))), 2)
    opened = np.round(np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0, spread / 2, count)), 2)
    high = np.maximum(opened, close) + np.round(random.exponential(spread * 50, count), 2)
    low = np.minimum(opened, close) - np.round(random.exponential(spread * 30, count).clip(max=20), 2)
    return Bars(opened, high, np.maximum(low, 0.01), close, np.ones(count))


class Outcome(NamedTuple):
    ends: int
    target: int
    long: float
    short: float


def by_loop(bars: Bars, decided: int, unit: float, rule: LabelRule) -> Outcome:
    """The label of one bar, by following a long and a short position bar by bar, in exact fractions of decimals."""
    after = range(decided + 1, decided + rule.horizon_bars + 1)
    opens, highs, lows, closes = ({bar: _exact(column[bar]) for bar in after} for column in bars[:4])
    entry = opens[decided + 1]
    profit, loss = (_exact(distance) * _exact(unit) for distance in (rule.take_profit, rule.stop_loss))
    held, earned, won = [], [], []
    for side in (+1, -1):
        target, stop = entry * (1 + side * profit), entry * (1 - side * loss)
        at, exit_, took = after[-1], closes[after[-1]], False
        for bar in after:
            best, worst = (highs[bar], lows[bar]) if side > 0 else (lows[bar], highs[bar])
            fills = (
                (side * (opens[bar] - target) >= 0, opens[bar], True),
                (side * (opens[bar] - stop) <= 0, opens[bar], False),
                (side * (worst - stop) <= 0, stop, False),
                (side * (best - target) >= 0, target, True),
            )
            met = [(price, is_target) for is_met, price, is_target in fills if is_met]
            if met:
                (exit_, took), at = met[0], bar
                break
        held.append(at)
        earned.append(side * (exit_ / entry - 1))
        won.append(took)
    first = BUY if won[0] and (not won[1] or held[0] < held[1]) else HOLD
    first = SELL if won[1] and (not won[0] or held[1] < held[0]) else first
    needed = _exact(rule.threshold) + _exact(rule.cost_bps) / 10_000
    pays = first != HOLD and earned[first] > 0 and earned[first] >= needed
    return Outcome(max(held), first if pays else HOLD, float(earned[0]), float(earned[1]))


def _exact(value: float) -> Fraction:
    """What the number's decimals say."""
    return Fraction(repr(float(value)))


def volatility_by_loop(close: Array, at: int) -> float:
    """RiskMetrics: the weighted mean square of the last 127 returns, each weighing 0.94 of the next."""
    total = weights = 0.0
    for back in range(127):
        weight = 0.94**back
        total += weight * (close[at - back] / close[at - back - 1] - 1) ** 2
        weights += weight
    return float(np.sqrt(total / weights))
