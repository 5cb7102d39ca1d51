"""What serves is the last good model, and the answers say when that is not what the alias means."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import httpx
import pytest

import models.registry
from domain.errors import UnavailableError
from models.registry import store
from models.registry.meta import Pointer
from models.service.app import create_app
from runtime.settings import Settings
from tests.models.service.stage import (
    NAME,
    add,
    asking,
    come_true,
    in_process,
    point,
    rows_of,
    serving,
    settings_of,
    until,
)

ROWS = rows_of(1)[0]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Version 1 is the champion, and good."""
    settings = settings_of(tmp_path, model_refresh_ms=1)
    point(settings, add(settings, "logistic", "1"))
    return settings


def damage(settings: Settings, version: str, name: str = "model.bin") -> None:
    file = store.root(settings, NAME) / version / name
    file.write_bytes(file.read_bytes()[:-1] + b"?")


async def serves(client: httpx.AsyncClient, settings: Settings, version: str) -> dict[str, Any]:
    """The champion's answer, which is to be that version's own."""
    answer = await client.post("/predict", json=asking(ROWS))
    found: dict[str, Any] = answer.json()

    assert answer.status_code == 200, answer.text
    assert found["model"]["version"] == version
    assert found["probabilities"] == in_process(settings, version).predict(ROWS)
    return found


async def until_problem(client: httpx.AsyncClient, words: str) -> httpx.Response:
    return await until(client, "/readyz", lambda answer: words in answer.text)


async def test_a_damaged_new_version_does_not_replace_a_good_one(home: Settings) -> None:
    """Given an alias that moves to a damaged version, then the old one serves on and each answer says why; when the
    alias moves to a good one, that one serves and all is well again.
    """
    async with serving(home) as client:
        assert (await serves(client, home, "1"))["problem"] is None
        bad = add(home, "majority", "2")
        damage(home, "2")
        point(home, bad)
        await until_problem(client, "damaged")
        degraded = (await client.get("/readyz")).json()
        found = await serves(client, home, "1")
        listed = (await client.get("/models")).json()
        point(home, add(home, "majority", "3"))
        await until(client, "/readyz", lambda answer: answer.json()["details"]["model"]["version"] == "3")
        healed = (await client.get("/readyz")).json()
        after = await serves(client, home, "3")

    assert "damaged" in found["problem"]
    assert degraded["status"] == "degraded"
    assert (listed["serving"]["version"], "damaged" in listed["problem"]) == ("1", True)
    assert (healed["status"], after["problem"]) == ("ready", None)


@pytest.mark.parametrize("pointer", [b"{", b'{"version": "1"}', b"[]", b"\xff"])
async def test_a_damaged_pointer_changes_nothing(home: Settings, pointer: bytes) -> None:
    """An alias's file that is none is told, and the model that was there serves."""
    async with serving(home) as client:
        (store.root(home, NAME) / "champion.json").write_bytes(pointer)
        await until_problem(client, "no model pointer")

        assert "no model pointer" in (await serves(client, home, "1"))["problem"]


async def test_another_alias_s_damage_is_told_too(home: Settings) -> None:
    """The champion's own alias is followed all the same."""
    async with serving(home) as client:
        (store.root(home, NAME) / "challenger.json").write_bytes(b"{")
        await until_problem(client, "challenger.json")
        point(home, add(home, "majority", "2"))
        await until(client, "/readyz", lambda answer: answer.json()["details"]["model"]["version"] == "2")
        found = await serves(client, home, "2")

    assert "challenger.json" in found["problem"]


@pytest.mark.parametrize("name", ["model.bin", "meta.json"])
async def test_a_damaged_version_that_is_asked_for_is_no_answer(home: Settings, name: str) -> None:
    """Asked for by its number there is nothing good to fall back on: 503 with the reason. Once it is whole again, it
    answers, and the service was never restarted.
    """
    add(home, "majority", "2")
    file = store.root(home, NAME) / "2" / name
    whole = file.read_bytes()
    damage(home, "2", name)
    body = asking(ROWS, model=f"{NAME}/2")
    async with serving(home) as client:
        broken = await client.post("/predict", json=body)
        await serves(client, home, "1")
        file.write_bytes(whole)
        healed = await client.post("/predict", json=body)

    assert (broken.status_code, broken.json()["code"]) == (503, "MODEL_UNREADABLE")
    assert healed.status_code == 200


async def test_a_version_of_which_half_is_missing(home: Settings) -> None:
    """A version whose file is gone is not an unknown one."""
    add(home, "majority", "2")
    (store.root(home, NAME) / "2" / "model.bin").unlink()
    async with serving(home) as client:
        answer = await client.post("/predict", json=asking(ROWS, model=f"{NAME}/2"))

    assert (answer.status_code, answer.json()["code"]) == (503, "MODEL_UNREADABLE")
    assert "model.bin" in answer.json()["detail"]


async def test_an_alias_that_names_other_bytes_is_no_answer(home: Settings) -> None:
    """The pointer's hash binds an alias to a file."""
    add(home, "majority", "2")
    store.point(home, NAME, "challenger", Pointer(version="2", sha256="0" * 64))
    async with serving(home) as client:
        answer = await client.post("/predict", json=asking(ROWS, model=f"{NAME}@challenger"))

    assert (answer.status_code, answer.json()["code"]) == (503, "MODEL_UNREADABLE")


async def test_a_service_without_a_model_waits_for_one(tmp_path: Path) -> None:
    """Alive and not ready; 503 with Retry-After; and as soon as a model is trained, it serves."""
    settings = settings_of(tmp_path, model_refresh_ms=1)
    async with serving(settings, is_ready=False) as client:
        alive = await client.get("/livez")
        unready = await until(client, "/readyz", lambda answer: "looked up" not in answer.text)
        answer = await client.post("/predict", json=asking(ROWS))
        listed = (await client.get("/models")).json()
        point(settings, add(settings, "majority", "1"))
        await until(client, "/readyz", lambda found: found.status_code == 200)
        await serves(client, settings, "1")

    assert (alive.status_code, unready.status_code, unready.json()["code"]) == (200, 503, "MODEL_MISSING")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "MODEL_MISSING", "1")
    assert (listed["serving"], listed["problem"], listed["models"]) == (None, None, [])


async def test_a_first_model_that_is_damaged_is_told(tmp_path: Path) -> None:
    """With nothing good before it, the service is up, not ready, and says what is wrong."""
    settings = settings_of(tmp_path, model_refresh_ms=1)
    point(settings, add(settings, "majority", "1"))
    damage(settings, "1")
    async with serving(settings, is_ready=False) as client:
        await until_problem(client, "damaged")
        answer = await client.post("/predict", json=asking(ROWS))

    assert (answer.status_code, answer.json()["code"]) == (503, "MODEL_MISSING")
    assert "damaged" in answer.json()["detail"]


async def test_a_registry_that_is_away_is_told(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a registry that is a server and does not answer, then what the alias meant when it was last there serves,
    and each answer says so.
    """

    def away(settings: Settings) -> NoReturn:
        raise UnavailableError("MLflow at http://registry failed: no answer")

    monkeypatch.setattr(models.registry, "records", SimpleNamespace(sync=away), raising=False)
    async with serving(home.model_copy(update={"mlflow_tracking_uri": "http://registry"})) as client:
        found = await serves(client, home, "1")
        state = (await client.get("/readyz")).json()

    assert "MLflow at http://registry failed" in found["problem"]
    assert (state["status"], state["details"]["problem"]) == ("degraded", found["problem"])


async def test_a_request_keeps_its_model_to_its_end(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an alias that moves between a request's beginning and its prediction, then the first one answers."""
    second = add(home, "majority", "2")
    async with serving(home) as client:
        warm = client._transport.app.state.warm  # type: ignore[attr-defined]
        desk = client._transport.app.state.desk  # type: ignore[attr-defined]
        honest = desk._answers

        async def moved(asked: Any) -> Any:
            point(home, second)
            await until(client, "/readyz", lambda answer: answer.json()["details"]["model"]["version"] == "2")
            return await honest(asked)

        monkeypatch.setattr(desk, "_answers", moved)
        answer = (await client.post("/predict", json=asking(ROWS))).json()
        now = warm.champion.version

    assert (answer["model"]["version"], now) == ("1", "2")
    assert answer["probabilities"] == in_process(home, "1").predict(ROWS)


async def test_memory_is_bounded(home: Settings) -> None:
    """Of a dozen versions that are asked for, the eight newest asked for stay loaded, and the champion."""
    for number in range(2, 14):
        add(home, "majority", str(number))
    async with serving(home) as client:
        for number in [2, *range(3, 14), 2]:
            await client.post("/predict", json=asking(ROWS, model=f"{NAME}/{number}"))
        listed = (await client.get("/models")).json()["models"]

    assert [one["version"] for one in listed if one["is_loaded"]] == [*map(str, range(13, 6, -1)), "2", "1"]


async def test_what_nobody_foresaw_ends_the_service(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alias that is not followed any more would be served for ever: the worker sees the failure, and ends."""
    app = create_app(home)
    warm = app.state.warm
    monkeypatch.setattr(warm, "_look", lambda: 1 / 0)
    async with app.router.lifespan_context(app):
        await come_true(lambda: warm.failure is not None)

    assert isinstance(warm.failure, ZeroDivisionError)
