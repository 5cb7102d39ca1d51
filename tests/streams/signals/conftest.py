"""Small but real models, in the files that the signals agent loads them from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from models.classes import CLASSES
from models.engine import drift
from models.features import FEATURE_NAMES, WINDOW
from models.labels import LabelRule
from models.learners import learner
from models.learners.calibration import Calibration
from models.registry import Meta, Pointer, Thresholds, store
from runtime.settings import Settings

StoreModel = Callable[..., None]
"""(home, version, **what differs in its Meta): store a model and point the alias `champion` at it."""


def noise(seed: int, rows: int = 300) -> np.ndarray:
    """Feature rows over about the real ranges."""
    random = np.random.default_rng(seed)
    found = random.normal(0.0, 0.1, (rows, len(FEATURE_NAMES)))
    found[:, 0] = random.uniform(20, 80, rows)
    return found


def unmoved() -> drift.Reference:
    """A reference from which nothing ever drifts."""
    rows = noise(7)
    found = drift.reference(rows, np.full(len(rows), "AAPL"))
    baselines = {name: msgspec.structs.replace(one, limit=1e9) for name, one in found.baselines.items()}
    return msgspec.structs.replace(found, baselines=baselines)


@pytest.fixture(scope="session")
def store_model() -> StoreModel:
    """Three classes from noise: opinions vary, which is all that is asked here."""

    def write(home: Path, version: str, kind: str = "xgboost", **changes: Any) -> None:
        settings = Settings(_env_file=None, tape_home=home)
        random = np.random.default_rng(int(version))
        known = {"n_estimators": 5, "max_depth": 3} if kind == "xgboost" else {}
        made = learner(kind, changes.pop("parameters", known))
        rows = np.repeat(noise(int(version))[:, None, :], made.steps, axis=1)
        model = made.fit(rows, random.integers(0, 3, len(rows)), np.ones(len(rows)), seed=int(version)).dump()
        described: dict[str, Any] = {
            "name": "signals",
            "version": version,
            "kind": kind,
            "parameters": dict(made.parameters),
            "sha256": store.sha256(model),
            "steps": made.steps,
            "features": FEATURE_NAMES,
            "window": WINDOW,
            "classes": CLASSES,
            "calibration": Calibration(),
            "thresholds": Thresholds(buy=0.3, sell=0.3),
            "label": LabelRule(),
            "symbols": ("AAPL",),
            "prices": "adjusted",
            "trained_from": "2000-01-03",
            "trained_to": "2010-12-31",
            "data_hash": "",
            "code_version": "test",
            "run_id": "",
            "reference": unmoved(),
            "metrics": {},
        }
        meta = Meta(**{**described, **changes})
        store.export(settings, meta, model)
        store.point(settings, "signals", "champion", Pointer(version=version, sha256=meta.sha256))

    return write
