"""`Prefer: wait` on commands: one answer says what the ledger has decided, and it is what can be read from then on.

Method: the application on real servers, with the ledger's worker and the projector.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from runtime.settings import Settings
from tests.api.conftest import CLOSED, serving, until_ready
from tests.api.test_bad_input import BRACKET, LIMIT, without
from tests.api.test_rebalance import projecting
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
WAIT = {"Prefer": "wait=10"}
NOBODY = "ord_" + "0" * 32


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any], key: str = "") -> httpx.Response:
    return await client.post(path, json=body, headers=WAIT | ({"Idempotency-Key": key} if key else {}))


def decided(answer: httpx.Response) -> dict[str, Any]:
    assert (answer.status_code, answer.headers.get("preference-applied")) == (200, "wait=10"), answer.text
    found: dict[str, Any] = answer.json()["decision"]
    return found


async def until_it_decides(client: httpx.AsyncClient) -> None:
    """The worker and the projector have started: an account that was asked for is there."""
    await client.post("/api/accounts", json={"account_id": "acc_0", "owner": "Ada"})
    for _ in range(600):
        if (await client.get("/api/accounts/acc_0")).status_code == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the ledger decides nothing")


async def test_the_answer_says_what_was_decided(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Accepted and rejected commands of every kind; after each the reads show it without waiting."""
    with worker(ledger_settings, "streams.ledger.worker"), projecting(ledger_settings):
        await until_it_decides(online)
        opened = await post(online, "/api/accounts", {"account_id": "acc_1", "owner": "Ada"})
        owner = (await online.get("/api/accounts/acc_1")).json()["owner"]
        paid = await post(online, "/api/accounts/acc_1/deposits", {"amount": "600.00"}, "d-1")
        cash = (await online.get("/api/portfolio/acc_1")).json()["cash"]
        again = await post(online, "/api/accounts/acc_1/deposits", {"amount": "600.00"}, "d-1")
        refused = await post(online, "/api/accounts/acc_1/withdrawals", {"amount": "600.01"}, "w-1")
        order = await post(online, "/api/orders", LIMIT)
        status = (await online.get(order.json()["status_url"])).json()["status"]
        dear = await post(online, "/api/orders", LIMIT | {"client_order_id": "dear", "quantity": "100"})
        legs = [without(LIMIT, "account_id") | {"client_order_id": f"b-{n}", "quantity": str(n)} for n in (1, 1000)]
        batch = await post(online, "/api/orders/batch", {"account_id": "acc_1", "orders": legs})
        group = await post(online, "/api/order-groups", BRACKET)
        cancel = await post(online, f"/api/orders/{NOBODY}/cancel", {"account_id": "acc_1"})
        stranger = await post(online, "/api/orders", LIMIT | {"account_id": "acc_9"})

    none = {"code": None, "detail": None, "values": {}}
    assert decided(opened) == {"outcome": "ACCEPTED", "order_status": None, **none}
    assert (owner, cash) == ("Ada", "600.00")
    assert decided(paid) == decided(again) == decided(opened)
    assert again.headers["idempotent-replayed"] == "true"
    assert (decided(refused)["outcome"], decided(refused)["code"]) == ("REJECTED", "CASH_INSUFFICIENT")
    assert decided(refused)["values"]
    assert decided(order) == {"outcome": "ACCEPTED", "order_status": "PENDING_NEW", **none}
    assert status == "PENDING_NEW"
    assert (decided(dear)["outcome"], decided(dear)["order_status"]) == ("REJECTED", "REJECTED")
    assert (decided(dear)["code"], decided(group)["code"]) == ("CASH_INSUFFICIENT", "CASH_INSUFFICIENT")
    assert batch.status_code == 200
    outcomes = [(one["decision"]["outcome"], one["decision"]["code"]) for one in batch.json()["orders"]]
    assert outcomes == [("ACCEPTED", None), ("REJECTED", "CASH_INSUFFICIENT")]
    assert decided(cancel)["code"] == "ORDER_UNKNOWN"
    assert decided(stranger)["code"] == "ACCOUNT_UNKNOWN"


async def test_what_is_not_decided_in_time_is_only_accepted(
    online: httpx.AsyncClient, ledger_settings: Settings
) -> None:
    """Nobody decides or projects: 202 after the wait, as without one. With the database away it is 202 as well."""
    late = await online.post("/api/orders", json=LIMIT, headers={"Prefer": "wait=1"})
    plain = await online.post("/api/orders", json=LIMIT | {"client_order_id": "c-2"})
    signal = await online.post("/api/signals", json={"symbol": "AAPL"}, headers={"Prefer": "wait=0"})
    away = {"database_reader_url": f"postgresql://tape_reader@{CLOSED}/tape"}
    async with serving(ledger_settings.model_copy(update=away)) as client:
        blind = await client.post("/api/orders", json=LIMIT | {"client_order_id": "c-3"}, headers={"Prefer": "wait=0"})

    for answer in (late, plain, signal, blind):
        assert (answer.status_code, answer.json()["decision"]) == (202, None), answer.text
        assert "preference-applied" not in answer.headers
    assert (await until_ready(online)).status_code == 200
