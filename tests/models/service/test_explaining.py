"""Reasons: tree SHAP, per class and feature, on demand."""

from __future__ import annotations

from typing import Any

import httpx
import lightgbm
import numpy as np
import pytest
import xgboost

from models.features import FEATURE_NAMES
from models.learners import seal
from models.registry import store
from runtime.settings import Settings
from tests.models.service.stage import LSTM, NAME, asking, rows_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLASSES = ("BUY", "SELL", "HOLD")


def library_s(settings: Settings, version: str, rows: Any) -> Any:
    """(n, classes, features + 1), as the library itself has them, given the model's file."""
    meta, data = store.read(settings, NAME, version)
    body = seal.opened(meta.kind, data)
    if meta.kind == "xgboost":
        return xgboost.Booster(model_file=bytearray(body)).predict(xgboost.DMatrix(rows[:, 0]), pred_contribs=True)
    found = lightgbm.Booster(model_str=body.decode()).predict(rows[:, 0], pred_contrib=True)
    return np.reshape(found, (len(rows), len(CLASSES), len(FEATURE_NAMES) + 1))


@pytest.mark.parametrize("version", ["1", "2"])
async def test_the_reasons_are_the_library_s(client: httpx.AsyncClient, settings: Settings, version: str) -> None:
    """Each class's contributions and base value are what XGBoost and LightGBM compute of the same row."""
    rows = rows_of(12)
    for row, expected in zip(rows, library_s(settings, version, rows), strict=True):
        answer = await client.post("/predict", json=asking(row, model=f"{NAME}/{version}", explain=True))
        found = answer.json()["explanation"]["classes"]
        said = [
            [*(found[name]["contributions"][f] for f in FEATURE_NAMES), found[name]["base_value"]] for name in CLASSES
        ]

        np.testing.assert_allclose(said, expected, atol=1e-6)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_base_value_and_contributions_make_the_probabilities(client: httpx.AsyncClient, version: str) -> None:
    """They sum to each class's margin, and the softmax of the margins is what the model said (uncalibrated)."""
    for row in rows_of(12):
        answer = (await client.post("/predict", json=asking(row, model=f"{NAME}/{version}", explain=True))).json()
        classes = answer["explanation"]["classes"]
        margins = np.array([classes[name]["margin"] for name in CLASSES])
        sums = [classes[name]["base_value"] + sum(classes[name]["contributions"].values()) for name in CLASSES]
        softmax = np.exp(margins) / np.exp(margins).sum()

        np.testing.assert_allclose(margins, sums, atol=1e-9)
        np.testing.assert_allclose([answer["probabilities"][name] for name in CLASSES], softmax, atol=1e-6)


async def test_the_decided_class_is_explained_first_things_first(client: httpx.AsyncClient) -> None:
    """The list is of the class that was decided, by size, each feature once, beside the value that it had."""
    directions = set()
    for row in rows_of(12):
        answer = (await client.post("/predict", json=asking(row, explain=True))).json()
        reasons = answer["explanation"]
        listed = {one["feature"]: one["contribution"] for one in reasons["contributions"]}
        sizes = [abs(one["contribution"]) for one in reasons["contributions"]]

        assert reasons["direction"] == answer["direction"]
        assert listed == reasons["classes"][answer["direction"]]["contributions"]
        assert sizes == sorted(sizes, reverse=True)
        assert {one["feature"]: one["value"] for one in reasons["contributions"]} == dict(
            zip(FEATURE_NAMES, row[0].tolist(), strict=True)
        )
        directions.add(answer["direction"])

    assert len(directions) > 1


async def test_who_abstains_tells_what_it_would_have_said(client: httpx.AsyncClient) -> None:
    """A stale model's HOLD is the rule's; its reasons are those of its own decision."""
    row = rows_of(1)[0]
    fresh = (await client.post("/predict", json=asking(row, explain=True))).json()
    stale = (await client.post("/predict", json=asking(row, explain=True, market_time=None))).json()

    assert (stale["direction"], stale["abstained"]) == ("HOLD", "model_stale")
    assert stale["explanation"] == fresh["explanation"]
    assert stale["explanation"]["direction"] != "HOLD"


@pytest.mark.parametrize(("version", "kind"), [("3", "lstm"), ("4", "logistic"), ("5", "majority")])
async def test_a_kind_that_has_none_says_so(client: httpx.AsyncClient, version: str, kind: str) -> None:
    """Null, with the reason, beside a prediction like any other."""
    row = rows_of(1, steps=LSTM.steps if kind == "lstm" else 1)[0]
    plain, asked = [
        (await client.post("/predict", json=asking(row, model=f"{NAME}/{version}", explain=explain))).json()
        for explain in (False, True)
    ]

    assert asked["explanation"] is None
    assert kind in asked["explanation_missing"]
    assert asked["probabilities"] == plain["probabilities"]
    assert plain["explanation_missing"] is None
