"""The triple barrier: paths by hand, a naive loop that follows every position, and what costs and time may do."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.classes import BUY, HOLD, SELL
from models.features import WINDOW, Bars
from models.labels import LabelRule, barriers, label, volatility
from models.marketdata import load_bars
from tests.models.labels.markets import Bar4, by_loop, jumpy, path, volatility_by_loop

TEN = LabelRule(
    kind="triple_barrier",
    horizon_bars=3,
    unit="fraction",
    take_profit=0.10,
    stop_loss=0.10,
    threshold=0.0,
    cost_bps=10,
)
"""Barriers at 90 and 110 for an entry at 100, three bars."""

QUIET = (100.0, 101.0, 99.0, 100.0)
BY_HAND: dict[str, tuple[list[Bar4], int, int, float, float]] = {
    # name: bars after the decision, bars until it is over, label, what a long and what a short earn
    "the target is met in the second bar": ([QUIET, (101, 112, 100, 108), QUIET], 2, BUY, 0.10, -0.10),
    "the target is met to the cent": ([QUIET, (101, 110, 100, 108), QUIET], 2, BUY, 0.10, -0.10),
    "the stop is met in the first bar": ([(100, 101, 89, 95), QUIET, QUIET], 1, SELL, -0.10, 0.10),
    "neither is met": ([QUIET, (100, 109, 91, 104), (104, 109.9, 95, 105)], 3, HOLD, 0.05, -0.05),
    "the stop, then the target": ([QUIET, (100, 105, 88, 100), (100, 120, 99, 119)], 2, SELL, -0.10, 0.10),
    "the target in the last bar": ([QUIET, QUIET, (100, 115, 99, 99)], 3, BUY, 0.10, -0.10),
    "both in one bar: the worse for either": ([QUIET, (100, 115, 85, 100), QUIET], 2, HOLD, -0.10, -0.10),
    "both in the bar of the entry": ([(100, 115, 85, 114), QUIET, QUIET], 1, HOLD, -0.10, -0.10),
    "a gap over the target fills at the open": ([QUIET, (115, 118, 112, 113), QUIET], 2, BUY, 0.15, -0.15),
    "a gap under the stop fills at the open": ([QUIET, (82, 85, 80, 84), QUIET], 2, SELL, -0.18, 0.18),
    "a gap over the target, then down through the stop": ([QUIET, (115, 118, 80, 81), QUIET], 2, BUY, 0.15, -0.15),
    "a gap under the stop, then up through the target": ([QUIET, (82, 120, 80, 119), QUIET], 2, SELL, -0.18, 0.18),
    "a close beyond a barrier that a gap has met": ([QUIET, QUIET, (110, 110, 110, 110)], 3, BUY, 0.10, -0.10),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_paths_by_hand(name: str) -> None:
    """Entered at the open of the next bar, 100; barriers 90 and 110; the bar of the decision itself does not count."""
    after, bars, target, long, short = BY_HAND[name]
    before: Bar4 = (50, 500, 5, 70)

    labels = label(path(before, *after), TEN)

    assert (labels.decided.tolist(), labels.ends.tolist()) == ([0], [bars])
    assert labels.target.tolist() == [target]
    assert labels.earned.tolist() == pytest.approx([long])
    assert labels.earned_short.tolist() == pytest.approx([short])


UNEQUAL: dict[str, tuple[list[Bar4], int, int, float, float]] = {
    # target 5 away, stop 20: a long and a short may both win, or neither
    "both win, the long first": ([(100, 106, 96, 100), (100, 104, 94, 100), QUIET], 2, BUY, 0.05, 0.05),
    "both win, the short first": ([(100, 104, 94, 100), (100, 106, 96, 100), QUIET], 2, SELL, 0.05, 0.05),
    "both win within one bar": ([(100, 106, 94, 100), QUIET, QUIET], 1, HOLD, 0.05, 0.05),
    "the long wins, the short runs to the end": ([(100, 106, 99, 105), QUIET, (101, 102, 97, 98)], 3, BUY, 0.05, 0.02),
    "the long wins, the short is stopped": ([(100, 106, 99, 105), (105, 125, 104, 124), QUIET], 2, BUY, 0.05, -0.20),
}


@pytest.mark.parametrize("name", UNEQUAL)
def test_unequal_barriers(name: str) -> None:
    """Long and short have their own barriers: the first to win gives the label, which ends when both are out."""
    after, bars, target, long, short = UNEQUAL[name]
    rule = LabelRule(
        kind="triple_barrier", horizon_bars=3, unit="fraction", take_profit=0.05, stop_loss=0.20, threshold=0.0
    )

    labels = label(path(QUIET, *after), rule)

    assert (labels.ends.tolist(), labels.target.tolist()) == ([bars], [target])
    assert labels.earned.tolist() == pytest.approx([long])
    assert labels.earned_short.tolist() == pytest.approx([short])


rules = st.builds(
    LabelRule,
    kind=st.just("triple_barrier"),
    horizon_bars=st.integers(1, 12),
    unit=st.just("fraction"),
    take_profit=st.sampled_from([0.005, 0.01, 0.03, 0.1, 1.5]),
    stop_loss=st.sampled_from([0.005, 0.01, 0.03, 0.1, 1.5]),
    threshold=st.sampled_from([0.0, 0.01, 0.02]),
    cost_bps=st.sampled_from([0.0, 10.0, 50.0]),
)


@settings(max_examples=80)
@given(seed=st.integers(0, 9_999), rule=rules, chunk=st.sampled_from([1, 7, 10_000]))
def test_every_label_is_that_of_a_position_followed_bar_by_bar(seed: int, rule: LabelRule, chunk: int) -> None:
    """All labels of a jumpy market, whole or in pieces, are those of a loop that follows one position at a time."""
    bars = jumpy(seed, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(barriers, "_CHUNK", chunk)
        labels = label(bars, rule)

    expected = [by_loop(bars, at, 1.0, rule) for at in range(60 - rule.horizon_bars)]

    assert labels.decided.tolist() == list(range(60 - rule.horizon_bars))
    assert labels.ends.tolist() == [outcome.ends for outcome in expected]
    assert labels.target.tolist() == [outcome.target for outcome in expected]
    np.testing.assert_allclose(labels.earned, [outcome.long for outcome in expected], rtol=0, atol=1e-12)
    np.testing.assert_allclose(labels.earned_short, [outcome.short for outcome in expected], rtol=0, atol=1e-12)


def test_the_market_of_the_property_meets_barriers_in_every_way() -> None:
    """The comparison with the loop sees all three labels, gaps, and bars that reach both barriers."""
    bars, rule = jumpy(1, 3_000), LabelRule(**{**BASE, "take_profit": 0.03, "stop_loss": 0.03})
    labels = label(bars, rule)
    both_lost = (labels.earned < 0) & (labels.earned_short < 0)
    gapped = np.abs(labels.earned) > 0.0301

    assert {BUY, SELL, HOLD} == set(labels.target.tolist())
    assert both_lost.sum() > 20
    assert (gapped & (labels.target == BUY)).sum() > 20
    assert len(set((labels.ends - labels.decided).tolist())) == rule.horizon_bars


BASE = {"kind": "triple_barrier", "horizon_bars": 5, "unit": "fraction", "threshold": 0.0, "cost_bps": 0.0}


@settings(max_examples=40)
@given(seed=st.integers(0, 999), rule=rules, more=st.sampled_from([1.0, 40.0, 300.0]))
def test_costs_only_ever_take_labels_away(seed: int, rule: LabelRule, more: float) -> None:
    """Dearer trading makes of some BUY and SELL a HOLD, never anything else; what is earned before costs stays."""
    bars = jumpy(seed, 60)
    fields = {name: getattr(rule, name) for name in rule.__struct_fields__}

    cheap, dear = label(bars, rule), label(bars, LabelRule(**{**fields, "cost_bps": rule.cost_bps + more}))

    np.testing.assert_array_equal(dear.target[dear.target != HOLD], cheap.target[dear.target != HOLD])
    np.testing.assert_array_equal(dear.earned, cheap.earned)
    np.testing.assert_array_equal(dear.ends, cheap.ends)


IBM = Bars.of(load_bars(["IBM"], date(2007, 1, 1), date(2008, 12, 31)))
IN_VOLATILITIES = LabelRule(kind="triple_barrier", horizon_bars=8, take_profit=1.5, stop_loss=2.5, threshold=0.0)


def test_barriers_in_units_of_volatility() -> None:
    """Real bars: a label is that of a loop whose unit is the volatility at its decision; none before there is one."""
    labels = label(IBM, IN_VOLATILITIES)
    count = len(IBM.close)

    assert labels.decided.tolist() == list(range(WINDOW - 1, count - 8))
    for at, end, target, long, short in list(zip(*(column.tolist() for column in labels), strict=True))[::5]:
        expected = by_loop(IBM, at, volatility_by_loop(IBM.close, at), IN_VOLATILITIES)
        assert (end, target) == (expected.ends, expected.target)
        assert (long, short) == pytest.approx((expected.long, expected.short), abs=1e-9)
    assert np.bincount(labels.target).min() >= 20


def test_volatility_is_that_of_riskmetrics() -> None:
    """Against pandas: the exponentially weighted mean square, decay 0.94, of the 127 returns up to each bar."""
    returns = pd.Series(IBM.close).pct_change()
    expected = [
        np.sqrt((returns[at - 126 : at + 1] ** 2).ewm(alpha=0.06).mean().iloc[-1]) for at in range(WINDOW - 1, 300)
    ]

    found = volatility(IBM.close)

    assert np.isnan(found[: WINDOW - 1]).all()
    np.testing.assert_allclose(found[WINDOW - 1 : 300], expected, rtol=1e-12)
    assert np.isnan(volatility(IBM.close[: WINDOW - 1])).all()


@settings(max_examples=60)
@given(at=st.integers(0, 399), column=st.sampled_from(Bars._fields[:4]), factor=st.sampled_from([0.7, 1.4]))
def test_a_label_looks_at_its_interval_and_at_the_volatility_before_it(at: int, column: str, factor: float) -> None:
    """A changed bar changes labels whose interval has it; and, by its close alone, those whose volatility has it."""
    bars = Bars(*(values[:400].copy() for values in IBM))
    before = label(bars, IN_VOLATILITIES)
    getattr(bars, column)[at] *= factor
    after = label(bars, IN_VOLATILITIES)

    horizon = before.decided + IN_VOLATILITIES.horizon_bars
    may = (before.decided < at) & (at <= horizon)
    if column == "close":
        may |= (at <= before.decided) & (before.decided < at + WINDOW)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old[~may], new[~may])
    settled = (before.decided < at) & (before.ends < at)  # over before the changed bar, within the horizon
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old[settled], new[settled])


@pytest.mark.parametrize("count", [0, 1, 5, WINDOW - 1, WINDOW + 7])
def test_bars_whose_horizon_is_not_over_have_no_label(count: int) -> None:
    """The last `horizon` bars get none, though a barrier was met already; nor do those without a volatility."""
    bars = Bars(*(column[:count] for column in IBM))

    assert len(label(bars, IN_VOLATILITIES).target) == 0
    assert len(label(bars, LabelRule(**{**BASE, "horizon_bars": 5})).target) == max(count - 5, 0)


def test_a_market_that_stands_still_is_held() -> None:
    """Without volatility the barriers are at the entry and nothing is earned: no BUY, even where trading is free."""
    still = path(*[(100.0, 100.0, 100.0, 100.0)] * (WINDOW + 20))

    labels = label(still, LabelRule(**{**BASE, "unit": "volatility"}))

    assert set(labels.target.tolist()) == {HOLD}
    assert (labels.earned == 0).all()
