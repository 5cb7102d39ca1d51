"""How much each feature moved a prediction: SHAP values, by class, sorted for the class that was decided."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from domain.signals import Direction
from models.classes import CLASSES
from models.features import FEATURE_NAMES, Array
from models.service.bodies import ClassExplanation, Contribution, Explanation


def explanation(contributions: Array, direction: Direction, newest: Array) -> Explanation:
    """contributions: (classes, features + 1), see models.learners.base.Explaining; newest: the newest row."""
    classes = dict(zip(CLASSES, map(_of_class, contributions), strict=True))
    decided = classes[direction]
    return Explanation(
        direction=direction,
        base_value=decided.base_value,
        margin=decided.margin,
        contributions=_sorted(decided.contributions, newest),
        classes=classes,
    )


def _of_class(values: Array) -> ClassExplanation:
    *own, base = values.tolist()
    return ClassExplanation(
        base_value=base, margin=float(np.sum(values)), contributions=dict(zip(FEATURE_NAMES, own, strict=True))
    )


def _sorted(contributions: Mapping[str, float], newest: Array) -> list[Contribution]:
    """The largest in size first; equals in the order of FEATURES."""
    values = dict(zip(FEATURE_NAMES, newest.tolist(), strict=True))
    ranked = sorted(contributions.items(), key=lambda item: -abs(item[1]))
    return [Contribution(feature=name, value=values[name], contribution=own) for name, own in ranked]
