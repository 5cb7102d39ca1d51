"""A rebalance over HTTP on real servers: what is shown is what is done, and what became of it can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from domain.events import CommandRejected, OrderAccepted, OrderFilled, RebalancePlanned
from projections.worker import Projector
from runtime.settings import Settings
from tests.streams.ledger.test_rebalancer import ACCOUNT, fill, invested, of, wait_for
from tests.streams.trading import mark, send
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
WISH = {"weights": {"IBM": "0.5"}, "cash_weight": "0.5", "allowance": "0.10"}
PATH = f"/api/portfolio/{ACCOUNT}"


@contextmanager
def projecting(settings: Settings) -> Iterator[None]:
    projector = Projector(settings)
    projector.start()
    try:
        yield
    finally:
        projector.stop()


async def until(client: httpx.AsyncClient, path: str, wanted: str) -> dict[str, Any]:
    for _ in range(200):
        answer = await client.get(path)
        if answer.status_code == 200 and answer.json()["status"] == wanted:
            found: dict[str, Any] = answer.json()
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} did not become {wanted}: {answer.text}")


async def preview(client: httpx.AsyncClient, wish: dict[str, Any], equity: str) -> httpx.Response:
    """The preview, once the projection has come as far as this equity."""
    for _ in range(200):
        answer = await client.post(f"{PATH}/rebalance/preview", json=wish)
        if answer.status_code == 200 and answer.json()["equity"] == equity:
            return answer
        await asyncio.sleep(0.1)
    raise AssertionError(answer.text)


async def test_what_is_shown_is_what_is_done(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """999.50 of equity, half into IBM at 20: one AAPL goes, 24 IBM come. The plan says what became of each."""
    with worker(ledger_settings, "streams.ledger.worker"), projecting(ledger_settings):
        await asyncio.to_thread(invested, ledger_settings)
        shown = await preview(online, WISH, "999.50")
        lines = [(one["side"], one["symbol"], one["quantity"], one["status"]) for one in shown.json()["orders"]]
        assert lines == [("SELL", "AAPL", "1", None), ("BUY", "IBM", "24", None)]

        asked = await online.post(
            f"{PATH}/rebalance", json=WISH, headers={"Idempotency-Key": "r1", "If-Match": shown.headers["etag"]}
        )
        assert asked.status_code == 202, asked.text
        path = asked.json()["status_url"]
        assert (await until(online, path, "UNDER_WAY"))["equity"] == "999.50"
        for number, price in ((2, "10"), (3, "20")):
            accepted = (await asyncio.to_thread(wait_for, ledger_settings, OrderAccepted, number))[-1]
            send(ledger_settings, fill(accepted, price), topic="execution.reports")
            await asyncio.to_thread(wait_for, ledger_settings, OrderFilled, number)
        done = await until(online, path, "DONE")

    (plan,) = of(ledger_settings, RebalancePlanned)
    assert plan.plan_id == done["plan_id"]
    assert [(one["filled_quantity"], Decimal(one["average_price"])) for one in done["orders"]] == [
        ("1", 10),
        ("24", 20),
    ]
    listed = (await online.get(f"{PATH}/rebalances")).json()["data"]
    assert [one["plan_id"] for one in listed] == [plan.plan_id]


async def test_a_plan_that_would_be_another_now_is_refused(
    online: httpx.AsyncClient, ledger_settings: Settings
) -> None:
    """IBM has moved since the preview: PLAN_CHANGED, and nothing is planned."""
    with worker(ledger_settings, "streams.ledger.worker"), projecting(ledger_settings):
        await asyncio.to_thread(invested, ledger_settings)
        shown = await preview(online, WISH, "999.50")
        send(ledger_settings, *mark(ledger_settings, IBM="25"))
        headers = {"Idempotency-Key": "r1", "If-Match": shown.headers["etag"]}
        await online.post(f"{PATH}/rebalance", json=WISH, headers=headers)
        (refused,) = await asyncio.to_thread(wait_for, ledger_settings, CommandRejected, 1)

    assert refused.code == "PLAN_CHANGED"
    assert of(ledger_settings, RebalancePlanned) == []


async def test_a_wish_or_a_tag_that_cannot_be_is_refused_at_the_edge(offline: httpx.AsyncClient) -> None:
    """Weights that do not sum to one, and a tag that no preview gave, cost no command."""
    key = {"Idempotency-Key": "r1"}
    bad = await offline.post(f"{PATH}/rebalance", json=WISH | {"cash_weight": "0.4"}, headers=key)
    tag = await offline.post(f"{PATH}/rebalance", json=WISH, headers=key | {"If-Match": '"v1"'})

    assert (bad.status_code, bad.json()["code"], bad.json()["errors"][0]["pointer"]) == (
        422,
        "WEIGHTS_INVALID",
        "#/weights",
    )
    assert (tag.status_code, tag.json()["code"]) == (422, "IF_MATCH_INVALID")
