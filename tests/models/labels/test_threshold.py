"""Labels look at their own interval and nothing else; training never sees a label that looks into what it predicts."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classes import BUY, HOLD, SELL
from models.features import WINDOW, Bars
from models.labels import LabelRule, label, uniqueness
from models.marketdata import MarketBar
from models.samples import build_samples
from tests.models.conftest import market


def bars(opens: list[float], closes: list[float]) -> Bars:
    columns = [np.array(c, dtype=np.float64) for c in (opens, opens, opens, closes, [1.0] * len(opens))]
    return Bars(*columns)


def test_a_label_is_what_the_position_earns_net_of_costs() -> None:
    """Entry at the next open, exit at the close of the horizon; threshold and costs must both be earned."""
    rule = LabelRule(horizon_bars=2, threshold=0.02, cost_bps=50)
    opens = [1.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0]
    closes = [50.0, 300.0, 102.6, 102.4, 97.4, 97.6, 100.0]

    labels = label(bars(opens, closes), rule)

    assert labels.decided.tolist() == [0, 1, 2, 3, 4]
    assert labels.ends.tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_allclose(labels.earned, [0.026, 0.024, -0.026, -0.024, 0.0], atol=1e-12)
    assert labels.target.tolist() == [BUY, HOLD, SELL, HOLD, HOLD]


@given(horizon=st.integers(1, 8), seed=st.integers(0, 99), changed=st.integers(0, 39))
def test_a_label_depends_on_its_interval_alone(horizon: int, seed: int, changed: int) -> None:
    """Changing one bar changes only labels whose interval has it: bars decided + 1 to decided + horizon."""
    random = np.random.default_rng(seed)
    opens, closes = random.uniform(90, 110, (2, 40))
    rule = LabelRule(horizon_bars=horizon)
    before = label(bars(opens.tolist(), closes.tolist()), rule)
    opens[changed] *= 3
    closes[changed] *= 5
    after = label(bars(opens.tolist(), closes.tolist()), rule)

    touched = {d for d in range(40 - horizon) if d + 1 <= changed <= d + horizon}

    assert set(np.flatnonzero(before.earned != after.earned).tolist()) <= touched
    if changed >= horizon:
        assert before.earned[changed - horizon] != after.earned[changed - horizon]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_bars_whose_interval_is_not_over_have_no_label(count: int) -> None:
    """The last `horizon` bars, and histories no longer than it, get no label."""
    labels = label(bars([10.0] * count, [10.0] * count), LabelRule(horizon_bars=5))

    assert len(labels.target) == 0


@given(starts=st.lists(st.integers(0, 30), min_size=1, max_size=15, unique=True).map(sorted), horizon=st.integers(1, 6))
def test_uniqueness_is_one_over_the_labels_that_share_a_bar(starts: list[int], horizon: int) -> None:
    """The weight of a label is the mean, over the bars it looks at, of one over the labels that look at that bar."""
    intervals = [set(range(s + 1, s + horizon + 1)) for s in starts]
    expected = [np.mean([1 / sum(bar in other for other in intervals) for bar in own]) for own in intervals]

    decided = np.array(starts)

    np.testing.assert_allclose(uniqueness(decided, decided + horizon), expected, rtol=1e-9)


def test_the_purge_takes_no_more_than_it_must(planted_bars: list[MarketBar]) -> None:
    """Of each symbol, only the decisions of the last `horizon` bars before the hold-out are purged."""
    horizon = 5
    samples = build_samples(planted_bars, LabelRule(horizon_bars=horizon))
    day = date(2004, 1, 1)
    earlier = samples.where(samples.decided < np.datetime64(day))

    purged = len(earlier) - len(samples.ending_before(day))

    assert purged == 2 * horizon


def test_samples_are_pooled_by_time(planted_bars: list[MarketBar]) -> None:
    """Rows go by (day, symbol), start after the warm-up, and stop a horizon before the end."""
    samples = build_samples(planted_bars, LabelRule(horizon_bars=5))
    days = sorted({bar.date for bar in planted_bars})

    keys = list(zip(samples.decided.astype(object).tolist(), samples.symbol.tolist(), strict=True))
    assert keys == sorted(keys)
    assert keys == [(day, symbol) for day in days[WINDOW - 1 : -5] for symbol in ("DOWN", "UP")]
    assert {len(getattr(samples, field.name)) for field in fields(samples) if field.name != "frame"} == {len(keys)}


def test_a_symbol_with_too_few_bars_gives_no_sample() -> None:
    """A window and a horizon are the least; one bar fewer is no sample, and no error."""
    random = np.random.default_rng(3)
    enough = market("NEW", random.normal(0, 0.02, WINDOW + 5))

    assert len(build_samples(enough, LabelRule(horizon_bars=5))) == 1
    assert len(build_samples(enough[:-1], LabelRule(horizon_bars=5))) == 0
    assert len(build_samples([], LabelRule())) == 0
