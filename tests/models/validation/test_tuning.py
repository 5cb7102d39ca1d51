"""Goal: tuning is nested, recorded and repeatable. Method: a learner that writes down every row it is shown, learners
that fail or lose on purpose, and a quadratic whose best parameter is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from domain.errors import InvalidValue
from models.features import Array
from models.learners.base import Classifier, Parameters, Targets
from models.samples import Samples
from models.validation import tuning
from models.validation.cross import evaluate
from models.validation.holdout import HoldOut
from models.validation.splits import Fold, inner_folds, walk_forward
from models.validation.tuning import Trial, Tuned, Tuning, tune
from tests.models.validation.cases import Constant, Logistic, Memory, Recording, Seen, Unkept, edge, numbered

MARKET = edge(days=200, seed=2, symbols="A")
FOLDS = walk_forward(MARKET, test=50, rows_min=50)


@dataclass(frozen=True)
class Target(Unkept):
    """Ignores its rows. Its probabilities are the better the nearer `x` is to 0.3; a chosen x fails or gives NaN."""

    x: float = 0.9
    fails: Callable[[float], bool] = lambda x: False
    reports: bool = False
    kind: ClassVar[str] = "target-of-tests"
    steps: ClassVar[int] = 1

    @property
    def pruned(self) -> bool:
        return self.reports

    @property
    def parameters(self) -> Parameters:
        return {"x": self.x}

    def fit(self, rows: Array, target: Targets, weight: Array, *, seed: int, **others: Any) -> Classifier:
        if self.fails(self.x):
            raise RuntimeError(f"x is {self.x:.1f}")
        away = min(abs(self.x - 0.3), 0.9)
        if others.get("report"):
            for number in range(3):
                others["report"](number, 1.0 + away - 0.1 * number)
        return Constant(np.array([1.0, 1.0, 1.0 + 8.0 * away]) / (3.0 + 8.0 * away))

    def suggest(self, trial: Any) -> Parameters:
        return {"x": trial.suggest_float("x", 0.0, 1.0)}


def maker(**fixed: Any) -> Callable[[Parameters], Target]:
    return lambda parameters: Target(**{**fixed, **parameters})


def tuned(make: Any, **others: Any) -> Tuning:
    return tune(MARKET, make, FOLDS, **{"seed": 3, "trials_max": 12} | others)


def without_seconds(trials: Sequence[Trial]) -> list[Trial]:
    return [msgspec.structs.replace(trial, seconds=0.0) for trial in trials]


def inner(samples: Samples) -> Sequence[Fold]:
    return inner_folds(samples, blocks=2, rows_min=20)


def test_the_best_parameter_is_found() -> None:
    """The first trial is the default, 0.9; after 25 the best is near 0.3, and the learner given back has it."""
    found = tuned(maker(), trials_max=25)

    assert found.trials[0].parameters == {"x": 0.9}
    assert found.best.loss == min(trial.loss for trial in found.trials if trial.loss is not None)
    assert found.best.parameters["x"] == pytest.approx(0.3, abs=0.1)
    assert found.learner.parameters == found.best.parameters
    assert len(found.trials) == 25


def test_a_trial_is_what_its_folds_say() -> None:
    """A trial's loss is the mean of its folds' log losses, worked out here from its predictions; each has its seed."""
    told: list[Trial] = []
    found = tuned(maker(), trials_max=3, on_trial=told.append)

    assert tuple(told) == found.trials
    assert [trial.number for trial in found.trials] == [0, 1, 2]
    for trial in found.trials:
        assert (trial.state, trial.seed, trial.error) == ("complete", 3, None)
        assert trial.seconds >= 0
        for fold, loss, predicted in zip(FOLDS, trial.losses, found.predictions[trial.number], strict=True):
            own = predicted[np.arange(len(fold.test)), MARKET.target[fold.test]]
            assert loss == pytest.approx(-np.log(own).mean())
        assert trial.loss == pytest.approx(sum(trial.losses) / len(FOLDS))


def test_the_same_seed_gives_the_same_trials() -> None:
    """Twice the same: parameters, losses, states and predictions, with pruning; another seed proposes others."""
    first, again, other = (tuned(maker(reports=True), seed=seed) for seed in (3, 3, 4))

    assert without_seconds(first.trials) == without_seconds(again.trials)
    assert [trial.parameters for trial in first.trials[1:]] != [trial.parameters for trial in other.trials[1:]]
    assert first.predictions.keys() == again.predictions.keys()


@pytest.mark.parametrize("reports", [True, False])
def test_a_losing_trial_is_pruned_and_recorded(reports: bool) -> None:
    """After five finished trials one that is worse than their median ends: within a fit when the learner reports, after
    the first inner fold when it does not. It has no loss, cannot be the best, and stands in the record."""
    found = tuned(maker(reports=reports), trials_max=20)

    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.number >= tuning.STARTUP_TRIALS for trial in pruned)
    assert {(len(trial.losses), trial.loss) for trial in pruned} == {(0 if reports else 1, None)}
    complete = [abs(trial.parameters["x"] - 0.3) for trial in found.trials if trial.state == "complete"]
    assert np.mean([abs(trial.parameters["x"] - 0.3) for trial in pruned]) > np.mean(complete)
    assert found.predictions.keys() == {trial.number for trial in found.trials if trial.state == "complete"}


def test_a_failing_trial_is_recorded_and_the_study_goes_on() -> None:
    """Parameters above one half raise: those trials say so, by type and text, and the best is one that did not."""
    found = tuned(maker(fails=lambda x: x > 0.5))

    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert failed[0] == msgspec.structs.replace(
        failed[0], number=0, parameters={"x": 0.9}, losses=(), loss=None, error="RuntimeError: x is 0.9"
    )
    assert len(found.trials) == 12
    assert {trial.parameters["x"] > 0.5 for trial in failed} == {True}
    assert found.best.parameters["x"] <= 0.5


def test_predictions_that_are_no_probabilities_fail_the_trial() -> None:
    """A model that gives NaN has no loss; it is not taken for a good one."""

    class Broken(Logistic):
        def fit(self, *arguments: Any, **others: Any) -> Classifier:
            return Constant(np.array([np.nan, 0.5, 0.5]))

    with pytest.raises(InvalidValue, match=r"none of 2 trials was completed: InvalidValue: expected 50 rows") as caught:
        tuned(lambda parameters: Broken(**parameters), trials_max=2)
    assert caught.value.code == "TUNING_NOTHING_FINISHED"


def test_the_budget_is_kept() -> None:
    """A timeout starts no new trial: with a clock that goes on by a minute at each look, two trials fit into five."""
    minutes = iter(range(1_000))

    found = tuned(maker(), timeout_seconds=300, clock=lambda: 60.0 * next(minutes))

    assert 1 <= len(found.trials) < 12
    assert [trial.seconds for trial in found.trials] == [60.0] * len(found.trials)
    assert len(tuned(maker(), timeout_seconds=0.0).trials) == 1  # one at least, or there would be no learner
    for others in ({"trials_max": 0}, {}):
        with pytest.raises(InvalidValue, match="expected folds and trials"):
            tune(MARKET, maker(), FOLDS if others else [], seed=1, **{"trials_max": 1} | others)


def test_what_progress_raises_ends_the_study() -> None:
    """A cancelled job is no failed trial: what the caller's `progress` raises goes through, and no trial follows."""

    class Cancelled(Exception):
        pass

    told: list[Trial] = []

    def cancel(done: float) -> None:
        if told:
            raise Cancelled

    with pytest.raises(Cancelled):
        tuned(maker(), progress=cancel, on_trial=told.append)
    assert len(told) == 1


def test_the_tuner_never_sees_an_outer_test_row() -> None:
    """In nested tuning, whatever is fitted, watched or predicted before an outer fold's last fit is training of that
    fold, and what is fitted within it never meets what it is watched by."""
    samples = numbered(MARKET)
    seen = Seen()
    outer = walk_forward(samples, test=40, rows_min=100)
    per_fold: list[Seen] = []

    class Watched(Tuned):
        def __call__(self, train: Samples) -> Any:
            seen.fitted.clear(), seen.watched.clear(), seen.predicted.clear()
            learner = super().__call__(train)
            per_fold.append(Seen(list(seen.fitted), list(seen.watched), list(seen.predicted)))
            return learner

    chooser = Watched(lambda parameters: Recording(Logistic(**parameters), seen), seed=1, trials_max=2, inner=inner)
    found = evaluate(samples, chooser, outer, seed=1, draws=9)

    assert len(per_fold) == len(outer) == 2
    for fold, shown in zip(outer, per_fold, strict=True):
        assert shown.watched  # the learner reports, so it was given rows to watch
        assert shown.all <= set(fold.train.tolist())
        assert shown.all.isdisjoint(fold.test.tolist())
        for fitted, watched, predicted in zip(shown.fitted, shown.watched, shown.predicted, strict=True):
            assert fitted.isdisjoint(watched)
            assert watched == predicted
    assert [result.chosen.learner.parameters for result in found.results] == [
        study.best.parameters for study in chooser.studies
    ]


def test_nothing_of_the_hold_out_flows_into_tuning() -> None:
    """With every label, return and feature of the hold-out turned around, each trial, the parameters chosen and every
    out-of-fold probability are the same; and its rows are never shown."""
    samples = numbered(MARKET)
    first = samples.decided[160]
    held = samples.decided >= first
    frame = samples.frame.copy()
    frame[samples.row[held]] = -frame[samples.row[held]]
    turned = replace(
        samples, target=np.where(held, 2 - samples.target, samples.target), earned=-samples.earned, frame=frame
    )

    def run(market: Samples) -> tuple[list[Trial], Array, Seen]:
        seen = Seen()
        development, _ = HoldOut.split(market, first.astype(object), data="test", touches=Memory())
        outer = walk_forward(development, test=40, rows_min=80)
        chooser = Tuned(lambda parameters: Recording(Logistic(**parameters), seen), seed=1, trials_max=2, inner=inner)
        found = evaluate(development, chooser, outer, seed=1, draws=9)
        trials = [trial for study in chooser.studies for trial in without_seconds(study.trials)]
        return trials, found.out_of_fold()[1], seen

    (trials, predicted, seen), (others, other, _) = run(samples), run(turned)

    assert trials == others
    np.testing.assert_array_equal(predicted, other)
    assert max(seen.all) < 160
    assert math.isfinite(predicted.sum())
