"""Goal: the oracle is the best that there is, and says so truly. Method: labels, least squares, a filter by hand.

None of the expected values comes from the oracle: labels are those of models.labels on the bars themselves.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from models.classes import BUY, HOLD, SELL
from models.labels import LabelRule, label
from models.marketdata import oracle
from models.marketdata.synthetic import Market, Series, series

COUNT = 200_000
EDGE = Market(strength=0.5, seed=2, bars=COUNT)


@lru_cache
def made(market: Market) -> Series:
    return series(market, 0)


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("trend_bars", [3.0, 20.0, 200.0])
def test_the_steady_state_is_where_the_filter_settles(strength: float, trend_bars: float) -> None:
    """Kalman's recursion of the variance, step by step from an unknown trend, ends at the closed form."""
    market = Market(strength=strength, trend_bars=trend_bars)
    a, before = np.exp(-1 / trend_bars), 1.0
    for _ in range(20_000):
        gain = before * strength / (strength**2 * before + 1 - strength**2)
        after = (1 - gain * strength) * before
        before = a**2 * after + 1 - a**2

    assert oracle.steady_state(market) == pytest.approx((before, after, gain), rel=1e-9)


def test_the_estimate_is_kalmans_one_bar_at_a_time() -> None:
    """The textbook's predict and update with their own variances, over 2,000 bars: the same once it has settled."""
    one = series(replace(EDGE, bars=2_000), 0)
    a, s = np.exp(-1 / 20), 0.5
    mean, variance, found = 0.0, 1.0, []
    for z in one.innovation:
        mean, variance = a * mean, a**2 * variance + 1 - a**2
        gain = variance * s / (s**2 * variance + 1 - s**2)
        mean, variance = mean + gain * (z - s * mean), variance * (1 - gain * s)
        found.append(mean)

    np.testing.assert_allclose(oracle.trend_estimate(one)[200:], found[200:], atol=1e-9)


def test_no_linear_rule_of_the_past_explains_more() -> None:
    """Least squares on the last 40 innovations, 200,000 times, comes to the oracle's share of the variance.

    All is Gaussian, so no other rule explains more than the best linear one.
    """
    z = made(EDGE).innovation
    past = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(z[:-1], 40))
    weights = np.linalg.solve(past.T @ past, past.T @ z[40:])
    share = 1 - (z[40:] - past @ weights).var() / z[40:].var()

    assert share == pytest.approx(0.5**2 * (1 - oracle.steady_state(EDGE).before), abs=0.006)


@pytest.mark.parametrize("horizon", [1, 5, 20])
@pytest.mark.parametrize("strength", [0.2, 0.5])
def test_the_best_direction_is_right_as_often_as_the_formula_says(strength: float, horizon: int) -> None:
    """Its sign against the sign of what the label rule says was earned; one decision a horizon, so none overlap.

    At a volatility that stands still, which the closed form is for.
    """
    market = replace(EDGE, strength=strength, volatility_spread=0.0, volatility=0.001)
    earned = label(made(market).bars, LabelRule(horizon_bars=horizon)).earned
    guess = oracle.trend_estimate(made(market))[: len(earned)]

    right = (np.sign(guess) == np.sign(earned))[::horizon]

    expected = oracle.direction_accuracy(market, horizon)
    assert right.mean() == pytest.approx(expected, abs=4 * (0.25 / len(right)) ** 0.5)
    assert expected > 0.5 + strength**2 / 10


def test_without_strength_nothing_can_be_known() -> None:
    """The direction is a coin's, and BUY is as likely as SELL but for the lean of a log-normal (half its variance)."""
    none = replace(EDGE, strength=0.0, volatility_spread=0.0)

    found = oracle.probabilities(made(none), LabelRule())

    assert [oracle.direction_accuracy(none, horizon) for horizon in (1, 5)] == [0.5, 0.5]
    assert np.abs(found[:, BUY] - found[:, SELL]).max() < 0.02


@pytest.mark.parametrize("rule", [LabelRule(), LabelRule(horizon_bars=1, threshold=0.005, cost_bps=0.0)])
def test_the_probabilities_are_those_of_the_labels(rule: LabelRule) -> None:
    """Of the decisions that are given a probability, that share has the class: in ten bins, for each class."""
    labels = label(made(EDGE).bars, rule)

    found = oracle.probabilities(made(EDGE), rule)

    assert len(found) == len(labels.target)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    for kind in (BUY, SELL, HOLD):
        order = np.argsort(found[:, kind])
        for part in np.array_split(order, 10):
            share = (labels.target[part] == kind).mean()
            overlap = rule.horizon_bars  # neighbours share bars, so they count less than their number
            error = (0.25 * overlap / len(part)) ** 0.5
            assert share == pytest.approx(found[part, kind].mean(), abs=4 * error)


def test_its_decisions_are_right_as_often_as_it_expects() -> None:
    """And more often than the most frequent class is, by far."""
    rule = LabelRule()
    target = label(made(EDGE).bars, rule).target

    right = (oracle.decisions(made(EDGE), rule) == target).mean()

    expected = oracle.probabilities(made(EDGE), rule).max(axis=1).mean()
    assert right == pytest.approx(expected, abs=4 * (0.25 * rule.horizon_bars / COUNT) ** 0.5)
    assert right > np.bincount(target).max() / len(target) + 0.1


def test_it_does_not_see_the_future() -> None:
    """With the bars after a moment cut off, what it said before stays the same."""
    rule = LabelRule()
    short, long = (oracle.probabilities(series(replace(EDGE, bars=bars), 0), rule) for bars in (500, 900))

    np.testing.assert_allclose(short, long[: len(short)], rtol=1e-9)
