"""GET /models: the versions that are there, what they are, and which of them serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from models.registry import store
from models.registry.meta import Meta
from runtime.settings import Settings
from tests.models.service.conftest import KINDS
from tests.models.service.stage import NAME, add, asking, point, rows_of, serving, settings_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_version_is_listed_newest_first(client: httpx.AsyncClient) -> None:
    """With its kind, its aliases, and whether it is in memory."""
    await client.post("/predict", json=asking(rows_of(1)[0], model=f"{NAME}/4"))
    listed = (await client.get("/models")).json()
    models = listed["models"]

    assert (listed["name"], listed["alias"], listed["problem"]) == (NAME, "champion", None)
    assert (listed["serving"]["version"], listed["serving"]["kind"]) == ("1", "xgboost")
    assert [one["version"] for one in models] == ["5", "4", "3", "2", "1"]
    assert [one["description"]["kind"] for one in models] == list(reversed(KINDS))
    assert {one["version"]: one["aliases"] for one in models if one["aliases"]} == {
        "1": ["champion"],
        "2": ["challenger"],
    }
    assert {one["version"] for one in models if one["is_loaded"]} >= {"1", "4"}
    assert [one["problem"] for one in models] == [None] * 5


async def test_a_description_says_what_a_model_is(client: httpx.AsyncClient, settings: Settings) -> None:
    """Features, range, metrics, and the limits above which its features have drifted."""
    meta, _ = store.read(settings, NAME, "2")
    found = (await client.get("/models/2")).json()["description"]

    assert (found["trained_from"], found["trained_to"]) == ("2000-01-03", "2010-12-31")
    assert found["features"] == list(meta.features)
    assert found["symbols"] == ["AAPL", "IBM"]
    assert found["metrics"] == {"hold_out_accuracy": 0.36}
    assert found["label"]["horizon_bars"] == 5
    assert found["drift_limits"]["pooled"] == meta.reference.baselines[""].limit
    assert found["thresholds"] == {"buy": 0.3, "sell": 0.3}


@pytest.mark.parametrize("version", ["1", "3"])
async def test_the_whole_meta_comes_through_unchanged(
    client: httpx.AsyncClient, settings: Settings, version: str
) -> None:
    """What is read from the answer is the very description that is on disk, to the last bit of every number."""
    answer = await client.get(f"/models/{version}")
    found = msgspec.convert(json.loads(answer.content)["meta"], Meta)

    assert found == store.read(settings, NAME, version)[0]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/models/77", 404, "MODEL_VERSION_UNKNOWN"),
        ("/models/champion", 422, "FIELD_INVALID"),
        ("/models/..%2F..%2Fetc", 404, "PATH_NOT_FOUND"),
        ("/models/1/model.bin", 404, "PATH_NOT_FOUND"),
    ],
)
async def test_what_is_no_version(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    """A version is a number; nothing else is read from disk."""
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_damaged_versions_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    """Given a description that cannot be read, one of other features and one under another's number, then each is
    listed with its problem, and the good ones beside them as ever; what is mended is seen.
    """
    settings = settings_of(tmp_path)
    metas = [add(settings, "majority", str(number)) for number in range(1, 5)]
    point(settings, metas[0])
    files = [store.root(settings, NAME) / meta.version / "meta.json" for meta in metas]
    whole = files[1].read_bytes()
    async with serving(settings) as client:
        files[1].write_bytes(b"{")
        _rewrite(files[2], features=["moon"])
        _rewrite(files[3], version="9")
        models = (await client.get("/models")).json()["models"]
        one = await client.get("/models/2")
        files[1].write_bytes(whole)
        mended = (await client.get("/models/2")).json()

    by_version = {model["version"]: model for model in models}
    assert by_version["1"]["problem"] is None
    assert "no model description" in by_version["2"]["problem"]
    assert "moon" in by_version["3"]["problem"]
    assert "version 9; expected" in by_version["4"]["problem"]
    assert [by_version[version]["description"] is None for version in "1234"] == [False, True, False, True]
    assert (one.status_code, one.json()["meta"]) == (200, None)
    assert (mended["problem"], mended["meta"]["version"]) == (None, "2")


def _rewrite(file: Path, **changes: Any) -> None:
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | changes))
