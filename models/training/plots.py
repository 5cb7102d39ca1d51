"""The plots of a training, as PNG bytes for its run: what the numbers look like, fold by fold.

Drawn without pyplot, so that nothing global is kept. Colours: O. Okabe, K. Ito, Color universal design (2008).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from models.classes import CLASSES
from models.features import Array
from models.validation.scores import ModelScores
from models.validation.summary import mean_roc

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def confusion(scores: ModelScores, title: str) -> bytes:
    """Counts of what was decided (columns) against what came true (rows), with the share of each row."""
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(4.6, 4.2)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(CLASSES)), CLASSES)
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.set(xlabel="decided", ylabel="came true", title=title)
    return _png(figure)


def roc(scores: ModelScores, title: str) -> bytes:
    """One-vs-rest ROC of each class."""
    figure, axes = _figure(5.2, 4.6)
    for colour, (name, curve) in zip(_COLOURS, scores.roc.items(), strict=False):
        label = f"{name}: area {scores.auc[name]:.3f}"
        axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=colour, label=label)
    return _roc_png(figure, axes, title)


def roc_over_folds(scores: Sequence[ModelScores]) -> bytes:
    """The mean one-vs-rest ROC of each class over the folds, with the 95 % interval of the mean."""
    figure, axes = _figure(5.2, 4.6)
    for colour, (name, curve) in zip(_COLOURS, mean_roc(scores).items(), strict=False):
        area = float(np.trapezoid(curve.mean, curve.false_positive_rate))
        axes.plot(curve.false_positive_rate, curve.mean, color=colour, label=f"{name}: {area:.3f}, {curve.folds} folds")
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.false_positive_rate, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
    return _roc_png(figure, axes, "walk-forward folds")


def reliability(scores: ModelScores, title: str) -> bytes:
    """Of the rows with about this probability, how many came true: on the diagonal a model means what it says."""
    figure, axes = _figure(5.2, 4.6)
    for colour, (name, bins) in zip(_COLOURS, scores.reliability.items(), strict=False):
        shown = [one for one in bins if one.rows >= 10]
        errors = [1.96 * np.sqrt(one.observed * (1 - one.observed) / one.rows) for one in shown]
        said, came = [one.predicted for one in shown], [one.observed for one in shown]
        axes.errorbar(said, came, yerr=errors, color=colour, marker="o", capsize=2, label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.set(xlabel="said", ylabel="came true (95 %)", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8)
    return _png(figure)


def folds_against(names: Sequence[str], series: dict[str, Sequence[float]], what: str) -> bytes:
    """One score over the folds, the model's first, then the baselines'."""
    figure, axes = _figure(6.0, 3.6)
    for colour, (name, values) in zip(_COLOURS, series.items(), strict=False):
        axes.plot(range(len(names)), list(values), marker="o", color=colour, label=name)
    axes.set_xticks(range(len(names)), list(names))
    axes.set(ylabel=what, xlabel="fold")
    axes.legend(fontsize=8)
    return _png(figure)


def importance(names: Sequence[str], contributions: Array, title: str) -> bytes:
    """Mean absolute SHAP value of each feature over rows and classes. contributions: (n, classes, features + 1)."""
    values = np.abs(contributions[:, :, :-1]).mean(axis=(0, 1))
    order = np.argsort(values)
    figure, axes = _figure(6.0, 4.2)
    axes.barh([names[k] for k in order], values[order], color=_COLOURS[0])
    axes.set(xlabel="mean |SHAP|, in units of the margin", title=title)
    return _png(figure)


def _roc_png(figure: Figure, axes: Any, title: str) -> bytes:
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="lower right", fontsize=8)
    return _png(figure)


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})  # the same figure gives the same bytes
    return out.getvalue()
