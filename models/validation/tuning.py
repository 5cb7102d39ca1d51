"""Hyper-parameters by Optuna, nested: a study sees the inner folds of one training part, never what is tested outside.

    samples ── outer fold ──► training part ── inner folds ──► study: trials, each a loss per inner fold
                    │                │                              │ best parameters
                    │                └───────────── fit ◄───────────┘
                    └── test part ────── predict ◄───┘

Give a `Tuned` to models.validation.cross.evaluate in place of a learner: it is asked once per outer fold, is handed the
training part alone, and keeps the study. A tree-structured Parzen estimator proposes (J. Bergstra et al., NeurIPS
2011), a median rule prunes: a trial whose best running mean loss is above the median of the finished trials at the same
step ends there (D. Golovin et al., Google Vizier, KDD 2017). The first trial is the learner's defaults. Every trial is
recorded, those that were pruned or failed too, because the number of trials is what a Sharpe ratio is deflated by.

The same seed gives the same trials, unless a timeout ends the study: that depends on the machine.
Verification: tests/models/validation/test_tuning.py, with a learner that writes down every row it is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
import optuna

from domain.errors import InvalidValue
from models.features import Array
from models.learners.base import Learner, Parameters, Progress
from models.samples import Samples
from models.validation.baselines import predict
from models.validation.scores import log_loss
from models.validation.splits import Fold, inner_folds

STARTUP_TRIALS = 5
"""Finished trials before any is pruned, and trials before the sampler proposes by what it has seen."""

ROUNDS_MAX = 100_000
"""Rounds that a fit may report: the steps of one inner fold. The last one is the fold's own loss."""

State = Literal["complete", "pruned", "failed"]
MakeLearner = Callable[[Parameters], Learner]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One try of hyper-parameters.

    number: from 0 on, in the order tried; 0 is the learner's defaults.
    state: complete; pruned (ended early, losing); failed (an error, or a loss that is no number).
    parameters: what was proposed; what is not named keeps its default.
    losses: log loss (weighted, nats) on each inner fold that was finished.
    loss: their mean, which the study minimises; None when the trial is not complete.
    seconds: that the trial took.
    seed: of every fit; the same for all trials, so that they differ by their parameters alone.
    error: what ended a failed trial, by type and text.
    """

    number: int
    state: State
    parameters: dict[str, Any]
    losses: tuple[float, ...]
    loss: float | None
    seconds: float
    seed: int
    error: str | None = None


@dataclass(frozen=True)
class Tuning:
    """A study. predictions: of each complete trial by number, the inner folds' (test rows, 3), for its returns."""

    trials: tuple[Trial, ...]
    best: Trial
    learner: Learner
    folds: tuple[Fold, ...]
    predictions: dict[int, tuple[Array, ...]]


def tune(
    samples: Samples,
    make: MakeLearner,
    folds: Sequence[Fold],
    *,
    seed: int,
    trials_max: int,
    timeout_seconds: float | None = None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    progress: Progress = lambda done: None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuning:
    """Search the learner's hyper-parameters. samples: a training part; folds: within it; make: models.learners.learner
    with its kind filled in.

    on_trial: told of each trial when it ends (to log it). progress: between fits; what it raises ends the study.
    timeout_seconds: no trial is started after it; the one under way is finished.
    Raises InvalidValue when there are no folds or trials, or when no trial was completed (with the first error).
    """
    if not folds or trials_max < 1:
        raise InvalidValue("TUNING_EMPTY", f"expected folds and trials, there were {len(folds)} and {trials_max}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a trial's end is told to on_trial
    study = optuna.create_study(
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    study.enqueue_trial(dict(make({}).parameters))
    started = clock()
    trials: list[Trial] = []
    predictions: dict[int, tuple[Array, ...]] = {}
    while len(trials) < trials_max and (timeout_seconds is None or clock() - started < timeout_seconds or not trials):
        attempt = _Attempt(study.ask(), samples, make, folds, seed)
        began = clock()
        attempt.run(lambda done: progress((len(trials) + done) / trials_max))
        trial = attempt.trial(clock() - began)
        study.tell(trial.number, trial.loss, state=_STATES[trial.state])
        trials.append(trial)
        if trial.state == "complete":
            predictions[trial.number] = tuple(attempt.predicted)
        on_trial(trial)
    finished = [trial for trial in trials if trial.loss is not None]
    if not finished:
        errors = [trial.error for trial in trials if trial.error is not None]
        raise InvalidValue("TUNING_NOTHING_FINISHED", f"none of {len(trials)} trials was completed: {errors[0]}")
    best = min(finished, key=lambda trial: (trial.loss, trial.number))
    return Tuning(tuple(trials), best, make(best.parameters), tuple(folds), predictions)


@dataclass
class Tuned:
    """A learner that is tuned anew within each training part: models.validation.cross takes it in place of one.

    inner: the inner folds of a training part. studies: one per part, in the order asked. The rest as in `tune`.
    """

    make: MakeLearner
    seed: int
    trials_max: int
    timeout_seconds: float | None = None
    inner: Callable[[Samples], Sequence[Fold]] = inner_folds
    on_trial: Callable[[Trial], None] = lambda trial: None
    studies: list[Tuning] = field(default_factory=list)

    def __call__(self, train: Samples) -> Learner:
        found = tune(
            train,
            self.make,
            self.inner(train),
            seed=self.seed,
            trials_max=self.trials_max,
            timeout_seconds=self.timeout_seconds,
            on_trial=self.on_trial,
        )
        self.studies.append(found)
        return found.learner


_STATES = {
    "complete": optuna.trial.TrialState.COMPLETE,
    "pruned": optuna.trial.TrialState.PRUNED,
    "failed": optuna.trial.TrialState.FAIL,
}


class _Attempt:
    """One trial under way."""

    def __init__(
        self, asked: optuna.Trial, samples: Samples, make: MakeLearner, folds: Sequence[Fold], seed: int
    ) -> None:
        self.predicted: list[Array] = []
        self._asked, self._samples, self._make, self._folds, self._seed = asked, samples, make, folds, seed
        self._parameters: Parameters = {}
        self._losses: list[float] = []
        self._state: State = "failed"
        self._error: str | None = None

    def run(self, progress: Progress) -> None:
        """Try one inner fold after another, until all are done, the pruner says so, or an error."""
        learner: Learner | None = None
        for number, fold in enumerate(self._folds):
            progress(number / len(self._folds))
            try:
                if learner is None:
                    self._parameters = self._make({}).suggest(self._asked)
                    learner = self._make(self._parameters)
                self._fold(learner, number, fold)
            except optuna.TrialPruned:
                self._state = "pruned"
                return
            except Exception as error:  # noqa: BLE001  # recorded; other parameters may work
                self._error = f"{type(error).__name__}: {error}"
                return
        self._state = "complete"

    def trial(self, seconds: float) -> Trial:
        return Trial(
            number=self._asked.number,
            state=self._state,
            parameters=dict(self._parameters),
            losses=tuple(self._losses),
            loss=float(np.mean(self._losses)) if self._state == "complete" else None,
            seconds=seconds,
            seed=self._seed,
            error=self._error,
        )

    def _fold(self, learner: Learner, number: int, fold: Fold) -> None:
        train, test = self._samples.where(fold.train), self._samples.where(fold.test)
        watching: dict[str, Any] = {}
        if learner.pruned:
            watching["watch"] = (test.rows(learner.steps), test.target, test.weight)
            watching["report"] = lambda round_, loss: self._report(
                number, min(round_, ROUNDS_MAX - 2), [*self._losses, loss]
            )
        fitted = learner.fit(train.rows(learner.steps), train.target, train.weight, seed=self._seed, **watching)
        predicted = predict(fitted, learner, test)
        self._losses.append(log_loss(test.target, predicted, test.weight))
        self.predicted.append(predicted)
        self._report(number, ROUNDS_MAX - 1, self._losses)

    def _report(self, number: int, round_: int, losses: Sequence[float]) -> None:
        """Report the mean loss so far, and end the trial if the pruner says so."""
        self._asked.report(float(np.mean(losses)), number * ROUNDS_MAX + round_)
        if self._asked.should_prune():
            raise optuna.TrialPruned
