"""From bars to a model and its measure, without a trace: the same bars and plan give the same bytes.

In the order of time, with the last calendar year (or quarter, or month) of the range as hold-out:

    … years …  | fold year | fold year | fold year | hold-out year |
    fit ───────► predict       (each outer fold: tuned, calibrated and given thresholds by inner folds of its fit alone)
    fit ───────────────────────────────────────────► report, once, and counted
    fit ────────────────────────────────────────────────────────────  the model that is kept

Labels that look into what is predicted are purged before each fit (models.validation.splits). The share of days that
are to give BUY or SELL (models.training.thresholds) was chosen with the hold-out 2010's shares of signals in sight, so
what it says of signals there is in-sample; log loss does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Literal

import msgspec
import numpy as np

from domain.errors import InvalidValue
from models import marketdata
from models.decisions import decide
from models.engine import drift
from models.features import WINDOW
from models.learners import Learner, learner
from models.learners.calibration import Calibration, fit_calibration
from models.marketdata import MarketBar
from models.registry import store
from models.registry.fitted import Fitted
from models.samples import Samples, build_samples
from models.training import artifacts, measures
from models.training.code_version import code_version
from models.training.measures import Looked
from models.training.plan import Plan
from models.training.thresholds import SIGNAL_SHARE, choose_thresholds
from models.validation import baselines, cross, leaks, splits
from models.validation.cross import Chosen, Evaluation, Recipe
from models.validation.holdout import HoldOut, Touches
from models.validation.leak_report import LeakReport, accuracy_limit
from models.validation.scores import score
from models.validation.search import SearchReport, search_report
from models.validation.tuning import Tuned, Tuning

ROWS_MIN = 600
"""Samples before the first period that is tested: enough for the inner folds to have splits.TRAINING_ROWS_MIN each."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the work that is done, 0 to 1."""


def fit(
    bars: Sequence[MarketBar],
    plan: Plan,
    progress: Progress = lambda what, done: None,
    touches: Touches | None = None,
    *,
    prices: Literal["adjusted", "raw"] = "adjusted",
) -> Fitted:
    """Train and measure. touches: where looks at the hold-out are counted; None: nowhere. prices: what the bars hold.

    Raises InvalidValue when there are not at least a fold's and a hold-out's period with enough before them, or the
    plan names a kind or a parameter that is not known.
    """
    progress("computing features", 0.02)
    touches = touches or Uncounted()
    base = learner(plan.kind, plan.parameters)
    samples = build_samples(bars, plan.label).with_steps(base.steps)
    first_held = _hold_out(samples, plan)
    data = marketdata.data_hash([bar for bar in bars if bar.date >= first_held])
    known, hold_out = HoldOut.split(samples, first_held, data=data, touches=touches)
    folds = _folds(known, plan)
    tuned = _tuned(plan) if plan.trials else None
    evaluation = cross.evaluate(
        known,
        tuned or base,
        folds,
        seed=plan.seed,
        calibrate=fit_calibration,
        baselines=measures.others(),
        progress=lambda done: progress("walking forward", 0.05 + 0.55 * done),
    )
    progress("calibrating", 0.6)
    chosen = Recipe(tuned or base, fit_calibration, choose_thresholds).choose(known, seed=plan.seed)
    progress(f"hold-out {splits.name_of(first_held, plan.period)}", 0.75)
    looked = _look(samples, hold_out, chosen, plan)
    progress("fitting the final model", 0.85)
    model = baselines.fit(chosen.learner, samples, seed=plan.seed).dump()
    studies = tuple(tuned.studies) if tuned else ()
    hunted = _hunted(bars, samples, chosen.learner, folds, evaluation, looked, plan)
    search = search_report(known, studies[-1], cost_bps=plan.label.cost_bps) if studies else None
    fitted = _fitted(bars, prices, plan, samples, chosen, model, evaluation, looked, studies, search)
    return replace(
        fitted,
        notes={**fitted.notes, "leak_hunt": _verdicts(hunted)},
        artifacts=artifacts.files(fitted, evaluation, looked, studies, search, hunted),
    )


def _fitted(
    bars: Sequence[MarketBar],
    prices: Literal["adjusted", "raw"],
    plan: Plan,
    samples: Samples,
    chosen: Chosen,
    model: bytes,
    evaluation: Evaluation,
    looked: Looked,
    studies: Sequence[Tuning],
    search: SearchReport | None,
) -> Fitted:
    assert isinstance(chosen.calibration, Calibration)
    assert chosen.thresholds is not None
    used = chosen.learner
    return Fitted(
        kind=plan.kind,
        parameters=dict(used.parameters),
        steps=used.steps,
        model=model,
        calibration=chosen.calibration,
        thresholds=chosen.thresholds,
        label=plan.label,
        symbols=tuple(sorted(set(samples.symbol.tolist()))),
        prices=prices,
        trained_from=min(bar.date for bar in bars),
        trained_to=max(bar.date for bar in bars),
        data_hash=marketdata.data_hash(bars),
        code_version=code_version(plan.kind),
        reference=drift.reference(samples.features, samples.symbol),
        metrics=measures.metrics(evaluation, looked, measures.search_figures(search)),
        example=samples.rows(used.steps)[:5],
        notes={
            **{f"label_{name}": str(value) for name, value in msgspec.to_builtins(plan.label).items()},
            "window_bars": str(WINDOW),
            "signal_share": str(SIGNAL_SHARE),
            "bars": _spacing(bars),
            "period": plan.period,
            "validation": plan.validation,
            "fold_names": ",".join(result.fold.name for result in evaluation.results),
            "hold_out_from": str(looked.first),
            "trials": str(plan.trials),
            "seed": str(plan.seed),
        },
        trials=measures.trial_records(studies),
    )


class Uncounted:
    """Looks at a hold-out that nobody counts: a training that leaves no trace."""

    def touch(self, key: str, identity: str) -> int:
        return 1


def _hunted(
    bars: Sequence[MarketBar],
    samples: Samples,
    used: Learner,
    folds: Sequence[splits.Fold],
    evaluation: Evaluation,
    looked: Looked,
    plan: Plan,
) -> dict[str, LeakReport]:
    """An accuracy that is too good to be believed is looked into, and what was found is written down."""
    majority = measures.MAJORITY
    over_folds = evaluation.summary["accuracy"].mean, evaluation.baselines[majority]["accuracy"].mean
    held = looked.scores.accuracy, looked.baselines[majority].accuracy
    known = samples.ending_before(looked.first)
    recompute = leaks.recompute_from(bars)
    found: dict[str, LeakReport] = {}
    for name, accuracies, own, tested in (
        ("folds", over_folds, known, folds),
        ("hold_out", held, samples, [looked.fold]),
    ):
        accuracy, chance = accuracies
        if accuracy is not None and chance is not None and accuracy > accuracy_limit(chance):
            found[name] = leaks.hunt(own, used, tested, seed=plan.seed, recompute=recompute, called_by=accuracy)
    return found


def _verdicts(hunted: Mapping[str, LeakReport]) -> str:
    """What to read before believing the figures; empty where nothing is above the limit."""
    told: list[str] = []
    for name, report in hunted.items():
        above = f"{report.called_by:.2%} is above {report.limit:.2%}"
        told.append(f"{name.replace('_', '-')}: {above}, the hunt found it {report.verdict}")
    return "; ".join(told)


def _tuned(plan: Plan) -> Tuned:
    def make(parameters: Mapping[str, Any]) -> Learner:
        return learner(plan.kind, {**plan.parameters, **parameters})

    return Tuned(make=make, seed=plan.seed, trials_max=plan.trials)


def _folds(known: Samples, plan: Plan) -> Sequence[splits.Fold]:
    try:
        if plan.validation == "combinatorial":
            return splits.combinatorial_purged(known, rows_min=ROWS_MIN).folds
        return splits.walk_forward(known, test=plan.period, rows_min=ROWS_MIN, folds_max=plan.folds)
    except InvalidValue as error:
        raise InvalidValue(
            "TRAINING_TOO_SHORT",
            f"training needs a {plan.period} to test on, {ROWS_MIN} samples before it and a hold-out {plan.period} "
            f"after it (a sample needs {WINDOW} bars; --period has shorter ones): {error.text}",
        ) from error


def _hold_out(samples: Samples, plan: Plan) -> date:
    try:
        return splits.last_period(samples, plan.period)
    except InvalidValue as error:
        raise InvalidValue(
            "TRAINING_TOO_SHORT",
            f"training needs decisions in two {plan.period}s at least (a sample needs {WINDOW} bars): {error.text}",
        ) from error


def _spacing(bars: Sequence[MarketBar]) -> str:
    """What a bar is, for whoever reads the run."""
    first = bars[0]
    return "days" if first.end_us is None or first.start_us is None else f"{(first.end_us - first.start_us) / 1e6:g} s"


def _look(samples: Samples, hold_out: HoldOut, chosen: Chosen, plan: Plan) -> Looked:
    """The one look at the hold-out, by a model of all that came before it. It is counted before it is taken."""
    assert chosen.calibration is not None
    known = samples.ends < np.datetime64(hold_out.first)
    train = samples.where(known)
    classifier = baselines.fit(chosen.learner, train, seed=plan.seed)
    held = hold_out.open(f"{plan.kind} {store.sha256(msgspec.json.encode(plan, order='sorted'))[:16]}")
    probabilities = chosen.calibration.apply(baselines.predict(classifier, chosen.learner, held))
    decisions = decide(probabilities, chosen.thresholds)
    tested = np.flatnonzero(samples.decided >= np.datetime64(hold_out.first))
    fold = splits.Fold("hold-out", np.flatnonzero(known), tested, ())
    return Looked(
        first=hold_out.first,
        looks=hold_out.looks,
        samples=held,
        train_rows=len(train),
        probabilities=probabilities,
        fold=fold,
        decisions=decisions,
        scores=score(held.target, probabilities, weight=held.weight),
        decided=score(held.target, probabilities, decisions=decisions, weight=held.weight),
        baselines=baselines.baseline_scores(samples, fold, chosen.learner, measures.others(), seed=plan.seed),
    )
