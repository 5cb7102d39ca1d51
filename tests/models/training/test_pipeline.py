"""Training finds what is there, finds nothing where nothing is, and gives the same bytes twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import msgspec
import numpy as np
import pytest

from domain.errors import InvalidValue
from models import training
from models.classes import BUY, SELL
from models.labels import LabelRule
from models.marketdata import MarketBar, load_bars
from models.registry.fitted import Fitted
from models.samples import build_samples
from models.training import pipeline
from models.training.thresholds import choose_thresholds
from tests.models.conftest import SMALL, market


def test_a_planted_edge_is_found(fitted: Fitted) -> None:
    """On a market whose drift can be seen in its past, the hold-out is called far better than by the majority class."""
    found = fitted.metrics

    assert found["hold_out_accuracy"] > found["hold_out_majority_accuracy"] + 0.15
    assert found["hold_out_log_loss"] < found["hold_out_majority_log_loss"] - 0.1
    assert found["fold_log_loss_mean"] < found["fold_permuted_log_loss"] - 0.1
    assert found["fold_chance_p_value"] <= 0.01
    assert found["earned_after_buy_mean"] > 0.01 > -0.01 > found["earned_after_sell_mean"]


def test_an_accuracy_that_is_too_good_is_hunted_over_folds_and_on_the_hold_out(fitted: Fitted) -> None:
    """The planted edge is far above what markets have: both hunts are called for, by the accuracies that training
    measured, and find no structural leak.
    """
    reports = {name: text.decode() for name, text in fitted.artifacts.items() if name.startswith("leak_hunt")}

    assert reports.keys() == {"leak_hunt_folds.md", "leak_hunt_hold_out.md"}
    for name, figure in (("folds", "fold_accuracy_mean"), ("hold_out", "hold_out_accuracy")):
        text = reports[f"leak_hunt_{name}.md"]
        assert f"called for by the accuracy that training measured, {fitted.metrics[figure]:.4f}" in text
        assert text.count("**clear**") >= 3
        assert "**leak**" not in text
        assert f"{name.replace('_', '-')}: {fitted.metrics[figure]:.2%} is above" in fitted.notes["leak_hunt"]


def test_permuted_labels_give_chance(planted_bars: list[MarketBar], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the labels shuffled there is nothing to find: the hold-out is called no better than by the majority class.

    Three standard errors of a share are allowed; a leak of labels into features or folds would show here.
    """
    built = build_samples(planted_bars, LabelRule())
    shuffled = replace(built, target=np.random.default_rng(5).permutation(built.target))
    monkeypatch.setattr(pipeline, "build_samples", lambda bars, rule: shuffled)

    found = training.fit(planted_bars, SMALL).metrics

    majority = found["hold_out_majority_accuracy"]
    error = (majority * (1 - majority) / found["hold_out_rows"]) ** 0.5
    assert found["hold_out_accuracy"] < majority + 3 * error
    assert found["hold_out_log_loss"] > found["hold_out_majority_log_loss"] - 0.01


def test_the_same_data_gives_the_same_bytes(planted_bars: list[MarketBar], fitted: Fitted) -> None:
    """Two trainings agree byte for byte and in every number; one changed volume gives another model."""
    again = training.fit(planted_bars, SMALL)

    assert again.model == fitted.model
    assert again.identity() == fitted.identity()
    assert (again.metrics, again.thresholds) == (fitted.metrics, fitted.thresholds)
    volume = planted_bars[0].volume + 1
    bar = MarketBar(**{f: getattr(planted_bars[0], f) for f in MarketBar.__struct_fields__} | {"volume": volume})
    changed = [bar, *planted_bars[1:]]
    assert training.fit(changed, SMALL).identity() != fitted.identity()


def test_real_data_is_called_with_honest_accuracy() -> None:
    """On real symbols the accuracy is near chance; far above it there would be a leak to hunt."""
    fitted = training.fit(load_bars(["IBM", "MSFT"], date(2000, 1, 1), date(2003, 12, 31)), SMALL)
    found = fitted.metrics

    limit = max(0.42, found["hold_out_majority_accuracy"] + 0.05)
    assert ("hold-out" in fitted.notes["leak_hunt"]) == (found["hold_out_accuracy"] > limit)
    assert 0.25 < found["hold_out_accuracy"] < 0.55
    assert found["hold_out_rows"] == 2 * (252 - 5)  # trading days of 2003, less the horizon at its end


def test_a_model_says_what_it_was_trained_on(fitted: Fitted, planted_bars: list[MarketBar]) -> None:
    """Its range and symbols are those of the bars given, and no others."""
    assert fitted.trained_to == planted_bars[-1].date
    assert fitted.trained_from == planted_bars[0].date
    assert fitted.symbols == ("DOWN", "UP")


@pytest.mark.parametrize("count", [0, 100, 500])
def test_too_short_a_history_is_refused(count: int) -> None:
    """Without a fold year and a hold-out year that have enough before them there is a clear error."""
    bars = market("NEW", np.random.default_rng(1).normal(0, 0.02, count)) if count else []

    with pytest.raises(InvalidValue, match="training needs") as caught:
        training.fit(bars, SMALL)

    assert caught.value.code == "TRAINING_TOO_SHORT"


def test_a_market_without_one_of_the_classes_is_refused() -> None:
    """Prices that never move are all HOLD: three classes cannot be learned from them."""
    with pytest.raises(InvalidValue, match="no sample is BUY, SELL"):
        training.fit(market("FLAT", np.zeros(1_250)), SMALL)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_thresholds_give_the_share_asked_for(share: float) -> None:
    """On the fold they were chosen from, the shares that reach the thresholds are the one wanted."""
    probabilities = np.random.default_rng(2).dirichlet([2, 2, 2], 2_000)

    thresholds = choose_thresholds([probabilities], share)

    assert (probabilities[:, BUY] >= thresholds.buy).sum() == pytest.approx(share * 2_000, abs=1)
    assert (probabilities[:, SELL] >= thresholds.sell).sum() == pytest.approx(share * 2_000, abs=1)


def test_thresholds_are_the_median_of_the_folds() -> None:
    """One stormy fold, in which all probabilities are high, does not move the thresholds."""
    calm, other, stormy = (
        np.full((10, 3), row) for row in ((0.40, 0.30, 0.30), (0.44, 0.34, 0.22), (0.05, 0.90, 0.05))
    )

    thresholds = choose_thresholds([calm, other, stormy])

    assert (thresholds.buy, thresholds.sell) == (0.40, 0.34)


def test_no_plan_trains_on_what_is_held_out(planted_bars: list[MarketBar], fitted: Fitted) -> None:
    """Other prices in the last year change neither calibration nor thresholds, nor any figure of the folds."""
    year = max(bar.date for bar in planted_bars).year
    changed = [
        msgspec.structs.replace(bar, close=bar.open, high=bar.open, low=bar.open) if bar.date.year == year else bar
        for bar in planted_bars
    ]

    found = training.fit(changed, SMALL)

    assert (found.calibration, found.thresholds) == (fitted.calibration, fitted.thresholds)
    before, after = (
        {name: value for name, value in one.metrics.items() if name.startswith("fold")} for one in (fitted, found)
    )
    assert before == after
    assert found.model != fitted.model


def test_a_search_is_reported_with_what_luck_would_have_given(planted_bars: list[MarketBar]) -> None:
    """Every trial of every study is recorded; the best one's Sharpe ratio stands beside what so many trials bring."""
    plan = replace(SMALL, trials=3, folds=1, parameters={"n_estimators": 10})

    found = training.fit(planted_bars, plan)

    assert len(found.trials) == 2 * 3  # one outer fold, and all but the hold-out
    assert {trial.parameters["study"] for trial in found.trials} == {0, 1}
    assert found.metrics["search_trials"] == 3
    assert 0 <= found.metrics["search_overfitting_probability"] <= 1
    assert found.parameters["n_estimators"] == 10
    assert {"trials.json", "search.json"} <= found.artifacts.keys()


def test_combinatorial_folds_measure_the_same_market(planted_bars: list[MarketBar]) -> None:
    """Every two of six blocks are tested: fifteen folds; the edge is found there too."""
    plan = replace(SMALL, validation="combinatorial", parameters={"n_estimators": 10, "learning_rate": 0.3})

    found = training.fit(planted_bars, plan)

    assert len(found.notes["fold_names"].split(",")) == 15
    assert found.metrics["fold_log_loss_mean"] < found.metrics["fold_majority_log_loss"] - 0.05
