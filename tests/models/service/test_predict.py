"""POST /predict: the model's own numbers, what they mean, and what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest
import xgboost
from prometheus_client import REGISTRY

from models.engine.predictor import Predictor
from models.features import Array
from models.learners import seal
from models.learners.calibration import Calibration
from models.registry import store
from models.registry.meta import Thresholds
from runtime.settings import Settings
from tests.models.service.conftest import KINDS
from tests.models.service.stage import IN_TIME, LSTM, NAME, add, asking, in_process, named, point, rows_of, serving

ROW = named(rows_of(1)[0])[0]
CLASSES = ("BUY", "SELL", "HOLD")
pytestmark = pytest.mark.asyncio(loop_scope="module")


def steps_of(kind: str) -> int:
    return LSTM.steps if kind == "lstm" else 1


@pytest.mark.parametrize(("version", "kind"), list(enumerate(KINDS, start=1)))
async def test_the_numbers_are_those_of_the_model_in_process(
    client: httpx.AsyncClient, settings: Settings, version: int, kind: str
) -> None:
    """Given the same rows, then every bit of every probability is the same over HTTP as without it."""
    model = in_process(settings, str(version))
    for rows in rows_of(20, seed=version, steps=steps_of(kind)):
        answer = (await client.post("/predict", json=asking(rows, model=f"{NAME}/{version}"))).json()
        expected = model.predict(rows)

        assert answer["probabilities"] == expected
        assert answer["model"] == {"name": NAME, "version": str(version), "kind": kind, "sha256": model.sha256}


async def test_the_numbers_are_the_library_s(client: httpx.AsyncClient, settings: Settings) -> None:
    """XGBoost itself, given the model's file and the same numbers, says the same probabilities."""
    rows = rows_of(30)
    body = seal.opened("xgboost", store.read(settings, NAME, "1")[1])
    raw = xgboost.Booster(model_file=bytearray(body))
    expected = raw.predict(xgboost.DMatrix(rows[:, 0]))
    said = [(await client.post("/predict", json=asking(row))).json()["probabilities"] for row in rows]

    np.testing.assert_allclose([[one[name] for name in CLASSES] for one in said], expected, atol=1e-6)


async def test_the_verdict_is_the_likelier_one_that_reaches_its_threshold(settings: Settings, tmp_path: Any) -> None:
    """Given three versions that all say BUY 0.5, SELL 0.3, HOLD 0.2, then their thresholds alone decide."""
    home = settings.model_copy(update={"tape_home": tmp_path})
    point(home, add(home, "majority", "1"))
    flat = rows_of(1)[0]
    # softmax(a log p + b) with a = 0.01 and this b is (0.5, 0.3, 0.2) to within the share's hundredth.
    shifts = tuple(np.log([0.5, 0.3, 0.2]).tolist())
    for version, thresholds in (("2", (0.45, 0.25)), ("3", (0.60, 0.25)), ("4", (0.60, 0.40))):
        calibration = Calibration(slope=0.01, shifts=shifts)
        add(home, "majority", version, calibration, thresholds=Thresholds(buy=thresholds[0], sell=thresholds[1]))
    async with serving(home) as client:
        said = [
            (await client.post("/predict", json=asking(flat, model=f"{NAME}/{version}"))).json()
            for version in (2, 3, 4)
        ]

    assert [one["probabilities"]["BUY"] for one in said] == pytest.approx([0.5] * 3, abs=0.01)
    # 0.3 / 0.25 exceeds its threshold by more than 0.5 / 0.45 does (models.decisions).
    assert [one["direction"] for one in said] == ["SELL", "SELL", "HOLD"]
    assert [one["thresholds"] for one in said][1] == {"buy": 0.60, "sell": 0.25}


@pytest.mark.parametrize(
    ("reference", "version"),
    [(None, "1"), (f"{NAME}@champion", "1"), (f"{NAME}@challenger", "2"), (f"{NAME}/1", "1"), (f"{NAME}/5", "5")],
)
async def test_a_model_is_named_by_alias_by_version_or_not_at_all(
    client: httpx.AsyncClient, reference: str | None, version: str
) -> None:
    """Without a name the champion answers; the answer says which version it was."""
    answer = (await client.post("/predict", json=asking(rows_of(1)[0], model=reference))).json()

    assert answer["model"]["version"] == version


async def test_one_row_may_stand_by_itself(client: httpx.AsyncClient) -> None:
    """A mapping is the same as a list of it."""
    alone = (await client.post("/predict", json={"features": ROW, "market_time": IN_TIME})).json()
    listed = (await client.post("/predict", json={"features": [ROW], "market_time": IN_TIME})).json()

    assert alone == listed
    assert alone["symbol"] is None


async def test_names_count_and_not_their_order(client: httpx.AsyncClient) -> None:
    """Features are matched by name."""
    turned = dict(reversed(ROW.items()))
    first = (await client.post("/predict", json={"features": ROW})).json()
    second = (await client.post("/predict", json={"features": turned})).json()

    assert list(turned) != list(ROW)
    assert first == second


@pytest.mark.parametrize(
    ("time", "abstained"),
    [
        ("2010-12-31T21:00:00.000000Z", None),
        ("2013-03-10T23:59:59.999999Z", None),  # 800 days after 2010-12-31, that day included
        ("2013-03-11T00:00:00.000000Z", "model_stale"),
        (None, "model_stale"),  # now
    ],
)
async def test_a_stale_model_abstains(client: httpx.AsyncClient, time: str | None, abstained: str | None) -> None:
    """By the market's time, or now where none is given: HOLD with the reason, beside the numbers that it would say."""
    answer = (await client.post("/predict", json={"features": ROW, "market_time": time})).json()

    assert answer["abstained"] == abstained
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-12)
    if abstained:
        assert answer["direction"] == "HOLD"


async def test_a_caller_that_knows_better_gets_what_the_model_says(client: httpx.AsyncClient) -> None:
    """With abstain false nothing is said of age: the verdict is the one of a time when the model was fresh."""
    fresh = (await client.post("/predict", json={"features": ROW, "market_time": IN_TIME})).json()
    asked = (await client.post("/predict", json={"features": ROW, "abstain": False})).json()

    assert fresh["direction"] == asked["direction"] != "HOLD"
    assert asked["abstained"] is None


MISSING = {name: value for name, value in ROW.items() if name != "rsi_14"}
BAD: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"features": MISSING}, 422, "MODEL_FEATURES_MISMATCH", "#/features"),
    ({"features": {**ROW, "moon": 1.0}}, 422, "MODEL_FEATURES_MISMATCH", "#/features"),
    ({"features": {}}, 422, "MODEL_FEATURES_MISMATCH", "#/features"),
    ({"features": [ROW, ROW]}, 422, "MODEL_ROWS_MISMATCH", "#/features"),
    ({"features": [ROW], "model": f"{NAME}/3"}, 422, "MODEL_ROWS_MISMATCH", "#/features"),
    ({"features": {**ROW, "rsi_14": 1e39}}, 422, "MODEL_ROWS_NOT_FINITE", "#/features"),
    ({"features": {**ROW, "rsi_14": "50"}}, 422, "FIELD_TYPE", "#/features/rsi_14"),
    ({"features": {**ROW, "rsi_14": True}}, 422, "FIELD_TYPE", "#/features/rsi_14"),
    ({"features": [{**ROW, "rsi_14": None}]}, 422, "FIELD_TYPE", "#/features/0/rsi_14"),
    ({"features": []}, 422, "FIELD_INVALID", "#/features"),
    ({"features": [ROW] * 513}, 422, "FIELD_INVALID", "#/features"),
    ({"features": "rsi"}, 422, "FIELD_TYPE", "#/features"),
    ({}, 422, "FIELD_MISSING", "#/features"),
    ({"features": ROW, "moon": 1}, 422, "FIELD_UNKNOWN", "#/moon"),
    ({"features": ROW, "explain": "yes"}, 422, "FIELD_TYPE", "#/explain"),
    ({"features": ROW, "market_time": "yesterday"}, 422, "TIME_UNREADABLE", "#/market_time"),
    ({"features": ROW, "symbol": "no such"}, 422, "FIELD_INVALID", "#/symbol"),
    ({"features": ROW, "model": "signals"}, 422, "FIELD_INVALID", "#/model"),
    ({"features": ROW, "model": "signals/../../etc"}, 422, "FIELD_INVALID", "#/model"),
    ({"features": ROW, "model": "signals/99"}, 404, "MODEL_VERSION_UNKNOWN", None),
    ({"features": ROW, "model": "signals/000000001"}, 404, "MODEL_VERSION_UNKNOWN", None),
    ({"features": ROW, "model": "signals@moon"}, 404, "MODEL_ALIAS_UNKNOWN", None),
    ({"features": ROW, "model": "signals@.."}, 404, "MODEL_ALIAS_UNKNOWN", None),
    ({"features": ROW, "model": "others@champion"}, 404, "MODEL_UNKNOWN", None),
]


@pytest.mark.parametrize(("body", "status", "code", "pointer"), BAD)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    """A problem with a stable code, and a pointer to the place where the body is wrong."""
    answer = await client.post("/predict", json=body)
    problem = answer.json()

    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error.get("pointer") for error in problem["errors"]] == ([] if pointer is None else [pointer])


async def test_the_text_names_the_features(client: httpx.AsyncClient) -> None:
    """Whoever forgot a feature, or misspelt one, reads which."""
    answer = await client.post("/predict", json={"features": {**MISSING, "rsi_41": 1.0}})

    assert "missing: ['rsi_14']" in answer.json()["detail"]
    assert "unknown: ['rsi_41']" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ('{"features": {"rsi_14": NaN}}', 400, "JSON_MALFORMED"),
        ('{"features": {"rsi_14": -Infinity}}', 400, "JSON_MALFORMED"),
        ('{"features": {"rsi_14": 1e999}}', 422, "FIELD_NOT_FINITE"),
        ('{"features": {"rsi_14": 1' + "0" * 400 + "}}", 422, "FIELD_TYPE"),
        ('{"features": {"rsi_14": 1, "rsi_14": 2}}', 400, "JSON_MALFORMED"),
        ("{", 400, "JSON_MALFORMED"),
        ("", 400, "JSON_MALFORMED"),
        ('{"features": {"rsi_14": 1}, "x": "' + "a" * 600_000 + '"}', 413, "BODY_TOO_LARGE"),
    ],
)
async def test_bodies_that_are_no_requests(client: httpx.AsyncClient, text: str, status: int, code: str) -> None:
    """What JSON does not have (RFC 8259: NaN, infinity) and what is too large never reaches a model."""
    answer = await client.post("/predict", content=text, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_another_content_type_is_refused(client: httpx.AsyncClient) -> None:
    """A form of a browser cannot ask."""
    answer = await client.post(
        "/predict", content=json.dumps({"features": ROW}), headers={"Content-Type": "text/plain"}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "CONTENT_TYPE_NOT_JSON")


async def test_more_requests_than_may_be_are_told_to_come_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given two requests that hold a service for two, when a third comes, then it is 503 with Retry-After; and then
    there is room again.
    """
    gate, inside, held = threading.Event(), threading.Semaphore(0), Predictor.probabilities

    def slowly(self: Predictor, rows: Array) -> Array:
        if rows.any():  # zeros are the warm-up's
            inside.release()
            assert gate.wait(10)
        return held(self, rows)

    monkeypatch.setattr(Predictor, "probabilities", slowly)
    async with serving(settings.model_copy(update={"model_requests_max": 2})) as client:
        body = asking(rows_of(1)[0], explain=True)  # computed beside the loop
        two = [asyncio.create_task(client.post("/predict", json=body)) for _ in range(2)]
        for _ in two:
            assert await asyncio.to_thread(inside.acquire, timeout=10)
        third = await client.post("/predict", json=body)
        gate.set()
        first = [answer.status_code for answer in await asyncio.gather(*two)]
        again = await client.post("/predict", json=body)

    assert (third.status_code, third.json()["code"], third.headers["retry-after"]) == (503, "SERVICE_BUSY", "1")
    assert [*first, again.status_code] == [200, 200, 200]


async def test_predictions_are_counted_and_timed(client: httpx.AsyncClient) -> None:
    """One prediction is one observation of its time, and counts under its direction and its reason to abstain."""

    def figures() -> tuple[float, float]:
        counted = REGISTRY.get_sample_value("predictions_total", {"direction": "HOLD", "abstained": "model_stale"})
        return counted or 0.0, REGISTRY.get_sample_value("model_inference_time_ms_count") or 0.0

    before = figures()
    await client.post("/predict", json={"features": ROW})
    after = figures()
    exposed = (await client.get("/metrics")).text

    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    assert "model_inference_time_ms_bucket" in exposed


async def test_a_trace_goes_through(client: httpx.AsyncClient) -> None:
    """The caller's trace and request id are the answer's."""
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    answer = await client.post("/predict", json={"features": ROW}, headers={"traceparent": trace, "X-Request-Id": "r1"})

    assert answer.headers["traceparent"].split("-")[1] == "ab" * 16
    assert answer.headers["x-request-id"] == "r1"
