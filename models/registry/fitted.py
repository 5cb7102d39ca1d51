"""A model before it has a version, and with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec

from models.classes import CLASSES
from models.engine.drift import Reference
from models.features import FEATURE_NAMES, WINDOW, Array
from models.labels import LabelRule
from models.learners.calibration import Calibration
from models.registry import store
from models.registry.meta import Meta, Thresholds


class TrialRecord(NamedTuple):
    """One set of hyper-parameters that was tried. state: COMPLETE, PRUNED or FAILED."""

    number: int
    state: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Fitted:
    """What training has made. model: bytes of model.bin; example: (some, steps, features), rows that it was fitted on.

    notes: what MLflow is to show as parameters beside the model's own; artifacts: files for its run, by name. None of
    these two decides anything.
    """

    kind: str
    parameters: dict[str, Any]
    steps: int
    model: bytes
    calibration: Calibration
    thresholds: Thresholds
    label: LabelRule
    symbols: tuple[str, ...]
    prices: Literal["adjusted", "raw"]
    trained_from: date
    trained_to: date
    data_hash: str
    code_version: str
    reference: Reference
    metrics: dict[str, float]
    example: Array
    notes: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    trials: tuple[TrialRecord, ...] = ()

    def meta(self, name: str, version: str, run_id: str) -> Meta:
        return Meta(
            name=name,
            version=version,
            kind=self.kind,
            parameters=self.parameters,
            sha256=store.sha256(self.model),
            steps=self.steps,
            features=FEATURE_NAMES,
            window=WINDOW,
            classes=CLASSES,
            calibration=self.calibration,
            thresholds=self.thresholds,
            label=self.label,
            symbols=self.symbols,
            prices=self.prices,
            trained_from=self.trained_from.isoformat(),
            trained_to=self.trained_to.isoformat(),
            data_hash=self.data_hash,
            code_version=self.code_version,
            run_id=run_id,
            reference=self.reference,
            metrics=self.metrics,
        )

    def identity(self) -> str:
        """SHA-256 (hex) of what decides: equal for two trainings on the same data by the same code."""
        return store.sha256(msgspec.json.encode(self.meta("", "", ""), order="sorted"))


class TrainedModel(NamedTuple):
    """A model that is registered. fresh: False when this very model was there already. alias: what it is now.

    leak_hunt: what was found where its accuracy was too good; empty where it was not.
    """

    meta: Meta
    fresh: bool
    alias: str
    leak_hunt: str = ""
