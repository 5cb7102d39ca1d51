"""Goal: out-of-fold figures are out of fold, baselines included. Method: learners that write down what they are shown,
markets whose edge is known, and labels changed where nothing may look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from domain.errors import InvalidValue
from models.classes import BUY, HOLD, SELL
from models.features import Array
from models.learners.base import Targets
from models.registry.meta import Thresholds
from models.samples import Samples
from models.validation import baselines
from models.validation.baselines import permuted
from models.validation.chance import chance_test
from models.validation.cross import Evaluation, evaluate
from models.validation.scores import score
from models.validation.splits import Fold, combinatorial_purged, inner_folds, walk_forward
from tests.models.validation.cases import (
    Frequencies,
    Logistic,
    Recording,
    Row,
    Seen,
    edge,
    numbered,
    samples_of,
    weekdays,
)

MARKET = edge(days=320, seed=1, strength=1.6)
FOLDS = walk_forward(MARKET, test=80, rows_min=100)


def inner(samples: Samples) -> Sequence[Fold]:
    return inner_folds(samples, blocks=2, rows_min=30)


@dataclass(frozen=True)
class Flatter:
    """A calibration that mixes a share of the training's own frequencies in."""

    frequencies: Array

    def apply(self, probabilities: Array) -> Array:
        return 0.5 * probabilities + 0.5 * self.frequencies


def flatter(probabilities: Array, target: Targets, weight: Array) -> Flatter:
    return Flatter(np.bincount(target, weights=weight, minlength=3) / weight.sum())


def medians(predicted: Sequence[Array]) -> Thresholds:
    together = np.concatenate(predicted)
    return Thresholds(buy=float(np.median(together[:, BUY])), sell=float(np.median(together[:, SELL])))


def evaluated(samples: Samples, **others: object) -> Evaluation:
    arguments = {"seed": 7, "baselines": {"majority": Frequencies()}, "inner": inner, "draws": 199} | others
    return evaluate(samples, Logistic(), FOLDS, **arguments)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain() -> Evaluation:
    """The market with the known edge, evaluated as it is."""
    return evaluated(MARKET)


def test_a_known_edge_is_found_beside_its_baselines(plain: Evaluation) -> None:
    """Where feature 0 says the class under noise, the model beats the majority class and its own permuted self, and the
    chance test says so; buy and hold is right as often as the label is BUY."""
    found = plain

    accuracy, majority = found.summary["accuracy"], found.baselines["majority"]["accuracy"]
    shuffled, held = found.baselines["permuted"]["accuracy"], found.baselines["buy_and_hold"]["accuracy"]
    assert (accuracy.folds, len(found.results)) == (3, 3)
    assert accuracy.low is not None
    assert majority.mean is not None
    assert shuffled.mean is not None
    assert accuracy.low > majority.mean + 0.05
    assert shuffled.mean < majority.mean + 0.05
    assert held.mean == pytest.approx(np.mean([(MARKET.target[fold.test] == BUY).mean() for fold in FOLDS]))
    assert found.chance.p_value == 0.005
    assert found.chance.log_loss < found.chance.log_loss_by_chance


def test_without_an_edge_nothing_is_found() -> None:
    """Features that say nothing of the class: no better than the majority class, and as chance would have it."""
    found = evaluated(edge(days=320, seed=3, strength=0.0))

    assert found.summary["accuracy"].mean == pytest.approx(found.baselines["majority"]["accuracy"].mean, abs=0.05)
    assert found.chance.p_value > 0.05


def test_a_fold_is_fitted_on_its_training_rows_alone() -> None:
    """The learner is shown, in fold after fold: inner training rows, inner test rows, all training rows, the test rows;
    no test row of a fold is among what is fitted or predicted before it."""
    seen = Seen()
    samples = numbered(MARKET)

    found = evaluate(
        samples, Recording(Logistic(), seen), FOLDS, seed=7, calibrate=flatter, choose_thresholds=medians, inner=inner
    )

    per_fold = len(seen.fitted) // len(FOLDS)
    assert per_fold == 4  # two inner folds, the model, the permuted model
    for number, fold in enumerate(FOLDS):
        fitted = seen.fitted[number * per_fold : (number + 1) * per_fold]
        *before, last, last_of_permuted = seen.predicted[number * per_fold : (number + 1) * per_fold]
        train, test = set(fold.train.tolist()), set(fold.test.tolist())

        assert all(rows <= train for rows in fitted)
        assert fitted[-2] == fitted[-1] == train
        assert all(rows < train for rows in before)
        assert last == last_of_permuted == test
    assert len(found.results) == 3


@pytest.mark.parametrize("number", range(len(FOLDS)))
def test_labels_from_the_test_block_on_change_no_prediction(number: int) -> None:
    """Calibration, thresholds and model of a fold come from its training rows: with every label from its first test day
    on turned around, its probabilities and decisions are the same to the last bit; its scores are not."""
    fold = FOLDS[number]
    later = MARKET.decided >= np.datetime64(fold.spans[0].first)
    turned = replace(MARKET, target=np.where(later, (MARKET.target + 1) % 3, MARKET.target))

    before, after = (
        evaluate(market, Logistic(), [fold], seed=7, calibrate=flatter, choose_thresholds=medians, inner=inner)
        for market in (MARKET, turned)
    )

    np.testing.assert_array_equal(before.results[0].probabilities, after.results[0].probabilities)
    np.testing.assert_array_equal(before.results[0].decisions, after.results[0].decisions)
    assert before.results[0].chosen.thresholds == after.results[0].chosen.thresholds
    assert before.results[0].scores != after.results[0].scores


def test_calibration_and_thresholds_are_used(plain: Evaluation) -> None:
    """The calibrated probabilities are half the inner frequencies, and decisions follow the thresholds found inside."""
    found = evaluated(MARKET, calibrate=flatter, choose_thresholds=medians)

    for raw, result in zip(plain.results, found.results, strict=True):
        train = MARKET.where(result.fold.train)
        watched = np.concatenate([train.target[fold.test] for fold in inner(train)])
        frequencies = np.bincount(watched, minlength=3) / len(watched)
        np.testing.assert_allclose(result.probabilities, 0.5 * raw.probabilities + 0.5 * frequencies)
        thresholds = result.chosen.thresholds
        assert thresholds is not None
        expected = [
            BUY if buy > sell and buy >= 1 else SELL if sell > buy and sell >= 1 else HOLD
            for buy, sell in result.probabilities[:, :2] / [thresholds.buy, thresholds.sell]
        ]
        assert result.decisions.tolist() == expected
        assert (result.decisions != result.probabilities.argmax(axis=1)).any()
        assert result.scores.accuracy == (result.decisions == MARKET.target[result.fold.test]).mean()


def test_the_same_arguments_give_the_same_numbers(plain: Evaluation) -> None:
    """Twice the same seed: the same figures; another seed changes what is drawn (permuted labels) and only that."""
    first, again, other = plain, evaluated(MARKET), evaluated(MARKET, seed=8)

    assert (first.summary, first.baselines, first.chance) == (again.summary, again.baselines, again.chance)
    assert first.summary == other.summary
    assert first.baselines["permuted"] != other.baselines["permuted"]
    assert first.baselines["majority"] == other.baselines["majority"]


def test_the_learner_may_be_chosen_within_each_fold() -> None:
    """A function in place of a learner is asked once a fold, is given the training samples alone, and is obeyed."""
    asked: list[Samples] = []

    def choose(train: Samples) -> Logistic:
        asked.append(train)
        return Logistic(strength=float(len(asked)))

    found = evaluate(MARKET, choose, FOLDS, seed=7)

    assert [len(part) for part in asked] == [len(fold.train) for fold in FOLDS]
    assert [result.chosen.learner.parameters for result in found.results] == [{"strength": n} for n in (1.0, 2.0, 3.0)]


def test_out_of_fold_rows_come_in_order_and_once(plain: Evaluation) -> None:
    """The test rows of all folds, each once; combinatorial folds test rows again and again, and are to be taken path by
    path."""
    positions, probabilities, decisions = plain.out_of_fold()

    assert positions.tolist() == sorted({int(i) for fold in FOLDS for i in fold.test})
    assert probabilities.shape == (len(positions), 3)
    np.testing.assert_array_equal(decisions, probabilities.argmax(axis=1))

    folds, paths = combined = combinatorial_purged(MARKET, groups=4, test_groups=2, rows_min=50)
    again = evaluate(MARKET, Frequencies(), folds, seed=7)
    with pytest.raises(InvalidValue, match="one path"):
        again.out_of_fold()
    assert paths.shape == (3, len(MARKET))
    along = combined.path(0, [result.probabilities for result in again.results])
    assert score(MARKET.target, along).rows == len(MARKET)


def test_a_training_part_that_a_learner_refuses_is_named() -> None:
    """The error of a learner says which fold it was; no fold at all is an error too."""

    class Refusing(Frequencies):
        def fit(self, *arguments: object, **others: object) -> object:
            raise InvalidValue("TRAINING_CLASS_MISSING", "no sample is SELL", count="0")

    with pytest.raises(InvalidValue, match=f"fold {FOLDS[0].name}: no sample is SELL") as caught:
        evaluate(MARKET, Refusing(), FOLDS, seed=7)
    assert (caught.value.code, caught.value.details) == ("TRAINING_CLASS_MISSING", {"count": "0"})
    with pytest.raises(InvalidValue, match="no folds"):
        evaluate(MARKET, Frequencies(), [], seed=7)


def test_permuted_labels_keep_their_frequencies() -> None:
    """A shuffle by seed: the same labels in another order, the same order for the same seed."""
    shuffled = permuted(MARKET.target, 5)

    np.testing.assert_array_equal(np.sort(shuffled), np.sort(MARKET.target))
    assert (shuffled != MARKET.target).any()
    np.testing.assert_array_equal(shuffled, permuted(MARKET.target, 5))


def test_a_baseline_that_is_told_the_labels_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: were labels not permuted, the permuted baseline would score as the model does, far above chance."""
    monkeypatch.setattr(baselines, "permuted", lambda target, seed: target)

    found = evaluated(MARKET)

    assert found.baselines["permuted"]["accuracy"].mean == found.summary["accuracy"].mean


def shifts_by_hand(target: Targets, costs: Array) -> list[float]:
    return [float(costs[np.arange(len(target)), np.roll(target, -k)].sum()) for k in range(1, len(target))]


def test_the_chance_test_shifts_labels_as_a_ring() -> None:
    """One symbol, five rows: the mean over many draws is the mean over the four shifts, and the p-value the share of
    those that cost no more, as counted here."""
    calendar = weekdays(8)
    target = [BUY, BUY, SELL, HOLD, HOLD]
    samples = samples_of([Row(calendar[n], calendar[n + 1], target=kind) for n, kind in enumerate(target)])
    probabilities = np.array([[0.6, 0.2, 0.2], [0.5, 0.3, 0.2], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6], [0.1, 0.6, 0.3]])
    costs = -np.log(probabilities)
    true = float(costs[np.arange(5), target].sum())
    others = shifts_by_hand(np.array(target), costs)

    found = chance_test(samples, [whole(samples)], [probabilities], seed=1, draws=20_000)

    assert found.log_loss == pytest.approx(true / 5)
    assert found.log_loss_by_chance == pytest.approx(np.mean(others) / 5, rel=0.01)
    assert found.p_value == pytest.approx(np.mean([cost <= true + 1e-12 for cost in others]), abs=0.02)


def test_overlapping_labels_do_not_make_chance_look_small() -> None:
    """Labels and predictions that both change slowly and have nothing to do with each other: shuffling row by row would
    call one run in three significant at 5 %; shifting does not call many more than it should."""

    def slow(random: np.random.Generator) -> np.ndarray:
        return np.repeat(random.integers(0, 3, 30), 10)

    shifted = shuffled = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        calendar = weekdays(301)
        samples = samples_of([Row(calendar[n], calendar[n + 1], target=int(k)) for n, k in enumerate(slow(random))])
        probabilities = np.full((300, 3), 0.2) + 0.4 * np.eye(3)[slow(random)]
        shifted += chance_test(samples, [whole(samples)], [probabilities], seed=seed, draws=99).p_value <= 0.05
        costs = -np.log(probabilities)
        true = costs[np.arange(300), samples.target].sum()
        sums = [costs[np.arange(300), random.permutation(samples.target)].sum() for _ in range(99)]
        shuffled += (1 + sum(cost <= true for cost in sums)) / 100 <= 0.05

    assert shifted <= 8
    assert shuffled >= 12


def test_rows_that_cannot_be_shifted_are_refused() -> None:
    """One row a symbol has no other place to go: there is no chance to compare with."""
    calendar = weekdays(3)
    samples = samples_of([Row(calendar[0], calendar[1], "A"), Row(calendar[0], calendar[1], "B")])

    with pytest.raises(InvalidValue, match="nothing to shift"):
        chance_test(samples, [whole(samples)], [np.full((2, 3), 1 / 3)], seed=1)


def whole(samples: Samples) -> Fold:
    """A fold that tests every row."""
    return Fold("all", np.empty(0, dtype=np.int64), np.arange(len(samples)), ())
