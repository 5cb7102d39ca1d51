"""Kinds of models behind one port (models.learners.base). A kind's library is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from domain.errors import InvalidValue, UnavailableError
from models.learners.base import Classifier, Explaining, Learner, Parameters, Progress, Targets

KINDS: dict[str, str] = {
    "xgboost": "models.learners.xgb:XGBoost",
    "lightgbm": "models.learners.lgbm:LightGBM",
    "lstm": "models.learners.lstm:Lstm",
    "logistic": "models.learners.logistic:LaggedLogistic",
    "majority": "models.learners.majority:Majority",
}


def learner(kind: str, parameters: Parameters | None = None) -> Learner:
    """A learner of a kind; `parameters` in place of its defaults.

    Raises InvalidValue for a kind or a parameter that is not known, UnavailableError when its library is not installed.
    """
    if kind not in KINDS:
        raise InvalidValue("MODEL_KIND_UNKNOWN", f"no kind of model {kind!r}; expected one of {', '.join(KINDS)}")
    module, _, name = KINDS[kind].partition(":")
    try:
        made: Any = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("models"):
            raise
        raise UnavailableError(f"models of kind {kind} need {error.name}, which is not installed") from error
    try:
        found: Learner = made(**(parameters or {}))
    except TypeError as error:
        raise InvalidValue("MODEL_PARAMETER_UNKNOWN", f"{kind}: {error}") from error
    return found


__all__ = ["KINDS", "Classifier", "Explaining", "Learner", "Parameters", "Progress", "Targets", "learner"]
