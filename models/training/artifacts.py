"""The files of a training's run: plots, the scores whole, and every trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from models.engine.predictor import predictor
from models.features import FEATURE_NAMES
from models.registry.fitted import Fitted
from models.training import plots
from models.training.measures import Looked
from models.validation.cross import Evaluation
from models.validation.leak_report import LeakReport
from models.validation.search import SearchReport
from models.validation.tuning import Tuning

EXPLAINED_ROWS_MAX = 500


def files(
    fitted: Fitted,
    evaluation: Evaluation,
    looked: Looked,
    studies: Sequence[Tuning],
    search: SearchReport | None,
    hunted: Mapping[str, LeakReport],
) -> Mapping[str, bytes]:
    """Content by name."""
    names = [result.fold.name for result in evaluation.results]
    found = {
        "plots/confusion_hold_out.png": plots.confusion(looked.decided, "hold-out, after the thresholds"),
        "plots/roc_hold_out.png": plots.roc(looked.scores, "hold-out"),
        "plots/reliability_hold_out.png": plots.reliability(looked.scores, "hold-out"),
        "plots/roc_folds.png": plots.roc_over_folds([result.scores for result in evaluation.results]),
        "plots/log_loss_folds.png": plots.folds_against(names, _series(evaluation, "log_loss"), "log loss, nats"),
        "plots/accuracy_folds.png": plots.folds_against(names, _series(evaluation, "accuracy"), "accuracy"),
        "scores/folds.json": _json({result.fold.name: result.scores for result in evaluation.results}),
        "scores/folds_summary.json": _json(evaluation.summary),
        "scores/baselines_summary.json": _json(evaluation.baselines),
        "scores/hold_out.json": _json(looked.scores),
        "scores/hold_out_decided.json": _json(looked.decided),
        "scores/chance.json": _json(evaluation.chance),
    }
    if studies:
        found["trials.json"] = _json([study.trials for study in studies])
        found["search.json"] = _json(search)
    for name, report in hunted.items():
        found[f"leak_hunt_{name}.md"] = report.markdown().encode()
    model = predictor(fitted.meta("", "0", ""), fitted.model)
    contributions = model.contributions(looked.samples.rows(fitted.steps)[:EXPLAINED_ROWS_MAX])
    if contributions is not None:
        found["plots/importance.png"] = plots.importance(FEATURE_NAMES, contributions, "hold-out")
    return found


def _series(evaluation: Evaluation, figure: str) -> dict[str, Sequence[float]]:
    """A figure over the folds: the model's, then each baseline's; NaN where it is not defined."""
    named = {"model": [result.scores for result in evaluation.results]}
    for baseline in evaluation.results[0].baselines:
        named[baseline] = [result.baselines[baseline] for result in evaluation.results]
    series = {
        name: [np.nan if getattr(one, figure) is None else float(getattr(one, figure)) for one in scores]
        for name, scores in named.items()
    }
    return {name: values for name, values in series.items() if not np.isnan(values).all()}


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
