"""Goal: the hunt names a leak that is there and calls no honest edge one. Method: leaks planted one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from models.features import FEATURE_NAMES, Array
from models.labels import LabelRule
from models.learners.base import Classifier, Parameters, Targets
from models.samples import Samples, build_samples
from models.validation.leak_report import Check, LeakReport, accuracy_limit
from models.validation.leaks import hunt, recompute_from
from models.validation.splits import Fold, walk_forward
from tests.models.conftest import planted
from tests.models.validation.cases import Fitted, Logistic, Row, Unkept, edge, numbered, samples_of, weekdays

MARKET = edge(days=260, seed=6, strength=1.5)
NOISE = edge(days=260, seed=7, strength=0.0)
FOLDS = walk_forward(MARKET, test=80, rows_min=100)
STRUCTURAL = ("intervals", "duplicates", "future_removed")


def honest(samples: Samples) -> Callable[[str, np.datetime64], Array]:
    """Features of the samples as they are: what an honest computation without the future would give again."""
    rows = {
        (str(s), d): row for s, d, row in zip(samples.symbol, samples.decided.tolist(), samples.features, strict=True)
    }
    return lambda symbol, day: rows[symbol, day.item()]


def with_feature(samples: Samples, column: int, values: Array) -> Samples:
    frame = samples.frame.copy()
    frame[samples.row, column] = values
    return replace(samples, frame=frame)


def test_an_honest_edge_is_looked_into_and_not_called_a_leak() -> None:
    """A true edge that is better than real markets have: the hunt is called for, the structural checks find nothing,
    and the one feature that carries the edge is named as suspicious, for people to look at."""
    found = hunt(MARKET, Logistic(), FOLDS, seed=1, recompute=honest(MARKET))

    assert found.called_for
    assert {found.check(name).verdict for name in STRUCTURAL} == {"clear"}
    assert found.check("permuted_labels").verdict == "clear"
    assert found.check("older_features").verdict == "clear"
    assert found.check("single_feature").verdict == "suspicious"
    assert f"{FEATURE_NAMES[0]} 0." in found.check("single_feature").finding
    assert found.verdict == "suspicious"


def test_noise_is_clear() -> None:
    """Features that say nothing: nothing called for the hunt, and every check that ran is clear."""
    found = hunt(NOISE, Logistic(), FOLDS, seed=1)

    assert not found.called_for
    assert {one.name: one.verdict for one in found.checks} == {
        "intervals": "clear",
        "duplicates": "clear",
        "future_removed": "not run",
        "permuted_labels": "clear",
        "older_features": "clear",
        "single_feature": "clear",
    }
    assert found.verdict == "clear"


def test_a_feature_that_holds_the_label_is_named() -> None:
    """Planted: one feature is the label itself, under a little noise. Alone it predicts too well; and computed without
    the future it is another, which makes it a leak. It is named by its name."""
    random = np.random.default_rng(1)
    leaked = with_feature(NOISE, 5, NOISE.target + random.normal(0, 0.1, len(NOISE)))

    found = hunt(leaked, Logistic(), FOLDS, seed=1, recompute=honest(NOISE))

    assert found.called_for
    assert found.check("single_feature").verdict == "suspicious"
    assert FEATURE_NAMES[5] in found.check("single_feature").finding
    assert found.check("future_removed").verdict == "leak"
    assert FEATURE_NAMES[5] in found.check("future_removed").finding
    assert not any(name in found.check("future_removed").finding for name in FEATURE_NAMES if name != FEATURE_NAMES[5])
    assert found.verdict == "leak"


def test_labels_that_overlap_are_named() -> None:
    """Planted: a fold that is not purged. The three training labels that reach into the test block are counted and the
    first is named; a row on both sides is counted too."""
    fold = FOLDS[0]
    first = fold.spans[0].first
    before = np.flatnonzero(MARKET.decided < np.datetime64(first))
    unpurged = Fold("unpurged", before, fold.test, fold.spans)
    both = Fold("both", np.append(before, fold.test[:1]), fold.test, fold.spans)

    found = hunt(MARKET, Logistic(), [unpurged], seed=1).check("intervals")
    shared = hunt(MARKET, Logistic(), [both], seed=1).check("intervals")

    days = sorted(set(MARKET.decided[before].tolist()))
    assert found.verdict == "leak"
    assert (
        f"fold unpurged: 4 training labels look at days that test labels look at, first A of {days[-2]}"
        in found.finding
    )
    assert "; 0 rows are on both sides" in found.finding
    assert "; 1 rows are on both sides" in shared.finding


def test_one_day_in_common_is_enough() -> None:
    """Planted: labels of 3 days; training behind the test day that shares the last day looked at alone (decided two
    days later) is named, and training decided a day later still, which shares none, is not."""
    days = np.array(sorted(set(MARKET.decided.tolist())), dtype="datetime64[D]")
    before, test = np.flatnonzero(MARKET.decided < days[100]), np.flatnonzero(MARKET.decided == days[110])

    def found(day: int) -> Check:
        behind = np.flatnonzero(MARKET.decided == days[day])
        return hunt(MARKET, Logistic(), [Fold("one", np.append(before, behind), test, ())], seed=1).check("intervals")

    assert "fold one: 2 training labels" in found(112).finding
    assert found(113).verdict == "clear"


def test_rows_that_stand_in_training_are_named() -> None:
    """Planted: a week of the test block is a copy of a week of training."""
    features = MARKET.features.copy()
    fold = FOLDS[1]
    features[fold.test[:10]] = features[fold.train[:10]]
    frame = MARKET.frame.copy()
    frame[MARKET.row] = features

    found = hunt(replace(MARKET, frame=frame), Logistic(), FOLDS, seed=1).check("duplicates")

    assert found.verdict == "leak"
    assert f"fold {fold.name}: 10 test rows, first A of {MARKET.decided[fold.test[0]]}" in found.finding


@dataclass(frozen=True)
class Cheating(Unkept):
    """Knows the label of every row by its id in feature 1, whatever it is fitted on."""

    answers: Targets
    kind: ClassVar[str] = "cheating"
    pruned: ClassVar[bool] = False
    steps: ClassVar[int] = 1
    parameters: ClassVar[Parameters] = {}

    def fit(self, rows: Array, target: Targets, weight: Array, **others: Any) -> Classifier:
        return self

    def probabilities(self, rows: Array) -> Array:
        return np.eye(3)[self.answers[rows[:, -1, 1].astype(int)]]

    def suggest(self, trial: Any) -> Parameters:
        return {}


def test_a_model_that_is_told_the_answers_does_not_fall_to_chance() -> None:
    """Planted: a learner that knows the test labels by other means is as good on shuffled ones."""
    samples = numbered(NOISE)

    found = hunt(samples, Cheating(samples.target), FOLDS, seed=1).check("permuted_labels")

    assert found.verdict == "suspicious"
    assert "it is right on 1.0000" in found.finding


@dataclass(frozen=True)
class Nearest(Logistic):
    """Says what the nearest training row in feature 1 was."""

    def fit(self, rows: Array, target: Targets, weight: Array, **others: Any) -> Classifier:
        model = KNeighborsClassifier(1).fit(rows[:, -1, 1:2], target)

        class One(Fitted):
            def probabilities(self, rows: Array) -> Array:
                return np.eye(3)[self._model.predict(rows[:, -1, 1:2])]

        return One(model)


def test_a_model_that_recognises_the_time_keeps_its_excess() -> None:
    """Planted: labels that last for ten days, test days drawn from between training days, and a feature that is the
    day. The excess does not need the newest bar, and the check says so."""
    random = np.random.default_rng(3)
    calendar = weekdays(410)
    kinds = np.repeat(random.integers(0, 3, 40), 10)
    samples = numbered(samples_of([Row(calendar[n], calendar[n + 10], target=int(kinds[n])) for n in range(400)]))
    test = np.arange(5, 400, 7)
    fold = Fold("scattered", np.setdiff1d(np.arange(400), test), test, ())

    found = hunt(samples, Nearest(), [fold], seed=1)

    assert found.accuracy > 0.8
    assert found.check("older_features").verdict == "suspicious"
    assert found.check("intervals").verdict == "leak"


def test_features_are_computed_again_from_real_bars() -> None:
    """On a market of bars, honest features are the same without the future; with one that holds the next bar's return
    planted, that one is named and no other."""
    bars = planted("UP", 1, count=190)
    samples = build_samples(bars, LabelRule(horizon_bars=2))
    fold = Fold("all", np.arange(30), np.arange(32, len(samples)), ())
    column = FEATURE_NAMES.index("return_1")
    peeking = with_feature(samples, column, samples.frame[samples.row + 1, column])

    honest_check = hunt(samples, Logistic(), [fold], seed=1, recompute=recompute_from(bars)).check("future_removed")
    check = hunt(peeking, Logistic(), [fold], seed=1, recompute=recompute_from(bars)).check("future_removed")

    assert honest_check.verdict == "clear"
    assert check.verdict == "leak"
    assert "return_1" in check.finding
    assert not any(name in check.finding for name in FEATURE_NAMES if name != "return_1")


@pytest.mark.parametrize(
    ("accuracy", "majority", "expected"),
    [(0.40, 0.34, False), (0.42, 0.34, False), (0.43, 0.34, True), (0.62, 0.60, False), (0.66, 0.60, True)],
)
def test_a_quiet_market_calls_for_no_hunt(accuracy: float, majority: float, expected: bool) -> None:
    """Where 60 % are HOLD, 0.62 is no sign of a leak and 0.66 is; where classes are even, 0.42 is the line."""
    report = LeakReport(learner="", folds=1, rows=1, accuracy=accuracy, majority=majority, checks=())

    assert report.called_for == expected
    for measured in (0.99, 0.01):  # by training itself, which weighs rows and calibrates
        by_training = msgspec.structs.replace(report, called_by=measured)
        assert by_training.called_for == (measured == 0.99)
    assert accuracy_limit(0.60) == pytest.approx(0.65)


def test_the_report_is_a_page() -> None:
    """Figures, every check with its question and verdict, and what it saw; the title is the worst verdict."""
    checks = tuple(
        Check(name=name, kind="structural", question="Why?", verdict=verdict, finding=f"{name} saw it.")
        for name, verdict in (("one", "clear"), ("two", "leak"), ("three", "not run"))
    )
    report = LeakReport(learner="lightgbm", folds=3, rows=640, accuracy=0.61, majority=0.43, checks=checks)

    page = report.markdown()

    assert page.startswith(
        "# Leak hunt: leak\n\nThe model (lightgbm) is right on 0.6100 of 640 test rows of 3 fold(s);"
    )
    assert "0.4800. The model is above it: the hunt was called for." in page
    assert "| two | structural | Why? | **leak** |" in page
    assert page.endswith("## three: not run\n\nthree saw it.\n")
    quiet = msgspec.structs.replace(report, accuracy=0.44)
    assert "nothing called for the hunt" in quiet.markdown()
