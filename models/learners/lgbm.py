"""LightGBM: gradient boosted trees grown leaf by leaf, softmax over the three classes. The kind for many rows.

Source: G. Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NIPS 2017. Tree SHAP: see
models.learners.base. A model's bytes are LightGBM's own text form and a seal (models.learners.seal).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError

from domain.errors import UnreadableInput
from models.classes import CLASSES
from models.features import Array
from models.learners import checks, seal
from models.learners.base import Parameters, Progress, Targets
from models.learners.probability import unit

_BOUNDS: dict[str, tuple[float, float]] = {
    "n_estimators": (1, 10_000),
    "max_depth": (1, 16),
    "num_leaves": (2, 65_536),
    "learning_rate": (1e-6, 1.0),
    "bagging_fraction": (0.01, 1.0),
    "feature_fraction": (0.01, 1.0),
    "min_data_in_leaf": (1, 1_000_000),
    "lambda_l2": (0.0, 1e9),
    "threads": (1, 256),
}


@dataclass(frozen=True, kw_only=True)
class LightGBM:
    """Hyper-parameters by LightGBM's names; defaults as near to XGBoost's as its way of growing trees allows.

    threads: of a fit alone; it is no hyper-parameter and not among `parameters`. With more than one, the same bytes are
    what LightGBM means to give (its `deterministic`), and no promise of ours.
    Raises InvalidValue for a value out of bounds.
    """

    kind: ClassVar[str] = "lightgbm"
    pruned: ClassVar[bool] = True

    n_estimators: int = 200
    max_depth: int = 6
    num_leaves: int = 31
    learning_rate: float = 0.03
    bagging_fraction: float = 0.7
    feature_fraction: float = 0.7
    min_data_in_leaf: int = 20
    lambda_l2: float = 1.0
    threads: int = 1

    def __post_init__(self) -> None:
        checks.hyper_parameters(self, _BOUNDS)

    @property
    def steps(self) -> int:
        return 1

    @property
    def parameters(self) -> Parameters:
        return {name: value for name, value in asdict(self).items() if name != "threads"}

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
    ) -> LightGBMModel:
        """See models.learners.base. Rows that are contiguous float64 are not copied."""
        train = checks.training(rows, target, weight, self.steps, seed)
        watched = checks.watched(watch, report, self.steps, train.rows.shape[2])
        parameters = self._library_parameters(seed)
        matrix = _matrix(train, parameters)

        def after_round(environment: Any) -> None:
            if report is not None:
                report(environment.iteration, float(environment.evaluation_result_list[0][2]))
            progress((environment.iteration + 1) / self.n_estimators)

        booster = lightgbm.train(
            parameters,
            matrix,
            num_boost_round=self.n_estimators,
            valid_sets=[] if watched is None else [_matrix(watched, parameters, matrix)],
            callbacks=[after_round],
        )
        return LightGBMModel(seal.sealed(self.kind, _text(booster, self.threads)))

    def load(self, data: bytes) -> LightGBMModel:
        return LightGBMModel(data)

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        """The number of trees stays: with the learning rate it would say the same twice."""
        return {
            "max_depth": trial.suggest_int("max_depth", 2, 8),
            "num_leaves": trial.suggest_int("num_leaves", 4, 128, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.005, 0.2, log=True),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1.0),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 200, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
        }

    def _library_parameters(self, seed: int) -> dict[str, Any]:
        return {
            **{name: value for name, value in self.parameters.items() if name != "n_estimators"},
            "objective": "multiclass",
            "num_class": len(CLASSES),
            "metric": "multi_logloss",
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,  # else the faster way is timed, and sums are taken in another order
            "num_threads": self.threads,
            "verbosity": -1,
        }


class LightGBMModel:
    """A booster out of its bytes, warmed up. Raises UnreadableInput when they are no booster for our classes."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._booster = _booster(seal.opened(LightGBM.kind, self._data))
        self._features = self._booster.num_feature()

    def probabilities(self, rows: Array) -> Array:
        rows = checks.finite_rows(rows, 1, self._features)
        if not len(rows):
            return np.empty((0, len(CLASSES)))
        # One thread: waking a second one costs more than a few rows do, up to milliseconds when it has to wait.
        return unit(self._booster.predict(rows[:, 0], num_threads=1))

    def contributions(self, rows: Array) -> Array:
        """See models.learners.base; the margin is the softmax's argument."""
        rows = checks.finite_rows(rows, 1, self._features)
        shape = (len(rows), len(CLASSES), self._features + 1)
        if not len(rows):
            return np.empty(shape)
        found: Array = np.reshape(self._booster.predict(rows[:, 0], pred_contrib=True, num_threads=1), shape)
        return found

    def dump(self) -> bytes:
        return self._data


def _matrix(
    part: checks.Training, parameters: dict[str, Any], reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    """The rows in LightGBM's bins; those of `reference`, where it is given."""
    return lightgbm.Dataset(
        part.rows[:, 0], part.target, weight=part.weight, params=parameters, reference=reference, free_raw_data=True
    )


def _text(booster: lightgbm.Booster, threads: int) -> bytes:
    """The model with its parameters; how many threads made it is not to be seen."""
    text: str = booster.model_to_string()
    return text.replace(f"\n[num_threads: {threads}]\n", "\n[num_threads: 1]\n").encode()


def _booster(body: bytes) -> lightgbm.Booster:
    """Its first prediction tells how many classes it has, and warms it up."""
    try:
        booster = lightgbm.Booster(model_str=body.decode())
        outputs = np.shape(booster.predict(np.zeros((1, booster.num_feature())), num_threads=1))
    except (LightGBMError, ValueError) as error:
        raise UnreadableInput(f"not a LightGBM model: {str(error).splitlines()[0]}") from error
    if outputs != (1, len(CLASSES)):
        raise UnreadableInput(f"a LightGBM model must give {len(CLASSES)} classes, its predictions are {outputs}")
    return booster
