"""POST /predict/batch: in order, at once, and what is wrong with one item does not fail the others."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from models.engine.predictor import Predictor
from models.features import Array
from runtime.settings import Settings
from tests.models.service.stage import LSTM, NAME, add, asking, named, point, rows_of, serving, settings_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_each_item_is_answered_as_if_it_were_alone(client: httpx.AsyncClient) -> None:
    """Given items for three models, mixed, some with reasons, then each result is what a request of its own gets."""
    one, four = rows_of(6, seed=1), rows_of(2, seed=2, steps=LSTM.steps)
    items = [
        asking(one[0]),
        asking(four[0], model=f"{NAME}/3", symbol="IBM"),
        asking(one[1], explain=True),
        asking(one[2], model=f"{NAME}@challenger"),
        {"features": named(one[3])},  # stale by now
        asking(four[1], model=f"{NAME}/3", explain=True),
        asking(one[0]),  # the same again
    ]
    alone = [(await client.post("/predict", json=item)).json() for item in items]
    answer = await client.post("/predict/batch", json={"items": items})

    assert answer.status_code == 200
    assert [result["prediction"] for result in answer.json()["results"]] == alone
    assert [result["error"] for result in answer.json()["results"]] == [None] * len(items)


async def test_what_is_wrong_with_one_does_not_fail_the_others(client: httpx.AsyncClient) -> None:
    """Each bad item has its own problem, with pointers into the batch; the good ones between them are answered."""
    row = named(rows_of(1)[0])[0]
    bad: list[tuple[Any, int, str, list[str]]] = [
        (7, 422, "FIELD_TYPE", ["#/items/1"]),
        ({"features": {**row, "rsi_14": "x"}}, 422, "FIELD_TYPE", ["#/items/3/features/rsi_14"]),
        ({"features": {**row, "rsi_14": 1e39}}, 422, "MODEL_ROWS_NOT_FINITE", ["#/items/5/features"]),
        ({"features": {"rsi_14": 1.0}}, 422, "MODEL_FEATURES_MISMATCH", ["#/items/7/features"]),
        ({"features": [row, row]}, 422, "MODEL_ROWS_MISMATCH", ["#/items/9/features"]),
        ({"features": row, "model": f"{NAME}/77"}, 404, "MODEL_VERSION_UNKNOWN", []),
        ({"features": row, "moon": 1, "sun": 2}, 422, "FIELD_UNKNOWN", ["#/items/13/moon", "#/items/13/sun"]),
    ]
    good = asking(rows_of(1)[0])
    items = [item for one in bad for item in (good, one[0])]
    alone = (await client.post("/predict", json=good)).json()
    results = (await client.post("/predict/batch", json={"items": items})).json()["results"]

    assert [result["prediction"] for result in results[::2]] == [alone] * len(bad)
    assert [result["prediction"] for result in results[1::2]] == [None] * len(bad)
    told = [result["error"] for result in results[1::2]]
    assert [(one["status"], one["code"]) for one in told] == [(status, code) for _, status, code, _ in bad]
    assert [[error["pointer"] for error in one["errors"]] for one in told] == [pointers for *_, pointers in bad]


async def test_a_model_is_asked_once_for_all_its_items(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given 40 items of two models, then each model computes once, all its rows together."""
    shapes: list[tuple[str, int]] = []
    honest = Predictor.probabilities

    def watched(self: Predictor, rows: Array) -> Array:
        shapes.append((self.version, len(rows)))
        return honest(self, rows)

    rows = rows_of(40)
    await client.post("/predict", json=asking(rows[0], model=f"{NAME}/2"))  # loaded, so that no warm-up is counted
    monkeypatch.setattr(Predictor, "probabilities", watched)
    items = [asking(own, model=f"{NAME}/{1 + place % 2}") for place, own in enumerate(rows)]
    await client.post("/predict/batch", json={"items": items})

    assert sorted(shapes) == [("1", 20), ("2", 20)]


@pytest.mark.parametrize("count", [0, 257])
async def test_too_many_items_or_none(client: httpx.AsyncClient, count: int) -> None:
    """A batch has a size that is a setting, and says it."""
    answer = await client.post("/predict/batch", json={"items": [{}] * count})

    assert (answer.status_code, answer.json()["code"]) == (422, "BATCH_SIZE")
    assert "1 to 256" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"items": {}}, {"items": [], "moon": 1}, []])
async def test_what_is_no_batch(client: httpx.AsyncClient, body: Any) -> None:
    """The body itself is an object with items, and nothing else."""
    assert (await client.post("/predict/batch", json=body)).status_code == 422


async def test_all_items_get_the_same_model_though_the_alias_moves(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an alias that moves while a batch is read, then all its items have the version that it meant first."""
    settings = settings_of(tmp_path)
    first, second = add(settings, "majority", "1"), add(settings, "logistic", "2")
    point(settings, first)
    async with serving(settings) as client:
        warm = client._transport.app.state.warm  # type: ignore[attr-defined]
        honest = Predictor.matrix

        def moving(self: Predictor, rows: Any) -> Array:
            warm._seen = warm._seen._replace(champion=second_model)
            return honest(self, rows)

        await client.post("/predict", json=asking(rows_of(1)[0], model=f"{NAME}/2"))
        second_model = warm.loaded()["2"]
        monkeypatch.setattr(Predictor, "matrix", moving)
        results = (await client.post("/predict/batch", json={"items": [asking(own) for own in rows_of(5)]})).json()

    assert {result["prediction"]["model"]["version"] for result in results["results"]} == {"1"}
    assert second.kind == "logistic"


async def test_the_size_is_a_setting(settings: Settings) -> None:
    """MODEL_BATCH_ITEMS_MAX items pass, one more does not."""
    items = [asking(own) for own in rows_of(4)]
    async with serving(settings.model_copy(update={"model_batch_items_max": 3})) as client:
        codes = [(await client.post("/predict/batch", json={"items": items[:n]})).status_code for n in (3, 4)]

    assert codes == [200, 422]
