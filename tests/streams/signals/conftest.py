"""Small but real models, in the files that the signals agent loads them from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xgboost

from models import store
from models.classes import CLASSES
from models.features import FEATURE_NAMES, WINDOW
from runtime.settings import Settings

StoreModel = Callable[[Path, str], None]


def _booster(seed: int) -> bytes:
    """Three classes from noise over the features' real ranges: opinions vary, which is all that is asked here."""
    random = np.random.default_rng(seed)
    rows = random.normal(0.0, 0.1, (300, len(FEATURE_NAMES)))
    rows[:, 0] = random.uniform(20, 80, 300)
    data = xgboost.DMatrix(rows, label=random.integers(0, 3, 300))
    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "nthread": 1, "seed": seed}, data, 5
    )
    return bytes(booster.save_raw("ubj"))


@pytest.fixture(scope="session")
def store_model() -> StoreModel:
    """A function that stores model version `version` in a home folder and points the alias `champion` to it."""

    def write(home: Path, version: str) -> None:
        settings = Settings(_env_file=None, tape_home=home)
        model = _booster(int(version))
        meta = store.Meta(
            name="xgboost",
            version=version,
            sha256=store.sha256(model),
            features=FEATURE_NAMES,
            window=WINDOW,
            classes=CLASSES,
            thresholds=store.Thresholds(buy=0.3, sell=0.3),
            horizon_bars=5,
            symbols=("AAPL",),
            trained_from="2000-01-03",
            trained_to="2010-12-31",
            data_hash="",
            code_version="test",
            run_id="",
            metrics={},
        )
        store.export(settings, meta, model)
        store.point(settings, "xgboost", "champion", store.Pointer(version=version, sha256=meta.sha256))

    return write
