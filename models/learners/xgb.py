"""XGBoost: gradient boosted trees, softmax over the three classes.

Source: T. Chen, C. Guestrin, XGBoost: a scalable tree boosting system, KDD 2016. Tree SHAP: S. Lundberg et al. (2020),
see models.learners.base. A model's bytes are XGBoost's own UBJSON form and a seal (models.learners.seal).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import xgboost
from xgboost.core import XGBoostError

from domain.errors import UnreadableInput
from models.classes import CLASSES
from models.features import Array
from models.learners import checks, seal
from models.learners.base import Parameters, Progress, Targets
from models.learners.probability import unit

_BOUNDS: dict[str, tuple[float, float]] = {
    "n_estimators": (1, 10_000),
    "max_depth": (1, 16),
    "learning_rate": (1e-6, 1.0),
    "subsample": (0.01, 1.0),
    "colsample_bytree": (0.01, 1.0),
    "min_child_weight": (0.0, 1e9),
    "reg_lambda": (0.0, 1e9),
}


@dataclass(frozen=True, kw_only=True)
class XGBoost:
    """Hyper-parameters by XGBoost's names. Small steps by default, and each tree sees 0.7 of the rows and columns.

    Raises InvalidValue for a value out of bounds.
    """

    kind: ClassVar[str] = "xgboost"
    pruned: ClassVar[bool] = True

    n_estimators: int = 200
    max_depth: int = 6
    learning_rate: float = 0.03
    subsample: float = 0.7
    colsample_bytree: float = 0.7
    min_child_weight: float = 10.0
    reg_lambda: float = 1.0

    def __post_init__(self) -> None:
        checks.hyper_parameters(self, _BOUNDS)

    @property
    def steps(self) -> int:
        return 1

    @property
    def parameters(self) -> Parameters:
        return asdict(self)

    def fit(
        self,
        rows: Array,
        target: Targets,
        weight: Array,
        *,
        seed: int,
        watch: tuple[Array, Targets, Array] | None = None,
        report: Callable[[int, float], None] | None = None,
        progress: Progress = lambda done: None,
    ) -> XGBoostModel:
        """See models.learners.base. One thread: sums of floats in one order give the same bytes on every machine."""
        train = checks.training(rows, target, weight, self.steps, seed)
        watched = checks.watched(watch, report, self.steps, train.rows.shape[2])
        matrix = _matrix(train)
        booster = xgboost.train(
            self._library_parameters(seed),
            matrix,
            num_boost_round=self.n_estimators,
            evals=[] if watched is None else [(_matrix(watched, matrix), "watch")],
            callbacks=[_Rounds(self.n_estimators, report, progress)],
            verbose_eval=False,
        )
        return XGBoostModel(seal.sealed(self.kind, bytes(booster.save_raw("ubj"))))

    def load(self, data: bytes) -> XGBoostModel:
        return XGBoostModel(data)

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        """The number of trees stays: with the learning rate it would say the same twice."""
        return {
            "max_depth": trial.suggest_int("max_depth", 2, 8),
            "learning_rate": trial.suggest_float("learning_rate", 0.005, 0.2, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 100.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 100.0, log=True),
        }

    def _library_parameters(self, seed: int) -> dict[str, Any]:
        chosen: dict[str, Any] = {name: value for name, value in asdict(self).items() if name != "n_estimators"}
        return chosen | {
            "objective": "multi:softprob",
            "num_class": len(CLASSES),
            "eval_metric": "mlogloss",
            "tree_method": "hist",
            "seed": seed,
            "nthread": 1,
        }


class XGBoostModel:
    """A booster out of its bytes, warmed up. Raises UnreadableInput when they are no booster for our classes."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._booster = _booster(seal.opened(XGBoost.kind, self._data))
        self._features = int(self._booster.num_features())

    def probabilities(self, rows: Array) -> Array:
        rows = checks.finite_rows(rows, 1, self._features)
        if not len(rows):
            return np.empty((0, len(CLASSES)))
        return unit(self._booster.inplace_predict(rows[:, 0], validate_features=False))

    def contributions(self, rows: Array) -> Array:
        """See models.learners.base; the margin is the softmax's argument, computed in float32."""
        rows = checks.finite_rows(rows, 1, self._features)
        if not len(rows):
            return np.empty((0, len(CLASSES), self._features + 1))
        matrix = xgboost.DMatrix(rows[:, 0], nthread=1)
        return np.asarray(self._booster.predict(matrix, pred_contribs=True, validate_features=False), dtype=np.float64)

    def dump(self) -> bytes:
        return self._data


class _Rounds(xgboost.callback.TrainingCallback):
    """Tells how far a fit is, and the loss of the watched rows. What `report` raises ends the fit."""

    def __init__(self, rounds: int, report: Callable[[int, float], None] | None, progress: Progress) -> None:
        self._rounds = rounds
        self._report = report
        self._progress = progress

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        if self._report is not None:
            self._report(epoch, float(evals_log["watch"]["mlogloss"][-1]))
        self._progress((epoch + 1) / self._rounds)
        return False


def _matrix(part: checks.Training, reference: xgboost.QuantileDMatrix | None = None) -> xgboost.QuantileDMatrix:
    """The rows in XGBoost's bins; those of `reference`, where it is given."""
    return xgboost.QuantileDMatrix(part.rows[:, 0], part.target, weight=part.weight, nthread=1, ref=reference)


def _booster(body: bytes) -> xgboost.Booster:
    """Its first prediction tells how many classes it has; it also builds caches, for milliseconds."""
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(body))
        booster.set_param({"nthread": 1})
        outputs = np.shape(booster.inplace_predict(np.zeros((1, booster.num_features())), validate_features=False))
    except (XGBoostError, ValueError) as error:
        raise UnreadableInput(f"not an XGBoost model: {str(error).splitlines()[0]}") from error
    if outputs != (1, len(CLASSES)):
        raise UnreadableInput(f"an XGBoost model must give {len(CLASSES)} classes, its predictions are {outputs}")
    return booster
