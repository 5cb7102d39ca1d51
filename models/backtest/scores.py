"""How often the decisions were right: confusion matrix and ROC against the labels that came true.

A decision is scored where its label is known: the label's interval ends within the period. Labels overlap, so scores
are less certain than their number of decisions says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from models.backtest.decisions import Decisions
from models.backtest.market import Market
from models.classes import CLASSES
from models.features import Array, Bars
from models.labels import LabelRule, label

ROC_POINTS_MAX = 200
LEAK_ACCURACY = 0.42
"""Honest accuracy on three classes of daily bars is 0.34 to 0.42: above it, look for a leak."""


class Roc(msgspec.Struct, frozen=True, kw_only=True):
    """One class against the others. points: (false positive rate, true positive rate), from (0, 0) to (1, 1), thinned.

    area: under all points; None with a reason where one side is missing. low, high: +- 1.96 standard errors of J. A.
    Hanley, B. J. McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 143 (1982).
    """

    direction: str
    positives: int
    points: list[tuple[float, float]]
    area: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """confusion[i][j]: decisions for class j where class i came true, both in the order of `classes`.

    accuracy: right decisions / decisions. majority: the share of the most frequent class, which always saying it gives.
    """

    classes: list[str]
    decisions: int
    confusion: list[list[int]]
    accuracy: float
    majority: float
    horizon_bars: int
    roc: list[Roc]


def scores(market: Market, decisions: Decisions, rule: LabelRule) -> Scores | None:
    """Scores of all decisions that were not abstained and whose label is known; None when there is none."""
    decided, came, odds = [], [], []
    for series in market.series:
        labels = label(Bars.of(series.bars), rule)
        known = dict(zip(labels.decided.tolist(), labels.target.tolist(), strict=True))
        for decision in decisions[series.symbol]:
            if decision.abstained is None and decision.bar in known:
                decided.append(CLASSES.index(decision.direction))
                came.append(known[decision.bar])
                odds.append(decision.probabilities)
    if not decided:
        return None
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(confusion, (came, decided), 1)
    matrix, target = np.array(odds), np.array(came)
    return Scores(
        classes=list(CLASSES),
        decisions=len(decided),
        confusion=confusion.tolist(),
        accuracy=float(np.trace(confusion) / len(decided)),
        majority=float(confusion.sum(axis=1).max() / len(decided)),
        horizon_bars=rule.horizon_bars,
        roc=[_roc(name, target == number, matrix[:, number]) for number, name in enumerate(CLASSES)],
    )


def _roc(direction: str, positive: Array, score: Array) -> Roc:
    from sklearn.metrics import auc, roc_curve

    ones, zeros = int(positive.sum()), int((~positive.astype(bool)).sum())
    if not ones or not zeros:
        reason = f"expected decisions with and without {direction} coming true, there were {ones} and {zeros}"
        return Roc(direction=direction, positives=ones, points=[], area=None, reason=reason)
    false_rate, true_rate, _ = roc_curve(positive, score)
    area = float(auc(false_rate, true_rate))
    error = _area_error(area, ones, zeros)
    return Roc(
        direction=direction,
        positives=ones,
        points=_thinned(false_rate.tolist(), true_rate.tolist()),
        area=area,
        low=max(0.0, area - 1.96 * error),
        high=min(1.0, area + 1.96 * error),
    )


def _area_error(area: float, ones: int, zeros: int) -> float:
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (ones - 1) * (q1 - area**2) + (zeros - 1) * (q2 - area**2)
    return math.sqrt(max(0.0, spread) / (ones * zeros))


def _thinned(false_rate: Sequence[float], true_rate: Sequence[float]) -> list[tuple[float, float]]:
    step = max(1, -(-len(false_rate) // ROC_POINTS_MAX))
    chosen = sorted({*range(0, len(false_rate), step), len(false_rate) - 1})
    return [(false_rate[place], true_rate[place]) for place in chosen]
