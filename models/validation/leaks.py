"""The hunt for leaks: what is checked when a model scores better than honest models do, whatever the reason.

Structural checks look at what a model was given, and call a leak a leak:

    intervals         no training row is a test row, no training label looks at a day that a test label looks at
    duplicates        no test row's features are, bit for bit, a training row's
    future_removed    features computed from bars up to the decision alone are those that the model was given

Statistical checks look at how models score. An honest edge can fail them, so they make suspicious and no more:

    permuted_labels   fitted on shuffled labels the model falls to chance; else it is told the answers some other way
    older_features    features one bar older lose some of the excess; a model that keeps all of it recognises the time
                      of a row rather than what the newest bar says (overlapping labels, slow features)
    single_feature    no feature alone, cut into tenths, is above the limit; one that holds the label is

Verification: tests/models/validation/test_leaks.py plants each leak and sees its check name it, and only honest data
pass the structural ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.classes import CLASSES
from models.features import FEATURE_NAMES, WINDOW, Array, Bars, compute
from models.learners.base import Learner, Targets
from models.marketdata import MarketBar
from models.samples import Samples, times
from models.validation.baselines import fit, permuted, predict
from models.validation.leak_report import EXCESS_MAX, Check, LeakReport, Verdict, accuracy_limit
from models.validation.splits import Fold

KEPT_MAX = 0.9
"""A model that keeps this share of its excess with features one bar older is suspicious."""

TRUNCATIONS = 25
"""Decisions whose features are computed again without the future."""

BINS = 10

Recompute = Callable[[str, np.datetime64], Array]
"""(symbol, time of a sample) to the features at its bar's close, in the order of FEATURES, from bars up to it alone."""


def recompute_from(bars: Sequence[MarketBar]) -> Recompute:
    """`Recompute` from bars, by models.features.compute on the last WINDOW bars up to the time."""
    by_symbol: dict[str, list[MarketBar]] = {}
    for bar in sorted(bars, key=lambda bar: bar.at_us):
        by_symbol.setdefault(bar.symbol, []).append(bar)
    clocks = {symbol: times(own) for symbol, own in by_symbol.items()}

    def recompute(symbol: str, time: np.datetime64) -> Array:
        stop = int(np.searchsorted(clocks[symbol], time, side="right"))
        return np.array(list(compute(Bars.of(by_symbol[symbol][max(0, stop - WINDOW) : stop])).values()))

    return recompute


def hunt(
    samples: Samples,
    learner: Learner,
    folds: Sequence[Fold],
    *,
    seed: int,
    recompute: Recompute | None = None,
    called_by: float | None = None,
) -> LeakReport:
    """Run every check; fits the learner three times a fold. recompute: None leaves `future_removed` out and says so.

    called_by: see LeakReport.
    """
    target = np.concatenate([samples.target[fold.test] for fold in folds])
    right = _decisions(samples, learner, folds, seed) == target
    majority = np.concatenate([_majority(samples, fold) for fold in folds]) == target
    accuracy, by_majority = float(right.mean()), float(majority.mean())
    return LeakReport(
        learner=learner.kind,
        folds=len(folds),
        rows=len(target),
        accuracy=accuracy,
        majority=by_majority,
        called_by=called_by,
        checks=(
            _intervals(samples, folds),
            _duplicates(samples, folds),
            _future_removed(samples, folds, recompute, seed),
            _permuted_labels(samples, learner, folds, seed, by_majority),
            _older_features(samples, learner, folds, seed, accuracy - by_majority, by_majority),
            _single_feature(samples, folds, by_majority),
        ),
    )


def _intervals(samples: Samples, folds: Sequence[Fold]) -> Check:
    """By marking days, not by the purge that the folds were made with."""
    calendar = np.unique(np.concatenate([samples.decided, samples.ends]))
    first, last = np.searchsorted(calendar, samples.decided), np.searchsorted(calendar, samples.ends)
    found: list[str] = []
    for fold in folds:
        change = np.zeros(len(calendar) + 1, dtype=np.int64)
        np.add.at(change, first[fold.test] + 1, 1)
        np.add.at(change, last[fold.test] + 1, -1)
        looked_at = np.concatenate([[0], np.cumsum(np.cumsum(change)[: len(calendar)] > 0)])
        meets = looked_at[last[fold.train] + 1] > looked_at[first[fold.train] + 1]
        shared = len(np.intersect1d(fold.train, fold.test))
        if meets.any() or shared:
            example = fold.train[meets][:1]
            shown = "".join(f", first {samples.symbol[i]} of {samples.decided[i]}" for i in example)
            found.append(
                f"fold {fold.name}: {int(meets.sum())} training labels look at days that test labels look at{shown}; "
                f"{shared} rows are on both sides"
            )
    return Check(
        name="intervals",
        kind="structural",
        question="Does a training label meet a test label?",
        verdict="leak" if found else "clear",
        finding="; ".join(found) if found else f"No training label of {len(folds)} fold(s) meets a test label.",
    )


def _duplicates(samples: Samples, folds: Sequence[Fold]) -> Check:
    rows = np.ascontiguousarray(samples.features)
    keys = rows.view([("", rows.dtype)] * rows.shape[1]).ravel()
    _, identity = np.unique(keys, return_inverse=True)
    found = {fold.name: fold.test[np.isin(identity[fold.test], identity[fold.train])] for fold in folds}
    count = sum(len(rows_) for rows_ in found.values())
    shown = "; ".join(
        f"fold {name}: {len(rows_)} test rows, first {samples.symbol[rows_[0]]} of {samples.decided[rows_[0]]}"
        for name, rows_ in found.items()
        if len(rows_)
    )
    return Check(
        name="duplicates",
        kind="structural",
        question="Are test rows among the training rows?",
        verdict="leak" if count else "clear",
        finding=f"The same features stand in training: {shown}."
        if count
        else "No test row's features are in training.",
    )


def _future_removed(samples: Samples, folds: Sequence[Fold], recompute: Recompute | None, seed: int) -> Check:
    verdict: Verdict = "not run"
    finding = "There were no bars to compute features from again."
    if recompute is not None:
        tested = np.unique(np.concatenate([fold.test for fold in folds]))
        chosen = np.random.default_rng(seed).permutation(tested)[:TRUNCATIONS]
        given = samples.features[chosen]
        again = np.array([recompute(str(samples.symbol[i]), samples.decided[i]) for i in chosen])
        differs = ~np.isclose(given, again, rtol=1e-9, atol=1e-12)
        worst = np.abs(given - again).max(axis=0)
        named = [f"{_feature(k)} (by up to {worst[k]:.3g})" for k in np.flatnonzero(differs.any(axis=0)).tolist()]
        verdict = "leak" if named else "clear"
        finding = (
            f"Of {len(chosen)} decisions computed again from bars up to their day alone, "
            f"{int(differs.any(axis=1).sum())} have other features{': ' if named else '.'}{', '.join(named)}"
        )
    return Check(
        name="future_removed",
        kind="structural",
        question="Do features change when the future is removed?",
        verdict=verdict,
        finding=finding,
    )


def _permuted_labels(samples: Samples, learner: Learner, folds: Sequence[Fold], seed: int, majority: float) -> Check:
    target = np.concatenate([samples.target[fold.test] for fold in folds])
    accuracy = float((_decisions(samples, learner, folds, seed, shuffled=True) == target).mean())
    chance = float(np.bincount(target, minlength=len(CLASSES)).max() / len(target))
    return Check(
        name="permuted_labels",
        kind="statistical",
        question="Does the model fall to chance on shuffled labels?",
        verdict="suspicious" if accuracy > max(chance, majority) + EXCESS_MAX else "clear",
        finding=(
            f"Fitted on shuffled labels it is right on {accuracy:.4f}; always saying the most frequent class of the "
            f"test rows would be right on {chance:.4f}, and {EXCESS_MAX} more is allowed."
        ),
    )


def _older_features(
    samples: Samples, learner: Learner, folds: Sequence[Fold], seed: int, excess: float, majority: float
) -> Check:
    """A symbol's first row, which has none before it, stays."""
    older = replace(samples, row=np.maximum(samples.row - 1, samples.first_row + learner.steps - 1))
    target = np.concatenate([samples.target[fold.test] for fold in folds])
    left = float((_decisions(older, learner, folds, seed) == target).mean()) - majority
    if excess <= EXCESS_MAX:
        verdict: Verdict = "clear"
        finding = f"The model is ahead of the majority class by {excess:.4f}: there is no excess to explain."
    else:
        verdict = "suspicious" if left >= KEPT_MAX * excess else "clear"
        finding = (
            f"The model is ahead of the majority class by {excess:.4f}, with features one bar older by {left:.4f}: it "
            f"keeps {left / excess:.0%}. From {KEPT_MAX:.0%} on it does not need the newest bar. When nearly nothing "
            "is left, all of the excess is in the newest bar: look at how its features come about."
        )
    return Check(
        name="older_features",
        kind="statistical",
        question="Does the excess stay when features are one bar older?",
        verdict=verdict,
        finding=finding,
    )


def _single_feature(samples: Samples, folds: Sequence[Fold], majority: float) -> Check:
    target = np.concatenate([samples.target[fold.test] for fold in folds])
    limit = accuracy_limit(majority)
    features = samples.features
    alone = {
        _feature(k): float(
            (np.concatenate([_binned(samples, features[:, k], fold) for fold in folds]) == target).mean()
        )
        for k in range(features.shape[1])
    }
    above = sorted((name for name, value in alone.items() if value > limit), key=lambda name: -alone[name])
    best = max(alone, key=lambda name: alone[name])
    listed = ", ".join(f"{name} {alone[name]:.4f}" for name in above)
    return Check(
        name="single_feature",
        kind="statistical",
        question="Does one feature alone predict too well?",
        verdict="suspicious" if above else "clear",
        finding=(
            f"Alone, in tenths, above the limit of {limit:.4f}: {listed}."
            if above
            else f"The best alone is {best} with {alone[best]:.4f}; the limit is {limit:.4f}."
        ),
    )


def _decisions(samples: Samples, learner: Learner, folds: Sequence[Fold], seed: int, shuffled: bool = False) -> Targets:
    """The likeliest class of all test rows, fold after fold."""
    found: list[Targets] = []
    for fold in folds:
        train = samples.where(fold.train)
        target = permuted(train.target, seed) if shuffled else None
        fitted = fit(learner, train, seed=seed, target=target)
        found.append(predict(fitted, learner, samples.where(fold.test)).argmax(axis=1))
    return np.concatenate(found)


def _majority(samples: Samples, fold: Fold) -> Targets:
    counts = np.bincount(samples.target[fold.train], weights=samples.weight[fold.train], minlength=len(CLASSES))
    return np.full(len(fold.test), counts.argmax(), dtype=np.int64)


def _binned(samples: Samples, feature: Array, fold: Fold) -> NDArray[np.int64]:
    """For each test row, the most frequent class of the training rows in the same tenth of the feature."""
    edges = np.quantile(feature[fold.train], np.linspace(0, 1, BINS + 1)[1:-1])
    train, test = np.searchsorted(edges, feature[fold.train]), np.searchsorted(edges, feature[fold.test])
    counts = np.zeros((BINS, len(CLASSES)))
    np.add.at(counts, (train, samples.target[fold.train]), samples.weight[fold.train])
    counts[counts.sum(axis=1) == 0] = counts.sum(axis=0)  # a tenth that is empty, where values repeat
    chosen: NDArray[np.int64] = counts.argmax(axis=1)[test]
    return chosen


def _feature(column: int) -> str:
    return FEATURE_NAMES[column]
