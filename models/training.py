"""Training: walk-forward folds, a hold-out year, and a final model of everything.

In the order of time, with the last calendar year of the range as hold-out:

    … years …  | fold year | fold year | fold year | hold-out year |
    fit ───────► predict       (three times: thresholds come from these predictions alone)
    fit ───────────────────────────────────────────► report
    fit ────────────────────────────────────────────────────────────  the model that is kept

Before each fit, labels that look into the predicted year are purged. Nothing is tuned: parameters, label rule and the
share of days that are to give BUY or SELL are fixed here. That share was chosen with the hold-out 2010's shares of
signals in sight (three shares, two ways to pool folds), so what it says of signals there is in-sample; accuracy and log
loss do not depend on it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec
import numpy as np
import xgboost
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models import marketdata, metrics, store
from models.classes import BUY, CLASSES, HOLD, SELL
from models.features import FEATURE_NAMES, WINDOW, Array
from models.labels import LabelRule
from models.marketdata import MarketBar
from models.samples import Samples, build_samples
from models.store import Meta, Thresholds
from runtime.settings import Settings

PARAMETERS: dict[str, Any] = {
    "objective": "multi:softprob",
    "n_estimators": 200,
    "max_depth": 6,
    "learning_rate": 0.03,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "min_child_weight": 10,
    "tree_method": "hist",
    "random_state": 20_110_103,
    "n_jobs": 1,  # sums of floats in one order: the same data gives the same bytes, whatever the machine
}
FOLD_YEARS = 3
SIGNAL_SHARE = 0.20
"""Of the days of a typical fold, the share that gives BUY, and the share that gives SELL, at the thresholds chosen."""

ROWS_MIN = 250
"""Fewer samples than these are not fitted."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the work that is done, 0 to 1."""


class Fitted(NamedTuple):
    """A model before it has a version. model: bytes of model.ubj; parameters: what MLflow is to show."""

    model: bytes
    thresholds: Thresholds
    metrics: dict[str, float]
    parameters: dict[str, str]
    symbols: tuple[str, ...]
    trained_from: date
    trained_to: date
    data_hash: str
    code_version: str
    rule: LabelRule
    example: Array

    def meta(self, name: str, version: str, run_id: str) -> Meta:
        return Meta(
            name=name,
            version=version,
            sha256=store.sha256(self.model),
            features=FEATURE_NAMES,
            window=WINDOW,
            classes=CLASSES,
            thresholds=self.thresholds,
            horizon_bars=self.rule.horizon_bars,
            symbols=self.symbols,
            trained_from=self.trained_from.isoformat(),
            trained_to=self.trained_to.isoformat(),
            data_hash=self.data_hash,
            code_version=self.code_version,
            run_id=run_id,
            metrics=self.metrics,
        )

    def identity(self) -> str:
        """SHA-256 (hex) of what decides: equal for two trainings on the same data by the same code."""
        return store.sha256(msgspec.json.encode(self.meta("", "", ""), order="sorted"))


class TrainedModel(NamedTuple):
    """A model that is registered and is what the alias means. fresh: False when this very model was there already."""

    meta: Meta
    fresh: bool


def train(
    settings: Settings,
    symbols: Sequence[str],
    first: date,
    last: date,
    progress: Progress = lambda what, done: None,
) -> TrainedModel:
    """Train on `symbols` from `first` to `last`, both included, register the model in MLflow and make it the champion.

    Raises InvalidValue for an unknown symbol or too short a range, UnavailableError when the market data or MLflow's
    server is not there.
    """
    from models import registry  # imports MLflow: seconds

    progress("reading market data", 0.0)
    fitted = fit(marketdata.load_bars(symbols, first, last), LabelRule(), progress)
    progress("registering the model", 0.85)
    trained = registry.register(settings, fitted)
    progress("done", 1.0)
    return trained


def fit(bars: Sequence[MarketBar], rule: LabelRule, progress: Progress = lambda what, done: None) -> Fitted:
    """Train and measure, without a trace: the same bars and rule give the same bytes.

    Raises InvalidValue when there are not at least a fold year and a hold-out year with enough before them.
    """
    progress("computing features", 0.05)
    samples = build_samples(bars, rule)
    folds, hold_out = _years(samples)
    thresholds, measured = _walk(samples, folds, progress)
    progress(f"hold-out {hold_out.year}", 0.5)
    measured |= _hold_out(samples, hold_out, thresholds)
    progress("fitting the final model", 0.65)
    model = _fit(samples)
    symbols = tuple(sorted(set(samples.symbol.tolist())))
    parameters = {
        **{name: str(value) for name, value in PARAMETERS.items()},
        **{f"label_{name}": str(value) for name, value in msgspec.to_builtins(rule).items()},
        "window_bars": str(WINDOW),
        "signal_share": str(SIGNAL_SHARE),
        "fold_years": ",".join(str(day.year) for day in folds),
        "hold_out_year": str(hold_out.year),
    }
    return Fitted(
        model=bytes(model.save_raw("ubj")),
        thresholds=thresholds,
        metrics=measured,
        parameters=parameters,
        symbols=symbols,
        trained_from=min(bar.date for bar in bars),
        trained_to=max(bar.date for bar in bars),
        data_hash=marketdata.data_hash(bars),
        code_version=code_version(),
        rule=rule,
        example=samples.features[:5],
    )


def code_version() -> str:
    """SHA-256 (hex) over the sources that decide what a model is, and the versions of the libraries they use."""
    digest = hashlib.sha256()
    for module in ("marketdata", "features", "labels", "samples", "training"):
        digest.update(importlib.resources.files("models").joinpath(f"{module}.py").read_bytes())
    for package in ("xgboost", "ta-lib", "numpy"):
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    return digest.hexdigest()


def choose_thresholds(folds: Sequence[Array], share: float = SIGNAL_SHARE) -> Thresholds:
    """The median over the folds of the threshold at which `share` of the fold's rows would be BUY (SELL).

    The median, so that one stormy year, in which all probabilities are high, does not silence the model in calm ones.
    """
    buys: list[float] = []
    sells: list[float] = []
    for probabilities in folds:
        buy, sell = probabilities[:, BUY], probabilities[:, SELL]
        wanted = max(1, round(share * len(probabilities)))
        buys.append(_nth_largest(buy[buy > sell], wanted))
        sells.append(_nth_largest(sell[sell > buy], wanted))
    return Thresholds(buy=float(np.median(buys)), sell=float(np.median(sells)))


def _nth_largest(values: Array, n: int) -> float:
    """The smallest when there are fewer than n; 1.0, which no probability reaches, when there are none."""
    return float(np.sort(values)[::-1][min(n, len(values)) - 1]) if len(values) else 1.0


def _years(samples: Samples) -> tuple[list[date], date]:
    """First days of the fold years and of the hold-out year."""
    years = sorted({day.astype(object).year for day in np.unique(samples.decided.astype("datetime64[Y]"))})
    usable = [date(year, 1, 1) for year in years if len(samples.ending_before(date(year, 1, 1))) >= ROWS_MIN]
    if len(usable) < 2:
        raise InvalidValue(
            "TRAINING_TOO_SHORT",
            f"training needs at least two calendar years with {ROWS_MIN} samples before the first of them "
            f"(a sample needs {WINDOW} bars); the {len(samples)} samples given fall into the years {years}",
        )
    return usable[:-1][-FOLD_YEARS:], usable[-1]


def _walk(samples: Samples, folds: list[date], progress: Progress) -> tuple[Thresholds, dict[str, float]]:
    predicted: list[Array] = []
    accuracies: list[float] = []
    for number, day in enumerate(folds):
        progress(f"fold {day.year}", 0.1 + 0.4 * number / len(folds))
        test = samples.between(day, date(day.year, 12, 31))
        probabilities = _predict(_fit(samples.ending_before(day)), test)
        predicted.append(probabilities)
        accuracies.append(metrics.accuracy(probabilities.argmax(axis=1), test.target))
    measured = {
        "fold_accuracy_mean": float(np.mean(accuracies)),
        "fold_accuracy_min": min(accuracies),
        "fold_accuracy_max": max(accuracies),
    }
    return choose_thresholds(predicted), measured


def _hold_out(samples: Samples, day: date, thresholds: Thresholds) -> dict[str, float]:
    train_part, test = samples.ending_before(day), samples.between(day, date(day.year, 12, 31))
    probabilities = _predict(_fit(train_part), test)
    return metrics.report(train_part, test, probabilities, _decisions(probabilities, thresholds))


def _decisions(probabilities: Array, thresholds: Thresholds) -> NDArray[np.int64]:
    """models.predictor.decide for many rows, as indexes into CLASSES."""
    buy, sell = probabilities[:, BUY], probabilities[:, SELL]
    return np.select(
        [(buy > sell) & (buy >= thresholds.buy), (sell > buy) & (sell >= thresholds.sell)], [BUY, SELL], HOLD
    ).astype(np.int64)


def _fit(samples: Samples) -> xgboost.Booster:
    model = xgboost.XGBClassifier(**PARAMETERS)
    missing = sorted(set(range(len(CLASSES))) - set(samples.target.tolist()))
    if missing:
        raise InvalidValue("TRAINING_CLASS_MISSING", f"no sample is {', '.join(CLASSES[k] for k in missing)}")
    model.fit(samples.features, samples.target, sample_weight=samples.weight)
    booster = model.get_booster()
    booster.feature_names = list(FEATURE_NAMES)
    return booster


def _predict(booster: xgboost.Booster, samples: Samples) -> Array:
    return np.asarray(booster.inplace_predict(samples.features, validate_features=False), dtype=np.float64)
