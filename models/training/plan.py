"""What a training is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from models.labels import LabelRule
from models.validation.splits import Period

Validation = Literal["walk_forward", "combinatorial"]
SEED = 20_110_103


@dataclass(frozen=True)
class Plan:
    """kind, parameters: of the learner, see models.learners; what is not named keeps its default.

    period: the last calendar period that has decisions is the hold-out.
    validation: how folds are cut: `walk_forward` over such periods, the last `folds` of them; or `combinatorial`,
    every two of six blocks of days, purged on both sides (each day is tested five times, and later days are learnt from
    too). trials: sets of hyper-parameters that Optuna tries in each training part; 0: none, the learner's own are used.
    seed: of everything that draws.
    """

    kind: str = "xgboost"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    label: LabelRule = field(default_factory=LabelRule)
    folds: int = 3
    period: Period = "year"
    validation: Validation = "walk_forward"
    trials: int = 0
    seed: int = SEED
