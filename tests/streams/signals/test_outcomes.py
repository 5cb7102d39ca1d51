"""Outcomes: told by the bar that completes a signal's label, worked out by hand, and never twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from domain.catalog import catalog
from domain.market import Bar, Tick
from domain.signals import SignalGenerated, SignalOutcome
from models.engine.drift import WINDOW_ROWS
from models.engine.engine import Engine
from models.features import WINDOW
from models.labels import LabelRule
from runtime.settings import Settings
from streams.signals.decider import SignalsDecider
from streams.signals.judge import StoredJudges
from streams.signals.scores import accuracy, calibration_error
from tests.streams.signals.conftest import StoreModel, unmoved
from tests.streams.signals.test_signals_decider import feed, request, tick

HORIZON = 3
RULE = LabelRule(horizon_bars=HORIZON, threshold=0.02, cost_bps=0.0)


@pytest.fixture
def decider(tmp_path: Path, store_model: StoreModel) -> SignalsDecider:
    store_model(tmp_path, "1", label=RULE)
    settings = Settings(_env_file=None, tape_home=tmp_path, model_refresh_ms=0)
    return SignalsDecider(catalog(["AAPL", "MSFT"]), StoredJudges(settings, Engine(settings)), 100_000)


def priced(number: int, opened: str, closed: str) -> Tick:
    """A bar with these prices, at market time `number` seconds."""
    first, last = Decimal(opened), Decimal(closed)
    bar = Bar(open=first, high=max(first, last), low=min(first, last), close=last, volume=Decimal(1000))
    return Tick(symbol="AAPL", market_time_us=number * 1_000_000, price=last, volume=Decimal(10), bar=bar)


def test_the_bar_that_completes_a_label_tells_the_outcome(decider: SignalsDecider) -> None:
    """Decided at bar t, entered at the open of t + 1 at 100, left at the close of t + 3 at 103: 3 % is a BUY."""
    feed(decider, [tick(number) for number in range(1, WINDOW)])
    said, *between, told = feed(
        decider,
        [
            priced(200, "50", "60"),
            priced(201, "100", "90"),
            priced(202, "90", "80"),
            priced(203, "80", "103"),
        ],
        first=WINDOW,
    )

    assert isinstance(said, SignalGenerated)
    assert said.abstained is None
    assert [signal.outcomes for signal in (said, *between)] == [(), (), ()]
    assert told.outcomes == (
        SignalOutcome(
            signal_id=said.signal_id,
            model_name="signals",
            model_version="1",
            direction=said.direction,
            probabilities=said.probabilities,
            realised="BUY",
            entry_price=Decimal(100),
            exit_price=Decimal(103),
            market_time_us=200_000_000,
        ),
    )


@pytest.mark.parametrize(("closed", "realised"), [("102", "BUY"), ("101.9", "HOLD"), ("98.1", "HOLD"), ("98", "SELL")])
def test_what_would_have_been_right(decider: SignalsDecider, closed: str, realised: str) -> None:
    """By the model's own rule: two percent either way from the next open."""
    feed(decider, [tick(number) for number in range(1, WINDOW)])
    *_, told = feed(
        decider,
        [priced(200, "50", "60"), priced(201, "100", "90"), priced(202, "90", "80"), priced(203, "80", closed)],
        first=WINDOW,
    )

    assert [outcome.realised for outcome in told.outcomes] == [realised]


def test_each_signal_has_one_outcome_and_none_that_abstained(decider: SignalsDecider) -> None:
    """Over a long run: every opinion of a bar a horizon ago, once, in order; warm-up bars and requests have none."""
    made: list[Any] = feed(decider, [tick(number) for number in range(1, WINDOW + 20)])
    asked = feed(decider, [request(1)])
    made += feed(decider, [tick(number) for number in range(WINDOW + 20, WINDOW + 40)], first=WINDOW + 19)

    opinions = [signal.signal_id for signal in made if signal.abstained is None]
    told = [outcome.signal_id for signal in made for outcome in signal.outcomes]
    assert told == opinions[:-HORIZON]
    assert asked[0].outcomes == ()
    assert asked[0].signal_id not in told


def test_a_promoted_model_s_predecessor_is_judged_by_its_own_rule(
    decider: SignalsDecider, tmp_path: Path, store_model: StoreModel
) -> None:
    """After a promotion the old model's signals still get outcomes, over the horizon that they were made for."""
    feed(decider, [tick(number) for number in range(1, WINDOW)])
    (old,) = feed(decider, [tick(200)], first=WINDOW)
    store_model(tmp_path, "2", label=LabelRule(horizon_bars=1, threshold=0.02, cost_bps=0.0))
    made = feed(decider, [tick(number) for number in range(201, 205)], first=WINDOW + 1)

    assert [signal.model_version for signal in made] == ["2"] * 4
    told = [[(one.signal_id, one.model_version) for one in signal.outcomes] for signal in made]
    new = [signal.signal_id for signal in made]
    assert told == [[], [(new[0], "2")], [(old.signal_id, "1"), (new[1], "2")], [(new[2], "2")]]


def test_accuracy_and_calibration_are_exported_by_model_and_symbol(decider: SignalsDecider) -> None:
    """The gauges hold the share that was foretold among the newest outcomes, and how far probabilities were off."""
    made = feed(decider, [tick(number) for number in range(1, WINDOW + 30)])
    told = [outcome for signal in made for outcome in signal.outcomes]
    labels = {"model": "signals/1", "symbol": "AAPL"}

    right = sum(one.direction == one.realised for one in told)
    assert REGISTRY.get_sample_value("model_accuracy", labels) == pytest.approx(right / len(told))
    off = max(
        abs(sum(one.probabilities[k] for one in told) - sum(one.realised == k for one in told)) / len(told)
        for k in ("BUY", "SELL", "HOLD")
    )
    assert REGISTRY.get_sample_value("model_calibration_error", labels) == pytest.approx(off)


def test_a_calibrated_model_has_no_error() -> None:
    """Two outcomes of four, at probabilities of one half each: nothing is off; and half of them were foretold."""
    outcomes = [
        SignalOutcome(
            signal_id=str(k),
            model_name="m",
            model_version="1",
            direction="BUY",
            probabilities={"BUY": 0.5, "SELL": 0.5, "HOLD": 0.0},
            realised="BUY" if k % 2 else "SELL",
            entry_price=Decimal(1),
            exit_price=Decimal(1),
            market_time_us=k,
        )
        for k in range(4)
    ]

    assert (accuracy(outcomes), calibration_error(outcomes)) == (0.5, 0.0)


def test_a_model_that_is_too_old_or_out_of_its_market_abstains(tmp_path: Path, store_model: StoreModel) -> None:
    """HOLD with the reason, the features that were seen, and no probabilities; nothing waits for an outcome then."""
    store_model(tmp_path, "1", label=RULE, trained_to="1969-12-01")
    settings = Settings(_env_file=None, tape_home=tmp_path)
    old = SignalsDecider(catalog(["AAPL"]), StoredJudges(settings, Engine(settings)), 10)

    made = feed(old, [tick(number) for number in range(1, WINDOW + 10)])

    assert {(one.abstained, one.direction) for one in made[WINDOW - 1 :]} == {("model_stale", "HOLD")}
    assert all(one.features and set(one.probabilities.values()) == {0.0} for one in made[WINDOW - 1 :])
    assert [outcome for one in made for outcome in one.outcomes] == []


def test_features_unlike_those_of_training_make_it_abstain(tmp_path: Path, store_model: StoreModel) -> None:
    """With a reference that the bars do not resemble, it speaks until the window of drift is full, then abstains."""
    tight = unmoved()
    baselines = {name: msgspec.structs.replace(one, limit=1e-6) for name, one in tight.baselines.items()}
    store_model(tmp_path, "1", reference=msgspec.structs.replace(tight, baselines=baselines))
    settings = Settings(_env_file=None, tape_home=tmp_path)
    decider = SignalsDecider(catalog(["AAPL"]), StoredJudges(settings, Engine(settings)), 100_000)

    made = feed(decider, [tick(number) for number in range(1, WINDOW + WINDOW_ROWS + 5)])

    said = [one.abstained for one in made[WINDOW - 1 :]]
    assert said == [None] * WINDOW_ROWS + ["model_drifted"] * 5
    assert REGISTRY.get_sample_value("model_drift_ratio", {"symbol": "AAPL"}) > 1  # type: ignore[operator]
