"""What is known of a trained model: meta.json beside its bytes."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from domain.errors import InvalidValue
from models.classes import CLASSES
from models.engine.drift import Reference
from models.features import FEATURE_NAMES, WINDOW
from models.labels import LabelRule
from models.learners.calibration import Calibration


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The probability that BUY or SELL needs at least to be the decision, above zero. See models.decisions."""

    buy: float
    sell: float

    def __post_init__(self) -> None:
        if not (0 < self.buy <= 1 and 0 < self.sell <= 1):
            raise InvalidValue("MODEL_THRESHOLDS", f"thresholds lie between 0 and 1, they were {self.buy}, {self.sell}")


class Meta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a model.

    kind, parameters: of its learner, see models.learners. sha256: of model.bin. steps: feature rows that it looks at.
    calibration, thresholds: what becomes of the learner's probabilities. label: the rule that it learnt. prices:
    whether it learnt from adjusted or raw ones. trained_from, trained_to: ISO dates, both included. reference: what the
    features' drift is measured against.
    """

    name: str
    version: str
    kind: str
    parameters: dict[str, float | int | str | bool | None]
    sha256: str
    steps: int
    features: tuple[str, ...]
    window: int
    classes: tuple[str, ...]
    calibration: Calibration
    thresholds: Thresholds
    label: LabelRule
    symbols: tuple[str, ...]
    prices: Literal["adjusted", "raw"]
    trained_from: str
    trained_to: str
    data_hash: str
    code_version: str
    run_id: str
    reference: Reference
    metrics: dict[str, float]

    @property
    def trained_until(self) -> date:
        return date.fromisoformat(self.trained_to)


class Pointer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version an alias means. sha256: of that version's model.bin."""

    version: str
    sha256: str


def check_features(meta: Meta) -> None:
    """Raise InvalidValue when the model was made for other features, another window or other classes than ours."""
    theirs: tuple[object, ...] = (meta.features, meta.window, meta.classes)
    ours: tuple[object, ...] = (FEATURE_NAMES, WINDOW, CLASSES)
    for what, expected, found in zip(("features", "window", "classes"), ours, theirs, strict=True):
        if found != expected:
            raise InvalidValue(
                "MODEL_FEATURES_MISMATCH",
                f"model {meta.name} version {meta.version} was trained on {what} {found}; this program computes "
                f"{expected}: train it again",
                model=meta.name,
                version=meta.version,
            )
