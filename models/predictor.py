"""A trained model, ready to judge one instrument at a time: deterministic, one thread, under a millisecond a row."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import xgboost
from numpy.typing import NDArray

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from domain.signals import Direction
from models import store
from models.classes import CLASSES
from models.features import FEATURE_NAMES
from models.store import Meta, Pointer, Thresholds
from runtime.settings import Settings

_logger = logging.getLogger(__name__)


class Predictor:
    """A model with its name, version, features and thresholds. Safe to use from one thread at a time."""

    def __init__(self, meta: Meta, booster: xgboost.Booster) -> None:
        store.check_features(meta)
        self.meta = meta
        self._booster = booster
        self._booster.set_param({"nthread": 1})
        self._row = np.zeros((1, len(FEATURE_NAMES)), dtype=np.float64)
        self._probabilities(self._row)  # the first prediction builds caches and takes milliseconds

    @property
    def name(self) -> str:
        return self.meta.name

    @property
    def version(self) -> str:
        return self.meta.version

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.meta.features

    @property
    def thresholds(self) -> Thresholds:
        return self.meta.thresholds

    def predict(self, features: Mapping[str, float]) -> dict[Direction, float]:
        """The probability of each direction, summing to one.

        Raises InvalidValue when a feature is missing, unknown or not finite.
        """
        self._fill(self._row[0], features)
        return _named(self._probabilities(self._row)[0])

    def predict_many(self, rows: Sequence[Mapping[str, float]]) -> list[dict[Direction, float]]:
        """`predict` of each row; the same numbers as one at a time."""
        if not rows:
            return []
        matrix = np.empty((len(rows), len(FEATURE_NAMES)), dtype=np.float64)
        for row, features in zip(matrix, rows, strict=True):
            self._fill(row, features)
        return [_named(row) for row in self._probabilities(matrix)]

    def decide(self, probabilities: Mapping[Direction, float]) -> Direction:
        """The verdict: see `decide`."""
        return decide(probabilities, self.thresholds)

    def _fill(self, row: NDArray[np.float64], features: Mapping[str, float]) -> None:
        if features.keys() != set(FEATURE_NAMES):
            missing, unknown = set(FEATURE_NAMES) - features.keys(), features.keys() - set(FEATURE_NAMES)
            raise InvalidValue(
                "MODEL_FEATURES_MISMATCH", f"features missing: {sorted(missing)}, unknown: {sorted(unknown)}"
            )
        row[:] = [features[name] for name in FEATURE_NAMES]
        if not np.isfinite(row).all():
            raise InvalidValue("MODEL_FEATURES_NOT_FINITE", f"features must be finite, they were {dict(features)}")

    def _probabilities(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (rows, 3) in the order of CLASSES; float32 inside XGBoost, made to sum to one in float64."""
        raw = np.asarray(self._booster.inplace_predict(matrix, validate_features=False), dtype=np.float64)
        probabilities: NDArray[np.float64] = raw / raw.sum(axis=1, keepdims=True)
        return probabilities


def decide(probabilities: Mapping[Direction, float], thresholds: Thresholds) -> Direction:
    """BUY or SELL, whichever is more probable, if it reaches its threshold; else HOLD.

    HOLD needs no threshold: it is what remains when neither is likely enough. BUY and SELL equally likely is HOLD.
    """
    buy, sell = probabilities["BUY"], probabilities["SELL"]
    if buy > sell and buy >= thresholds.buy:
        return "BUY"
    if sell > buy and sell >= thresholds.sell:
        return "SELL"
    return "HOLD"


def load(settings: Settings) -> Predictor:
    """The model that `settings.model_name`@`settings.model_alias` means now, read, checked and warmed up.

    Raises UnavailableError when there is none (a signals agent abstains then, reason `model_missing`), UnreadableInput
    when its file is damaged, InvalidValue when it was trained on other features than this program's.
    """
    pointer = _resolve(settings)
    if pointer is None:
        raise UnavailableError(
            f"there is no model {settings.model_name}@{settings.model_alias} in {settings.tape_home}: "
            "train one with `tape models train`"
        )
    meta, model = store.read(settings, settings.model_name, pointer.version)
    if meta.sha256 != pointer.sha256:
        raise UnreadableInput(
            f"model {meta.name} version {meta.version} has SHA-256 {meta.sha256}, its alias says {pointer.sha256}"
        )
    return Predictor(meta, booster_of(model))


def available(settings: Settings) -> bool:
    """Whether `load` would find a model. Raises UnreadableInput when the alias's file is damaged."""
    return _resolve(settings) is not None


def booster_of(model: bytes) -> xgboost.Booster:
    """The booster in the bytes of a model.ubj. Raises UnreadableInput when they are none."""
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(model))
    except xgboost.core.XGBoostError as error:
        raise UnreadableInput(f"not an XGBoost model: {str(error).splitlines()[0]}") from error
    return booster


def _resolve(settings: Settings) -> Pointer | None:
    """What the alias means. MLflow is imported and asked only where the pointer file is not the answer."""
    pointer = store.pointer(settings, settings.model_name, settings.model_alias)
    if settings.mlflow_tracking_uri:
        return _asked(settings, pointer)
    if pointer is None and (settings.tape_home / "mlflow.db").exists():
        from models import registry

        return registry.sync(settings)
    return pointer


def _asked(settings: Settings, known: Pointer | None) -> Pointer | None:
    """Ask MLflow's server; when it does not answer, the champion that was known last serves on, and the log says so."""
    from models import registry

    try:
        return registry.sync(settings)
    except UnavailableError as error:
        if known is None:
            raise
        _logger.warning("using model version %s, the champion known last: %s", known.version, error)
        return known


def _named(row: NDArray[np.float64]) -> dict[Direction, float]:
    return {direction: float(p) for direction, p in zip(CLASSES, row, strict=True)}
