"""What a training measured, as the flat figures that a model's description and MLflow keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.classes import BUY, HOLD, SELL
from models.features import Array
from models.learners import Learner, learner
from models.learners.base import Targets
from models.registry.fitted import TrialRecord
from models.samples import Samples
from models.validation.cross import Evaluation
from models.validation.scores import ModelScores
from models.validation.search import SearchReport
from models.validation.splits import Fold
from models.validation.summary import Interval
from models.validation.tuning import Tuning

MAJORITY, LAGGED = "majority", "lagged_logistic"
_OVER_FOLDS = ("accuracy", "macro_f1", "log_loss", "brier", "auc_macro")


@dataclass(frozen=True)
class Looked:
    """The one look at the hold-out. first: its first day; looks: by how many different plans, this one included.

    fold: what was learnt from and what was tested, as positions in all samples.

    scores: of the probabilities and the likeliest class; decided: of the decisions after the thresholds. baselines: by
    name, as scores.
    """

    first: date
    looks: int
    samples: Samples
    train_rows: int
    fold: Fold
    probabilities: Array
    decisions: Targets
    scores: ModelScores
    decided: ModelScores
    baselines: dict[str, ModelScores]


def others() -> Mapping[str, Learner]:
    """The baselines that are learners, by name."""
    return {MAJORITY: learner("majority"), LAGGED: learner("logistic")}


def metrics(evaluation: Evaluation, looked: Looked, search: Mapping[str, float | None]) -> dict[str, float]:
    """Every figure by name; one that is not defined is not there.

    fold_*: mean over the walk-forward folds, and the ends of its 95 % interval. hold_out_*: of the one look. earned_*:
    what a long position earned after BUY (SELL) decisions, and after all, from entry to exit before costs.
    """
    found: dict[str, float | None] = {}
    for name in _OVER_FOLDS:
        found |= _over_folds(f"fold_{name}", evaluation.summary[name])
        for baseline, summary in evaluation.baselines.items():
            found[f"fold_{baseline}_{name}"] = summary[name].mean
    found["fold_chance_p_value"] = evaluation.chance.p_value
    found |= _hold_out(looked)
    found |= search
    return {name: float(value) for name, value in found.items() if value is not None and np.isfinite(value)}


def _over_folds(name: str, interval: Interval) -> dict[str, float | None]:
    return {f"{name}_mean": interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _hold_out(looked: Looked) -> dict[str, float | None]:
    earned, said = looked.samples.earned, looked.decisions
    found: dict[str, float | None] = {
        "train_rows": float(looked.train_rows),
        "hold_out_rows": float(len(looked.samples)),
        "hold_out_looks": float(looked.looks),
    }
    for name in _OVER_FOLDS:
        found[f"hold_out_{name}"] = getattr(looked.scores, name)
        for baseline, scores in looked.baselines.items():
            found[f"hold_out_{baseline}_{name}"] = getattr(scores, name)
    found["hold_out_decided_accuracy"] = looked.decided.accuracy
    for direction, k in (("buy", BUY), ("sell", SELL), ("hold", HOLD)):
        found[f"hold_out_share_{direction}"] = float((said == k).mean())
    for direction, k in (("buy", BUY), ("sell", SELL)):
        chosen = earned[said == k]
        found[f"earned_after_{direction}_mean"] = float(chosen.mean()) if len(chosen) else None
    found["earned_always_mean"] = float(earned.mean())
    return found


def search_figures(search: SearchReport | None) -> dict[str, float | None]:
    """Of the search in all that is known but the hold-out: how much of its best trial's Sharpe ratio is luck."""
    if search is None:
        return {}
    found: dict[str, float | None] = {"search_trials": float(len(search.sharpes))}
    if search.deflated is not None:
        found["search_trials"] = float(search.deflated.trials)
        found["search_sharpe"] = search.deflated.sharpe
        found["search_sharpe_variance"] = search.deflated.variance
        found["search_expected_maximum_sharpe"] = search.deflated.expected_maximum
        found["search_deflated_sharpe_probability"] = search.deflated.probability
    if search.overfitting is not None:
        found["search_overfitting_probability"] = search.overfitting.probability
    return found


def trial_records(studies: Sequence[Tuning]) -> tuple[TrialRecord, ...]:
    """Every trial of every study, numbered through."""
    found: list[TrialRecord] = []
    for study, tuning in enumerate(studies):
        for trial in tuning.trials:
            losses = {f"loss_{fold}": loss for fold, loss in enumerate(trial.losses)}
            if trial.loss is not None:
                losses["loss"] = trial.loss
            parameters = {**trial.parameters, "study": study, "seed": trial.seed, "error": trial.error or ""}
            metrics = losses | {"seconds": trial.seconds}
            found.append(TrialRecord(len(found), trial.state.upper(), parameters, metrics))
    return tuple(found)
