"""The alias moves while clients ask: no request fails, and each answer is wholly one model's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from models.engine.predictor import Predictor
from tests.models.service.stage import NAME, add, asking, in_process, point, rows_of, serving, settings_of, until

MOVES = 15
CLIENTS = 4
PAUSE_S = 0.001
"""Between two questions of a client: the thread that loads models needs Python's lock now and then, as it gets it
where answers go through sockets.
"""


@pytest.mark.parametrize("kinds", [("xgboost", "lightgbm")])
async def test_no_request_fails_while_the_alias_moves(tmp_path: Path, kinds: tuple[str, str]) -> None:
    """Goal: a promotion is not felt. Method: clients ask and ask, alone, with reasons and in batches, while the
    alias is moved back and forth between versions of two kinds; each answer is compared with both models' own.
    """
    settings = settings_of(tmp_path, model_refresh_ms=1)
    metas = [add(settings, kind, str(number)) for number, kind in enumerate(kinds, start=1)]
    point(settings, metas[0])
    models = {meta.version: in_process(settings, meta.version) for meta in metas}
    rows = rows_of(24)
    expected = {(v, n): model.predict(own) for v, model in models.items() for n, own in enumerate(rows)}
    assert all(expected["1", n] != expected["2", n] for n in range(len(rows)))
    seen: list[tuple[int, str, bool]] = []
    is_over = asyncio.Event()

    def check(prediction: dict[str, Any], number: int) -> str:
        version: str = prediction["model"]["version"]
        model: Predictor = models[version]
        is_right = prediction["probabilities"] == expected[version, number]
        is_right &= prediction["direction"] == model.decide(prediction["probabilities"])
        is_right &= (prediction["model"]["kind"], prediction["model"]["sha256"]) == (model.meta.kind, model.sha256)
        seen.append((number, version, is_right))
        return version

    async with serving(settings) as client:

        async def ask(start: int) -> None:
            number = start
            while not is_over.is_set():
                number = (number + 1) % len(rows)
                body = asking(rows[number], model=f"{NAME}@champion" if number % 2 else None, explain=number % 5 == 0)
                answer = await client.post("/predict", json=body)
                assert answer.status_code == 200, answer.text
                check(answer.json(), number)
                await asyncio.sleep(PAUSE_S)

        async def ask_batches() -> None:
            while not is_over.is_set():
                answer = await client.post("/predict/batch", json={"items": [asking(own) for own in rows]})
                assert answer.status_code == 200, answer.text
                results = answer.json()["results"]
                versions = {check(result["prediction"], number) for number, result in enumerate(results)}
                assert len(versions) == 1
                await asyncio.sleep(PAUSE_S)

        async def move() -> None:
            for number in range(1, MOVES + 1):
                target = metas[number % 2]
                point(settings, target)
                await until(client, "/readyz", lambda answer, v=target.version: _version(answer) == v)  # type: ignore[misc]
            is_over.set()

        async with asyncio.TaskGroup() as group:
            for start in range(CLIENTS):
                group.create_task(ask(start))
            group.create_task(ask_batches())
            group.create_task(move())

    assert all(is_right for *_, is_right in seen)
    assert {version for _, version, _ in seen} == {"1", "2"}
    assert len(seen) > MOVES


def _version(answer: Any) -> str:
    found: str = answer.json()["details"]["model"]["version"]
    return found
