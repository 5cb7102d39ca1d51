"""Training finds what is there, finds nothing where nothing is, and gives the same bytes twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue
from models import training
from models.classes import CLASSES
from models.features import FEATURE_NAMES
from models.labels import LabelRule
from models.marketdata import MarketBar, load_bars
from models.predictor import booster_of, decide
from models.samples import build_samples
from models.store import Thresholds
from models.training import Fitted, choose_thresholds
from tests.models.conftest import market


def test_a_planted_edge_is_found(fitted: Fitted) -> None:
    """On a market whose drift can be seen in its past, the hold-out is called far better than by the majority class."""
    found = fitted.metrics

    assert found["hold_out_accuracy"] > found["baseline_majority_accuracy"] + 0.15
    assert found["hold_out_log_loss"] < found["baseline_frequencies_log_loss"] - 0.1
    assert found["earned_after_buy_mean"] > 0.01 > -0.01 > found["earned_after_sell_mean"]


def test_permuted_labels_give_chance(planted_bars: list[MarketBar], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the labels shuffled there is nothing to find: the hold-out is called no better than by the majority class.

    Three standard errors of a share are allowed; a leak of labels into features or folds would show here.
    """
    built = build_samples(planted_bars, LabelRule())
    shuffled = replace(built, target=np.random.default_rng(5).permutation(built.target))
    monkeypatch.setattr(training, "build_samples", lambda bars, rule: shuffled)

    found = training.fit(planted_bars, LabelRule()).metrics

    majority = found["baseline_majority_accuracy"]
    error = (majority * (1 - majority) / found["hold_out_rows"]) ** 0.5
    assert found["hold_out_accuracy"] < majority + 3 * error
    assert found["hold_out_log_loss"] > found["baseline_frequencies_log_loss"] - 0.01


def test_the_same_data_gives_the_same_bytes(planted_bars: list[MarketBar], fitted: Fitted) -> None:
    """Two trainings agree byte for byte and in every number; one changed volume gives another model."""
    again = training.fit(planted_bars, LabelRule())

    assert again.model == fitted.model
    assert again.identity() == fitted.identity()
    assert (again.metrics, again.thresholds) == (fitted.metrics, fitted.thresholds)
    volume = planted_bars[0].volume + 1
    bar = MarketBar(**{f: getattr(planted_bars[0], f) for f in MarketBar.__struct_fields__} | {"volume": volume})
    changed = [bar, *planted_bars[1:]]
    assert training.fit(changed, LabelRule()).identity() != fitted.identity()


def test_the_model_is_the_one_declared(fitted: Fitted) -> None:
    """200 rounds of three trees, none deeper than 6 splits, over the declared features."""
    booster = booster_of(fitted.model)
    trees = booster.trees_to_dataframe()

    assert booster.num_boosted_rounds() == 200
    assert trees["Tree"].nunique() == 600
    assert booster.feature_names == list(FEATURE_NAMES)
    deepest = max(line.count("\t") for tree in booster.get_dump() for line in tree.splitlines())
    assert 2 <= deepest <= 6


def test_real_data_is_called_with_honest_accuracy() -> None:
    """On one real symbol the accuracy is near chance; far above it there would be a leak to hunt."""
    found = training.fit(load_bars(["IBM"], date(2000, 1, 1), date(2003, 12, 31)), LabelRule()).metrics

    assert 0.25 < found["hold_out_accuracy"] < 0.55
    assert found["hold_out_rows"] == 252 - 5  # trading days of 2003, less the horizon at its end


def test_a_model_says_what_it_was_trained_on(fitted: Fitted, planted_bars: list[MarketBar]) -> None:
    """Its range and symbols are those of the bars given, and no others."""
    assert fitted.trained_to == planted_bars[-1].date
    assert fitted.trained_from == planted_bars[0].date
    assert fitted.symbols == ("DOWN", "UP")


@pytest.mark.parametrize("count", [0, 100, 500])
def test_too_short_a_history_is_refused(count: int) -> None:
    """Without a fold year and a hold-out year that have enough before them there is a clear error."""
    bars = market("NEW", np.random.default_rng(1).normal(0, 0.02, count)) if count else []

    with pytest.raises(InvalidValue, match="at least two calendar years") as caught:
        training.fit(bars, LabelRule())

    assert caught.value.code == "TRAINING_TOO_SHORT"


def test_a_market_without_one_of_the_classes_is_refused() -> None:
    """Prices that never move are all HOLD: three classes cannot be learned from them."""
    with pytest.raises(InvalidValue, match="no sample is BUY, SELL"):
        training.fit(market("FLAT", np.zeros(900)), LabelRule())


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_thresholds_give_the_share_asked_for(share: float) -> None:
    """On the fold they were chosen from, the share of BUY and of SELL is the one wanted, or all that favour it."""
    probabilities = np.random.default_rng(2).dirichlet([2, 2, 2], 2_000)

    thresholds = choose_thresholds([probabilities], share)

    decisions = [decide(dict(zip(CLASSES, row, strict=True)), thresholds) for row in probabilities.tolist()]
    assert decisions.count("BUY") == pytest.approx(share * 2_000, abs=1)
    assert decisions.count("SELL") == pytest.approx(share * 2_000, abs=1)


def test_thresholds_are_the_median_of_the_folds() -> None:
    """One stormy fold, in which all probabilities are high, does not move the thresholds."""
    calm, other, stormy = ([[p, q, 1 - p - q]] * 10 for p, q in ((0.40, 0.30), (0.44, 0.34), (0.90, 0.05)))
    sells = [[q, p, 1 - p - q] for p, q in ((0.50, 0.10), (0.52, 0.10), (0.70, 0.10))]

    thresholds = choose_thresholds(
        [np.array([*rows, sell]) for rows, sell in zip((calm, other, stormy), sells, strict=True)]
    )

    assert thresholds == Thresholds(buy=0.44, sell=0.52)


@given(
    rows=st.lists(st.tuples(*[st.integers(1, 20)] * 3), min_size=1, max_size=20),
    buy=st.integers(0, 20),
    sell=st.integers(0, 20),
)
def test_training_and_predictor_decide_alike(rows: list[tuple[int, int, int]], buy: int, sell: int) -> None:
    """The decision that training measures with is the one that the agent takes, ties and edges included."""
    probabilities = np.array(rows, dtype=np.float64) / np.sum(rows, axis=1, keepdims=True)
    thresholds = Thresholds(buy=buy / 20, sell=sell / 20)

    measured = [CLASSES[k] for k in training._decisions(probabilities, thresholds)]

    assert measured == [decide(dict(zip(CLASSES, row, strict=True)), thresholds) for row in probabilities.tolist()]
