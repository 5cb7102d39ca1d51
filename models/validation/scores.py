"""How good probabilities and decisions are on samples that were not learned from. scikit-learn counts; this names.

A figure that these rows cannot give (the AUC of a class that none of them is) is None, and `undefined` says why: it is
never a number that looks like one. None of this says whether a figure is good: read it beside the baselines'.

Verification: tests/models/validation/test_scores.py holds the figures to small examples worked by hand.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from domain.errors import InvalidValue
from models.classes import CLASSES
from models.features import Array
from models.learners.base import Targets

ROC_POINTS_MAX = 101
RELIABILITY_BINS = 10
_LABELS = list(range(len(CLASSES)))
_NO_PROBABILITIES = "there are no probabilities, only decisions"


_SINGLE = (
    "accuracy",
    "accuracy_weighted",
    "macro_f1",
    "log_loss",
    "log_loss_weighted",
    "brier",
    "brier_weighted",
    "auc_macro",
)


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a ROC curve from (0, 0) to (1, 1): at most ROC_POINTS_MAX of them, spread over the curve's own."""

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Rows whose probability falls into one tenth: how many, their mean probability, and the share that was right."""

    rows: int
    predicted: float
    observed: float


class ModelScores(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's probabilities and decisions were worth on some rows. By class: keys are BUY, SELL and HOLD.

    rows: number of rows.
    classes: rows of each class.
    accuracy: share of rows whose decision is the class, 0 to 1.
    accuracy_weighted: the same with each row counted by its weight (label uniqueness).
    f1: 2 TP / (2 TP + FP + FN) of each class; None for a class that no row is.
    macro_f1: mean of the classes' F1; None when a class has none.
    log_loss: mean of -ln p(class), in nats; ln 3 = 1.0986 for three equal probabilities. Probabilities below 2.2e-16
        count as that.
    log_loss_weighted: the same, rows by weight.
    brier: mean over rows of the sum over classes of (p - [is the class])^2, 0 to 2; 2/3 for three equal probabilities
        (G. Brier, Monthly Weather Review 78, 1950).
    brier_weighted: the same, rows by weight.
    auc: area under the ROC curve of each class against the others: the chance that a row of the class has a higher
        probability of it than another row, ties half; 0.5 says nothing, None for a class that no row or every row is.
    auc_macro: mean of the classes' AUC; None when a class has none.
    calibration_error: of each class, the mean over rows of |share that was right - mean probability| of the row's tenth
        (expected calibration error; M. Naeini et al., AAAI 2015).
    confusion: rows by (class, decision), both in the order of CLASSES.
    roc: the ROC curve of each class that has an AUC.
    reliability: of each class, tenths of its probability that hold rows, from low to high.
    undefined: why a figure is None, by its name (`auc_SELL`).
    """

    rows: int
    classes: dict[str, int]
    accuracy: float
    accuracy_weighted: float | None
    f1: dict[str, float | None]
    macro_f1: float | None
    log_loss: float | None
    log_loss_weighted: float | None
    brier: float | None
    brier_weighted: float | None
    auc: dict[str, float | None]
    auc_macro: float | None
    calibration_error: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    roc: dict[str, Curve]
    reliability: dict[str, tuple[Bin, ...]]
    undefined: dict[str, str]

    def figures(self) -> dict[str, float | None]:
        """Every number by one flat name (`auc_BUY`), those of no class first."""
        named: dict[str, float | None] = {name: getattr(self, name) for name in _SINGLE}
        for name in ("f1", "auc", "calibration_error"):
            named |= {f"{name}_{kind}": value for kind, value in getattr(self, name).items()}
        return named


def score(
    target: Targets,
    probabilities: Array | None,
    *,
    decisions: Targets | None = None,
    weight: Array | None = None,
) -> ModelScores:
    """The scores of rows. target, decisions: (n,) indexes into CLASSES; probabilities: (n, 3); weight: (n,), from 0 on.

    decisions: None takes the likeliest class, the first of equals. probabilities: None for what only decides (buy and
    hold): the figures that need them are undefined.
    Raises InvalidValue when there are no rows, or shapes or values do not fit.
    """
    _check(target, probabilities, decisions, weight)
    if decisions is None:
        assert probabilities is not None  # _check has seen that one of them is there
        decisions = probabilities.argmax(axis=1)
    counts = np.bincount(target, minlength=len(CLASSES))
    undefined = _lacking(probabilities, weight)
    f1 = dict(_f1(target, decisions, counts, undefined))
    auc, roc = _auc(target, probabilities, counts, undefined)
    bins: dict[str, tuple[Bin, ...]] = {kind: _bins(target == k, probabilities, k) for k, kind in enumerate(CLASSES)}
    return ModelScores(
        rows=len(target),
        classes={kind: int(counts[k]) for k, kind in enumerate(CLASSES)},
        accuracy=_accuracy(target, decisions, None),
        accuracy_weighted=None if weight is None else _accuracy(target, decisions, weight),
        f1=f1,
        macro_f1=_macro("f1", f1, undefined, "macro_f1"),
        log_loss=None if probabilities is None else _loss(target, probabilities, None),
        log_loss_weighted=None if probabilities is None or weight is None else _loss(target, probabilities, weight),
        brier=None if probabilities is None else _brier(target, probabilities, None),
        brier_weighted=None if probabilities is None or weight is None else _brier(target, probabilities, weight),
        auc=auc,
        auc_macro=_macro("auc", auc, undefined, "auc_macro"),
        calibration_error={kind: _calibration_error(own) for kind, own in bins.items()},
        confusion=tuple(
            tuple(int(n) for n in line) for line in metrics.confusion_matrix(target, decisions, labels=_LABELS)
        ),
        roc=roc,
        reliability=bins,
        undefined=undefined,
    )


def log_loss(target: Targets, probabilities: Array, weight: Array | None = None) -> float:
    """`ModelScores.log_loss` alone. Raises InvalidValue as `score` does, for probabilities that are not finite too."""
    _check(target, probabilities, None, weight)
    return _loss(target, probabilities, weight)


def _check(target: Targets, probabilities: Array | None, decisions: Targets | None, weight: Array | None) -> None:
    rows = len(target)
    if rows == 0:
        raise InvalidValue("SCORES_EMPTY", "there are no rows to score")
    if probabilities is None and decisions is None:
        raise InvalidValue("SCORES_NOTHING", "expected probabilities, decisions or both; there were neither")
    for name, values in (("target", target), ("decisions", decisions)):
        if values is not None and (values.shape != (rows,) or not np.isin(values, _LABELS).all()):
            raise InvalidValue("SCORES_CLASS", f"{name}: expected {rows} indexes of {', '.join(CLASSES)}")
    if probabilities is not None:
        fits = probabilities.shape == (rows, len(CLASSES)) and np.isfinite(probabilities).all()
        if not fits or (probabilities < 0).any() or not np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-6):
            raise InvalidValue(
                "SCORES_PROBABILITIES",
                f"expected {rows} rows of {len(CLASSES)} probabilities that sum to one, the shape was "
                f"{probabilities.shape}",
            )
    if weight is not None and (
        weight.shape != (rows,) or not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any()
    ):
        raise InvalidValue("SCORES_WEIGHT", f"expected {rows} weights, finite, none below zero, one above it at least")


def _lacking(probabilities: Array | None, weight: Array | None) -> dict[str, str]:
    """Why figures are None for want of what they are made of."""
    lacking: dict[str, str] = {}
    if weight is None:
        lacking |= dict.fromkeys(("accuracy_weighted", "log_loss_weighted", "brier_weighted"), "no weights were given")
    if probabilities is None:
        names = ["log_loss", "log_loss_weighted", "brier", "brier_weighted"]
        lacking |= dict.fromkeys([*names, *(f"calibration_error_{kind}" for kind in CLASSES)], _NO_PROBABILITIES)
    return lacking


def _accuracy(target: Targets, decisions: Targets, weight: Array | None) -> float:
    return float(metrics.accuracy_score(target, decisions, sample_weight=weight))


def _f1(
    target: Targets, decisions: Targets, counts: NDArray[np.int64], undefined: dict[str, str]
) -> Iterator[tuple[str, float | None]]:
    values = metrics.f1_score(target, decisions, labels=_LABELS, average=None, zero_division=0.0)
    for k, kind in enumerate(CLASSES):
        if counts[k]:
            yield kind, float(values[k])
        else:
            undefined[f"f1_{kind}"] = f"no row is {kind}"
            yield kind, None


def _auc(
    target: Targets, probabilities: Array | None, counts: NDArray[np.int64], undefined: dict[str, str]
) -> tuple[dict[str, float | None], dict[str, Curve]]:
    areas: dict[str, float | None] = {}
    curves: dict[str, Curve] = {}
    for k, kind in enumerate(CLASSES):
        if probabilities is None or counts[k] in (0, len(target)):
            areas[kind] = None
            lacking = _NO_PROBABILITIES
            if probabilities is not None:
                lacking = f"no row is {kind}" if counts[k] == 0 else f"every row is {kind}"
            undefined[f"auc_{kind}"] = lacking
            continue
        false, true, _ = metrics.roc_curve(target == k, probabilities[:, k])
        areas[kind] = float(metrics.auc(false, true))
        shown = np.unique(np.linspace(0, len(false) - 1, min(len(false), ROC_POINTS_MAX)).round().astype(np.int64))
        curves[kind] = Curve(
            false_positive_rate=tuple(false[shown].tolist()), true_positive_rate=tuple(true[shown].tolist())
        )
    return areas, curves


def _macro(name: str, values: dict[str, float | None], undefined: dict[str, str], macro: str) -> float | None:
    """The mean of the classes' values; none when one is missing, since a mean of fewer classes is another figure."""
    known = [value for value in values.values() if value is not None]
    if len(known) == len(values):
        return float(np.mean(known))
    reasons = dict.fromkeys(undefined[f"{name}_{kind}"] for kind, value in values.items() if value is None)
    undefined[macro] = "; ".join(reasons)
    return None


def _loss(target: Targets, probabilities: Array, weight: Array | None) -> float:
    scaled = probabilities / probabilities.sum(axis=1, keepdims=True)
    return float(metrics.log_loss(target, scaled, labels=_LABELS, sample_weight=weight))


def _brier(target: Targets, probabilities: Array, weight: Array | None) -> float:
    scaled = probabilities / probabilities.sum(axis=1, keepdims=True)
    loss = metrics.brier_score_loss(target, scaled, labels=_LABELS, sample_weight=weight, scale_by_half=False)
    return float(loss)


def _bins(is_class: NDArray[np.bool_], probabilities: Array | None, k: int) -> tuple[Bin, ...]:
    if probabilities is None:
        return ()
    own = probabilities[:, k]
    tenth = np.minimum((own * RELIABILITY_BINS).astype(np.int64), RELIABILITY_BINS - 1)
    rows = np.bincount(tenth, minlength=RELIABILITY_BINS)
    predicted = np.bincount(tenth, weights=own, minlength=RELIABILITY_BINS)
    observed = np.bincount(tenth, weights=is_class, minlength=RELIABILITY_BINS)
    return tuple(
        Bin(rows=int(rows[b]), predicted=float(predicted[b] / rows[b]), observed=float(observed[b] / rows[b]))
        for b in np.flatnonzero(rows)
    )


def _calibration_error(bins: tuple[Bin, ...]) -> float | None:
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.observed - one.predicted) for one in bins) / rows if rows else None
