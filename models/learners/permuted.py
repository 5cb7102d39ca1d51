"""The baseline that learns from noise: any learner, fitted on targets that belong to other rows.

What it achieves on honest test rows is what the pipeline achieves where there is nothing to find. A model that beats
chance by this way has seen its answers: look for a leak. No kind of KINDS, since nobody serves it.
Source: M. Ojala, G. Garriga, Permutation tests for studying classifier performance, JMLR 11 (2010), test 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from models.features import Array
from models.learners import checks
from models.learners.base import Classifier, Learner, Parameters, Progress, Targets

_STREAM = 0x7065726D  # the permutation draws from numbers of its own, apart from those of the learner with this seed


@dataclass(frozen=True)
class PermutedLabels:
    """`learner` on permuted targets. A target keeps its weight, so the classes' weighted shares stay what they were."""

    kind: ClassVar[str] = "permuted"
    pruned: ClassVar[bool] = False

    learner: Learner

    @property
    def steps(self) -> int:
        return self.learner.steps

    @property
    def parameters(self) -> Parameters:
        return {**self.learner.parameters, "permuted": self.learner.kind}

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
        """See models.learners.base. The targets of `watch` stay in their places: it is there to judge by."""
        train = checks.training(rows, target, weight, self.steps, seed)
        order = np.random.default_rng([seed, _STREAM]).permutation(len(train.target))
        return self.learner.fit(
            train.rows,
            train.target[order],
            train.weight[order],
            seed=seed,
            watch=watch,
            report=report,
            progress=progress,
        )

    def load(self, data: bytes) -> Classifier:
        return self.learner.load(data)

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        return {}
