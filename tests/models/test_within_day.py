"""Bars within a day through samples, folds, leak hunt and training: the clock is another, the rules are the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidValue
from models import training
from models.features import FEATURE_NAMES, WINDOW
from models.labels import LabelRule
from models.marketdata import MarketBar
from models.marketdata.synthetic import Market, market_bars
from models.samples import Samples, build_samples
from models.training.plan import Plan
from models.validation import splits
from models.validation.leaks import hunt, recompute_from
from models.validation.splits import Fold
from tests.models.conftest import SMALL, market
from tests.models.validation.cases import Logistic, pooled
from tests.models.validation.test_leaks import with_feature

RULE = LabelRule(horizon_bars=3, threshold=0.004, cost_bps=1.0)


def hours(strength: float = 0.0, bars: int = 300, symbols: int = 2) -> list[MarketBar]:
    """Around the clock: the 24th bar of a day ends at midnight."""
    made = Market(
        strength=strength, seed=5, symbols=symbols, bars=bars, volatility=0.01, first=date(2020, 1, 1), interval_s=3_600
    )
    return market_bars(made)


def test_a_bar_that_ends_at_midnight_is_of_its_own_day() -> None:
    """Each decision and each end lies in the day of its bar; of a symbol they are as far apart as the horizon says."""
    bars = hours()
    samples = build_samples(bars, RULE)
    own = [bar for bar in bars if bar.symbol == "SYN000"]

    chosen = samples.symbol == "SYN000"
    assert samples.decided[chosen].astype("datetime64[D]").tolist() == [bar.date for bar in own[WINDOW - 1 : -3]]
    assert samples.ends[chosen].astype("datetime64[D]").tolist() == [bar.date for bar in own[WINDOW - 1 + 3 :]]
    assert (samples.ends - samples.decided == np.timedelta64(3, "h")).all()
    assert len(np.unique(samples.decided)) == chosen.sum()


@given(day=st.integers(0, 14))
def test_days_cut_hours_where_the_bars_days_end(day: int) -> None:
    """`between` and `ending_before` take what the dates of bars say, midnight included."""
    bars = hours()
    samples = build_samples(bars, RULE)
    dates = {bar.at_us - 1: bar.date for bar in bars}
    cut = date(2020, 1, 1) + timedelta(days=day)

    def of(found: Samples) -> set[tuple[str, Any]]:
        return set(zip(found.symbol.tolist(), found.decided.astype(np.int64).tolist(), strict=True))

    everything = list(zip(samples.symbol, samples.decided.astype(np.int64), samples.ends.astype(np.int64), strict=True))
    assert of(samples.ending_before(cut)) == {(str(s), d) for s, d, e in everything if dates[e] < cut}
    assert of(samples.between(cut, cut + timedelta(days=2))) == {
        (str(s), d) for s, d, e in everything if dates[d] >= cut and dates[e] <= cut + timedelta(days=2)
    }


def test_days_and_hours_together_are_refused() -> None:
    """A day is not over when its hours are: they have no order in common."""
    days = market("UP", np.zeros(WINDOW + 10), date(2020, 1, 1))

    with pytest.raises(InvalidValue, match="the first is within a day, that of UP on 2020-01-01 is a day") as refused:
        build_samples([*hours(bars=10), *days], RULE)

    assert refused.value.code == "SAMPLES_MIXED"


@settings(max_examples=60, deadline=None)
@given(samples=pooled(), groups=st.integers(2, 5), block=st.integers(1, 9), embargo=st.integers(0, 4))
def test_folds_depend_on_the_order_of_times_alone(samples: Samples, groups: int, block: int, embargo: int) -> None:
    """The same samples with their days squeezed into moments of a few days, in order, give the same folds."""
    days = np.unique(np.concatenate([samples.decided, samples.ends]))
    gaps = np.random.default_rng(len(samples)).integers(1, 9_000_000_000, len(days))
    moments = np.datetime64("2024-02-28T22:00", "us") + np.cumsum(gaps).astype("timedelta64[us]")
    within = replace(
        samples,
        decided=moments[np.searchsorted(days, samples.decided)],
        ends=moments[np.searchsorted(days, samples.ends)],
    )

    def cut(own: Samples) -> list[tuple[list[int], list[int]]]:
        found: list[Fold] = []
        try:
            found += splits.walk_forward(own, test=block, rows_min=1)
            found += splits.combinatorial_purged(own, groups=groups, test_groups=1, embargo_days=embargo, rows_min=0)[0]
        except InvalidValue as error:
            return [([], []), (list(error.code.encode()), [])]
        return [(fold.train.tolist(), fold.test.tolist()) for fold in found]

    assert cut(within) == cut(samples)


def test_features_are_computed_again_without_the_future() -> None:
    """To the hour: a feature that holds the next hour's return is named, honest ones are clear."""
    bars = hours(bars=220, symbols=1)
    samples = build_samples(bars, RULE)
    fold = Fold("all", np.arange(30), np.arange(35, len(samples)), ())
    column = FEATURE_NAMES.index("return_1")
    peeking = with_feature(samples, column, samples.frame[samples.row + 1, column])

    verdicts = {
        name: hunt(own, Logistic(), [fold], seed=1, recompute=recompute_from(bars)).check("future_removed")
        for name, own in (("honest", samples), ("peeking", peeking))
    }

    assert (verdicts["honest"].verdict, verdicts["peeking"].verdict) == ("clear", "leak")
    assert "return_1" in verdicts["peeking"].finding


def plan(**changes: Any) -> Plan:
    return replace(SMALL, label=RULE, period="month", folds=1, **changes)


@pytest.mark.parametrize("strength", [0.0, 0.6])
def test_hours_are_trained_on_by_months(strength: float) -> None:
    """Where there is an edge it is found in the hold-out month, where there is none it is not; the run says what the
    bars were.
    """
    fitted = training.fit(hours(strength, bars=24 * (31 + 29 + 31 + 30)), plan())
    found = fitted.metrics
    gained = found["hold_out_majority_log_loss"] - found["hold_out_log_loss"]

    assert (gained > 0.05) == (strength > 0)
    assert gained > -0.05
    assert {name: fitted.notes[name] for name in ("bars", "period", "fold_names", "hold_out_from")} == {
        "bars": "3600 s",
        "period": "month",
        "fold_names": "2020-03",
        "hold_out_from": "2020-04-01",
    }


def test_hours_of_one_month_are_too_few() -> None:
    """The error says which period there was, and that there are shorter ones."""
    with pytest.raises(InvalidValue, match=r"two months at least .* fall into the months \['2020-01'\]"):
        training.fit(hours(bars=24 * 20), plan())
