"""The port of every kind of model: a learner is fitted on rows and gives a classifier.

Rows have the shape (samples, steps, features): the feature rows of the last `steps` bars, oldest first, the decision's
own bar last. A learner with steps = 1 sees that bar's row alone. Targets index models.classes.CLASSES.
Adapters are the sibling files; `models.learners.KINDS` names them. Conformance: tests/models/learners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from models.features import Array

Targets = NDArray[np.int64]
Parameters = Mapping[str, Any]
"""Hyper-parameters by name: numbers, strings and booleans, as MLflow shows them and as meta.json keeps them."""

Progress = Callable[[float], None]
"""Called with the share of a fit that is done, 0 to 1."""


class Classifier(Protocol):
    """A fitted model. Deterministic; safe to use from one thread at a time."""

    def probabilities(self, rows: Array) -> Array:
        """rows: (n, steps, features), finite. Gives (n, 3) in the order of CLASSES; each row sums to one in float64."""

    def dump(self) -> bytes:
        """The model as bytes that `Learner.load` reads again. No pickle: reading them runs no code."""


class Explaining(Classifier, Protocol):
    """A classifier that can say how much each feature moved its outputs."""

    def contributions(self, rows: Array) -> Array:
        """SHAP values: (n, classes, features + 1), the last column the base value. Sum over the last axis: the margin.

        Source: S. Lundberg et al., From local explanations to global understanding with explainable AI for trees,
        Nature Machine Intelligence 2 (2020).
        """


class Learner(Protocol):
    """A kind of model with its hyper-parameters. Immutable: a fit leaves no trace in it."""

    kind: ClassVar[str]
    pruned: ClassVar[bool]
    """Whether `fit` reports intermediate losses, so that a tuner can stop a bad trial early."""

    @property
    def steps(self) -> int: ...
    @property
    def parameters(self) -> Parameters: ...

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
    ) -> Classifier:
        """Fit. The same arguments give the same bytes (on one machine, one thread count).

        watch: rows, targets and weights that `report` is told the log loss of after each round or epoch; a report may
        raise to end the fit. They are not learnt from.
        Raises InvalidValue when a class is missing, or shapes do not fit.
        """

    def load(self, data: bytes) -> Classifier:
        """The classifier of `Classifier.dump`. Raises UnreadableInput when the bytes are none."""

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        """Hyper-parameters for an optuna.Trial to try; what is not named keeps its default."""
