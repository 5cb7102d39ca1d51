"""Out-of-fold evaluation: fit on each fold's training part, predict its test part, score it beside the baselines.

Whatever is fitted is fitted within the fold: the model, a calibration of its probabilities, decision thresholds, and,
when the learner itself is chosen (models.validation.tuning), its hyper-parameters. Calibration and thresholds come from
predictions of inner folds, walk-forward within the training part and purged like the outer ones; then the model is
fitted on the whole training part. Nothing reads a test row's label but the scores. (A scaler is part of a learner.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from domain.errors import InvalidValue
from models.decisions import decide
from models.features import Array
from models.learners.base import Learner, Progress, Targets
from models.registry.meta import Thresholds
from models.samples import Samples
from models.validation.baselines import baseline_scores, fit, predict
from models.validation.chance import DRAWS, ChanceTest, chance_test
from models.validation.scores import ModelScores, score
from models.validation.splits import Fold, inner_folds
from models.validation.summary import Interval, summary


class Calibration(Protocol):
    """A map from probabilities to probabilities: (n, 3) to (n, 3), rows summing to one."""

    def apply(self, probabilities: Array) -> Array: ...


FitCalibration = Callable[[Array, Targets, Array], Calibration]
"""(probabilities, target, weight) of rows that were not learned from. See models.learners.calibration."""

ChooseThresholds = Callable[[Sequence[Array]], Thresholds]
"""Thresholds from the probabilities of one or more inner folds."""

ChooseLearner = Callable[[Samples], Learner]
"""The learner for a training part, chosen by that part alone."""

InnerFolds = Callable[[Samples], Sequence[Fold]]


@dataclass(frozen=True)
class Chosen:
    """All that a decision needs beside the fitted model, from one training part."""

    learner: Learner
    calibration: Calibration | None
    thresholds: Thresholds | None


@dataclass(frozen=True)
class Recipe:
    """How to get from a training part to decisions. What is None is left out."""

    learner: Learner | ChooseLearner
    calibrate: FitCalibration | None = None
    choose_thresholds: ChooseThresholds | None = None
    inner: InnerFolds = inner_folds

    def choose(self, train: Samples, *, seed: int) -> Chosen:
        """From one training part alone; its inner folds are fitted when calibration or thresholds are asked for."""
        learner = self.learner(train) if callable(self.learner) else self.learner
        if self.calibrate is None and self.choose_thresholds is None:
            return Chosen(learner, None, None)
        watched: list[Samples] = []
        predicted: list[Array] = []
        for fold in self.inner(train):
            watched.append(train.where(fold.test))
            predicted.append(predict(fit(learner, train.where(fold.train), seed=seed), learner, watched[-1]))
        calibration = None
        if self.calibrate is not None:
            target = np.concatenate([part.target for part in watched])
            weight = np.concatenate([part.weight for part in watched])
            calibration = self.calibrate(np.concatenate(predicted), target, weight)
            predicted = [calibration.apply(part) for part in predicted]
        return Chosen(learner, calibration, self.choose_thresholds(predicted) if self.choose_thresholds else None)


@dataclass(frozen=True)
class FoldResult:
    """One fold. probabilities: (test rows, 3), after calibration; decisions: (test rows,), after the thresholds.

    seconds: that choosing, fitting and predicting took, without the baselines.
    """

    fold: Fold
    chosen: Chosen
    probabilities: Array
    decisions: Targets
    scores: ModelScores
    baselines: dict[str, ModelScores]
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """All folds. summary, baselines: intervals over folds, by figure; chance: see models.validation.chance."""

    results: tuple[FoldResult, ...]
    summary: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]
    chance: ChanceTest

    def out_of_fold(self) -> tuple[Array, Array, Targets]:
        """(positions, probabilities, decisions) of all test rows, positions ascending.

        Raises InvalidValue when a row was tested more than once (combinatorial folds): take a path.
        """
        positions = np.concatenate([result.fold.test for result in self.results])
        if len(np.unique(positions)) != len(positions):
            raise InvalidValue("FOLDS_OVERLAP", "some rows are tested in more than one fold; take one path of them")
        order = np.argsort(positions)
        probabilities = np.concatenate([result.probabilities for result in self.results])
        decisions = np.concatenate([result.decisions for result in self.results])
        return positions[order], probabilities[order], decisions[order]


def evaluate(
    samples: Samples,
    learner: Learner | ChooseLearner,
    folds: Sequence[Fold],
    *,
    seed: int,
    calibrate: FitCalibration | None = None,
    choose_thresholds: ChooseThresholds | None = None,
    inner: InnerFolds = inner_folds,
    baselines: Mapping[str, Learner] | None = None,
    draws: int = DRAWS,
    progress: Progress = lambda done: None,
) -> Evaluation:
    """Evaluate a learner, or what chooses one within each training part. The same arguments give the same numbers.

    baselines: learners by name; permuted labels and buy and hold come by themselves.
    Raises InvalidValue, the fold named, when a learner refuses a training part (a class that is missing), and when
    samples have fewer bars before them than a learner's steps (take Samples.with_steps first).
    """
    if not folds:
        raise InvalidValue("FOLDS_NONE", "there are no folds to evaluate")
    recipe = Recipe(learner, calibrate, choose_thresholds, inner)
    results: list[FoldResult] = []
    for number, fold in enumerate(folds):
        progress(number / len(folds))
        try:
            results.append(_evaluated(samples, recipe, fold, seed, baselines or {}))
        except InvalidValue as error:
            raise InvalidValue(error.code, f"fold {fold.name}: {error.text}", **error.details) from error
    progress(1.0)
    predicted = [result.probabilities for result in results]
    return Evaluation(
        results=tuple(results),
        summary=summary([result.scores for result in results]),
        baselines={name: summary([result.baselines[name] for result in results]) for name in results[0].baselines},
        chance=chance_test(samples, folds, predicted, seed=seed, draws=draws),
    )


def _evaluated(samples: Samples, recipe: Recipe, fold: Fold, seed: int, baselines: Mapping[str, Learner]) -> FoldResult:
    started = time.perf_counter()
    train, test = samples.where(fold.train), samples.where(fold.test)
    chosen = recipe.choose(train, seed=seed)
    probabilities = predict(fit(chosen.learner, train, seed=seed), chosen.learner, test)
    if chosen.calibration is not None:
        probabilities = chosen.calibration.apply(probabilities)
    decisions = decide(probabilities, chosen.thresholds)
    seconds = time.perf_counter() - started
    return FoldResult(
        fold=fold,
        chosen=chosen,
        probabilities=probabilities,
        decisions=decisions,
        scores=score(test.target, probabilities, decisions=decisions, weight=test.weight),
        baselines=baseline_scores(samples, fold, chosen.learner, baselines, seed=seed),
        seconds=seconds,
    )
