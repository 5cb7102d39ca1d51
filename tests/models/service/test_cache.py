"""Predictions kept in Redis: found again, not believed when they are not sound, and not missed when it is gone."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from models.engine.predictor import Predictor
from models.features import FEATURE_NAMES
from models.learners.calibration import Calibration
from models.service.cache import Answer, Cache
from runtime import patient_redis
from runtime.embedded.valkey import Valkey
from runtime.settings import Settings
from tests.models.service.stage import (
    LSTM,
    NAME,
    add,
    asking,
    come_true,
    in_process,
    point,
    rows_of,
    serving,
    settings_of,
)

KEY = re.compile(rf"model:inference:{NAME}/[0-9]+:[0-9a-f]{{64}}")
PATIENT_MS = 3_000
"""A busy machine keeps the loop waiting for longer than Redis may: that is not what these tests ask."""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(valkey: Valkey) -> Iterator[redis.Redis]:
    """The server's database, empty."""
    with redis.Redis(port=valkey.port) as client:
        client.flushall()
        client.config_resetstat()
        yield client


@pytest.fixture
def kept(settings: Settings, valkey: Valkey, store: redis.Redis) -> Settings:
    """Settings with the cache on."""
    return on(settings, valkey)


def on(settings: Settings, valkey: Valkey) -> Settings:
    changes = {"model_cache_ttl_s": 60, "model_cache_timeout_ms": PATIENT_MS, **valkey.endpoints()}
    return settings.model_copy(update=changes)


def keys_of(store: redis.Redis) -> list[str]:
    found: Any = store.keys("*")
    return sorted(key.decode() for key in found)


def looked_up(outcome: str) -> float:
    return REGISTRY.get_sample_value("model_cache_lookups_total", {"outcome": outcome}) or 0.0


async def ask(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_same_question_is_answered_from_redis(kept: Settings, store: redis.Redis) -> None:
    """Given an answer, when the same is asked within 60 s, then the very same numbers come from Redis."""
    before = looked_up("hit"), looked_up("miss")
    async with serving(kept) as client:
        first, second = [await ask(client, asking(rows_of(1)[0])) for _ in range(2)]
        (key,) = keys_of(store)
        left_s: Any = store.ttl(key)

    assert (first["cached"], second["cached"]) == (False, True)
    assert {**first, "cached": None} == {**second, "cached": None}
    assert KEY.fullmatch(key)
    assert 0 < left_s <= 60
    assert (looked_up("hit") - before[0], looked_up("miss") - before[1]) == (1, 1)


async def test_reasons_are_kept_too(kept: Settings) -> None:
    """An answer without reasons is no answer to a question for them; once there, they serve both."""
    row = rows_of(1)[0]
    async with serving(kept) as client:
        asked = [await ask(client, asking(row, explain=explain)) for explain in (False, True, True, False)]

    assert [one["cached"] for one in asked] == [False, False, True, True]
    assert asked[1]["explanation"] == asked[2]["explanation"] is not None
    assert asked[3]["explanation"] is None


async def test_what_is_kept_is_no_verdict(kept: Settings) -> None:
    """The numbers are kept; whether the model may be believed is decided anew, by the time that is asked about."""
    row = rows_of(1)[0]
    async with serving(kept) as client:
        first = await ask(client, asking(row))
        later = await ask(client, asking(row, market_time="2015-01-01T00:00:00.000000Z"))

    assert (first["abstained"], later["abstained"]) == (None, "model_stale")
    assert later["cached"]


async def test_a_caller_may_do_without(kept: Settings, store: redis.Redis) -> None:
    """Given a lie in Redis, when use_cache is false, then nothing is read there and nothing written."""
    row = rows_of(1)[0]
    async with serving(kept) as client:
        honest = await ask(client, asking(row, use_cache=False))
        assert keys_of(store) == []
        await ask(client, asking(row))
        (key,) = keys_of(store)
        store.set(key, msgspec.json.encode(Answer(probabilities=(0.1, 0.2, 0.7))))
        believed, again = await ask(client, asking(row)), await ask(client, asking(row, use_cache=False))

    assert believed["probabilities"] == {"BUY": 0.1, "SELL": 0.2, "HOLD": 0.7}
    assert again == honest


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe not text",
        b"null",
        b"[[0.5,0.5]]",
        b"[[0.5,0.5,0.5]]",
        b"[[1.5,-0.25,-0.25]]",
        b'[["0.2","0.3","0.5"]]',
        b"[[0.2,0.3,0.5],[[1.0]]]",
        b"[[0.2,0.3,0.5],null,1]",
        b"[[0.2,0.3,1e999]]",
        ["a list"],
    ],
)
async def test_what_no_model_says_is_made_again_and_written_over(
    kept: Settings, store: redis.Redis, content: Any
) -> None:
    """Given something else under the key, then the answer is the model's, and next time it is found."""
    row = rows_of(1)[0]
    before = looked_up("corrupt")
    async with serving(kept) as client:
        honest = await ask(client, asking(row))
        (key,) = keys_of(store)
        store.delete(key)
        _ = store.rpush(key, *content) if isinstance(content, list) else store.set(key, content)
        second, third = await ask(client, asking(row)), await ask(client, asking(row))

    assert second == honest
    assert third == {**honest, "cached": True}
    # MGET gives nothing for what is no string, so that one counts as missing.
    assert looked_up("corrupt") - before == (0 if isinstance(content, list) else 1)


async def test_a_version_that_was_made_again_never_gives_the_old_ones_answers(
    tmp_path: Path, valkey: Valkey, store: redis.Redis
) -> None:
    """Given three homes whose version 1 differs, by its trees or by its calibration alone, and one Redis, then each
    answers with its own numbers.
    """
    answers = []
    for number, (seed, slope) in enumerate(((1, 1.0), (2, 1.0), (1, 0.5))):
        settings = on(settings_of(tmp_path / str(number)), valkey)
        meta = add(settings, "xgboost", "1", Calibration(slope=slope), seed=seed)
        point(settings, meta)
        async with serving(settings) as client:
            answers.append(await ask(client, asking(rows_of(1)[0])))
        expected = in_process(settings, "1").predict(rows_of(1)[0])
        assert answers[-1]["probabilities"] == expected

    assert [one["cached"] for one in answers] == [False] * 3
    assert len({one["probabilities"]["BUY"] for one in answers}) == 3
    assert len(keys_of(store)) == 3


async def test_a_batch_is_one_question_and_one_write(kept: Settings, store: redis.Redis) -> None:
    """Given 30 items of which 10 are known, then one MGET finds those, and one round trip writes the 20 others."""
    rows = rows_of(30)
    async with serving(kept) as client:
        await client.post("/predict/batch", json={"items": [asking(own) for own in rows[:10]]})
        store.config_resetstat()
        answer = await client.post("/predict/batch", json={"items": [asking(own) for own in rows]})
        alone = await ask(client, asking(rows[29]))
    results = [result["prediction"] for result in answer.json()["results"]]
    stats: Any = store.info("commandstats")

    assert [one["cached"] for one in results] == [True] * 10 + [False] * 20
    assert (stats["cmdstat_mget"]["calls"], stats["cmdstat_set"]["calls"]) == (2, 20)  # the lone one asks once more
    assert alone == {**results[29], "cached": True}


async def test_redis_may_be_wiped(kept: Settings, store: redis.Redis) -> None:
    """What is gone is made again."""
    async with serving(kept) as client:
        first = await ask(client, asking(rows_of(1)[0]))
        store.flushall()
        second = await ask(client, asking(rows_of(1)[0]))

    assert first == second


async def test_redis_may_die_and_come_back(kept: Settings, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given Redis killed, then answers are computed and readiness says degraded; once it is back they are found."""
    monkeypatch.setattr(patient_redis, "_PAUSE_S", 0.0)
    row = rows_of(1)[0]
    before = looked_up("unavailable")
    async with serving(kept) as client:
        honest = await ask(client, asking(row))
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGKILL)
        await come_true(lambda: not valkey.alive())
        without = [await ask(client, asking(row)) for _ in range(3)]
        state = (await client.get("/readyz")).json()
        valkey.start()

        async def is_found() -> bool:
            return bool((await ask(client, asking(row)))["cached"])

        await come_true(is_found)
        back = await ask(client, asking(row))

    assert without == [honest] * 3
    assert (state["status"], state["details"]["redis"]) == ("degraded", "down")
    assert back == {**honest, "cached": True}
    assert looked_up("unavailable") - before >= 3


async def test_a_silent_redis_costs_one_request_its_patience(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a server that takes connections and never says a word, then the first request waits for it, the next
    twenty do not ask; when it is asked again, one request does, however many come at once.
    """
    monkeypatch.setattr(patient_redis, "_PAUSE_S", 3_600.0)
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        changes = {"redis_url": f"redis://127.0.0.1:{port}/0", "model_cache_ttl_s": 60, "model_cache_timeout_ms": 30}
        async with serving(settings.model_copy(update=changes), is_ready=False) as client:

            async def is_answered() -> bool:
                return (await client.post("/predict", json=asking(rows_of(1)[0]))).status_code == 200

            await come_true(is_answered)
            first = asked
            many = await asyncio.gather(*(ask(client, asking(own)) for own in rows_of(20)))
            then = asked
            client._transport.app.state.cache._redis._silent_until = 0.0  # type: ignore[attr-defined]  # an hour is over
            await asyncio.gather(*(ask(client, asking(own)) for own in rows_of(20)))

    assert (first, then, asked) == (1, 1, 2)
    assert not any(one["cached"] for one in many)


async def test_off_means_off(settings: Settings) -> None:
    """With a TTL of 0 s Redis is not even connected to, and its absence is no defect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        async with serving(settings.model_copy(update={"redis_url": address, "model_cache_ttl_s": 0})) as client:
            asked = [await ask(client, asking(rows_of(1)[0])) for _ in range(2)]
            state = (await client.get("/readyz")).json()
        with pytest.raises(BlockingIOError):
            listener.accept()

    assert [one["cached"] for one in asked] == [False, False]
    assert (state["status"], state["details"]["redis"]) == ("ready", "off")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MATRICES = st.lists(NUMBERS, min_size=len(FEATURE_NAMES), max_size=len(FEATURE_NAMES)).map(lambda row: np.array([row]))


async def test_without_a_redis_it_is_off(settings: Settings) -> None:
    """A service that was told of no Redis serves, and nothing is missing."""
    async with serving(settings.model_copy(update={"redis_url": "", "model_cache_ttl_s": 60})) as client:
        asked = [await ask(client, asking(rows_of(1)[0])) for _ in range(2)]
        state = (await client.get("/readyz")).json()

    assert [one["cached"] for one in asked] == [False, False]
    assert (state["status"], state["details"]["redis"]) == ("ready", "off")


@pytest.fixture(scope="module")
def two_models(settings: Settings) -> tuple[Cache, Predictor, Predictor]:
    return Cache(settings), in_process(settings, "1"), in_process(settings, "2")


@given(first=MATRICES, second=MATRICES, place=st.integers(0, len(FEATURE_NAMES) - 1))
def test_a_key_is_one_model_and_one_set_of_bits(
    two_models: tuple[Cache, Predictor, Predictor], first: Any, second: Any, place: int
) -> None:
    """Equal bits under one key; another bit anywhere, another model, another shape: another key."""
    cache, one, other = two_models
    nudged = first.copy()
    nudged[0, place] = np.nextafter(nudged[0, place], 0.0 if nudged[0, place] else 1.0)

    assert cache.key(one, first) == cache.key(one, first.copy())
    assert (cache.key(one, first) == cache.key(one, second)) == (first.tobytes() == second.tobytes())
    assert cache.key(one, first) != cache.key(one, nudged)
    assert cache.key(one, first).rpartition(":")[2] != cache.key(other, first).rpartition(":")[2]
    assert cache.key(one, first) != cache.key(one, first.reshape(-1, 1))


async def test_several_rows_have_one_key(kept: Settings, store: redis.Redis) -> None:
    """An LSTM's answer is kept under all its rows; the same rows in another order are another question."""
    rows = rows_of(1, steps=LSTM.steps)[0]
    async with serving(kept) as client:
        asked = [await ask(client, asking(own, model=f"{NAME}/3")) for own in (rows, rows[::-1], rows)]

    assert [one["cached"] for one in asked] == [False, False, True]
    assert len(keys_of(store)) == 2
