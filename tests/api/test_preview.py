"""The preview of an order over HTTP on real servers: what it says is what then happens, and it writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from domain.commands import GrantOverride, SetLimits
from domain.events import LimitsSet, OrderAccepted, OrderRejected, OverrideGranted
from domain.limits import Limits
from runtime.clients import redis_sync
from runtime.clock import now_us
from runtime.settings import Settings
from streams.tape import end_offsets
from tests.api.test_rebalance import projecting
from tests.streams.ledger.test_rebalancer import wait_for
from tests.streams.trading import mark, opened, send
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
ACCOUNT = "acc_preview"
TOPICS = ("trading.commands", "ledger.events", "audit.intake")


def order(client_order_id: str = "p-1", **fields: Any) -> dict[str, Any]:
    """20 AAPL at 10.50 or better."""
    return {
        "account_id": ACCOUNT,
        "client_order_id": client_order_id,
        "symbol": "AAPL",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": "20",
        "limit_price": "10.50",
    } | fields


async def preview(
    client: httpx.AsyncClient, body: dict[str, Any], until: Callable[[Any], Any] = lambda shown: shown["mark"]
) -> dict[str, Any]:
    """The preview, once the projection has come so far."""
    answer = None
    for _ in range(200):
        answer = await client.post("/api/orders/preview", json=body)
        if answer.status_code == 200 and until(answer.json()):
            found: dict[str, Any] = answer.json()
            return found
        await asyncio.sleep(0.1)
    assert answer is not None
    raise AssertionError(answer.text)


def _written(settings: Settings) -> tuple[Any, ...]:
    """How far every topic that a client could reach is, and what stands in Redis."""
    ends = [end_offsets(settings, settings.topic(topic)) for topic in TOPICS]
    return (*ends, sorted(redis_sync(settings).keys("order:*")))


async def test_it_says_what_then_happens_and_writes_nothing(
    online: httpx.AsyncClient, ledger_settings: Settings
) -> None:
    """20 x 10.50 = 210.00 are held of 1000.00; at the mark of 10.00 it would cost 200.00. The order is then accepted
    with that hold, under that id; a second preview knows it, and one with other content is a conflict.
    """
    with worker(ledger_settings, "streams.ledger.worker"), projecting(ledger_settings):
        send(ledger_settings, *opened(ACCOUNT, "1000.00"), *mark(ledger_settings, AAPL="10.00"))
        await preview(online, order())
        before = await asyncio.to_thread(_written, ledger_settings)
        shown = await preview(online, order())
        assert await asyncio.to_thread(_written, ledger_settings) == before

        assert (shown["verdict"], shown["refusals"], shown["limits"]) == ("ACCEPT", [], [])
        assert (shown["hold"]["cash"], shown["hold"]["currency"]) == ("210.00", "USD")
        assert (shown["estimated_cost"], shown["mark"]["price"]) == ("200.00", "10.00")
        assert (shown["buying_power"], shown["buying_power_after"]) == ("1000.00", "790.00")

        sent = await online.post("/api/orders", json=order())
        assert sent.json()["order_id"] == shown["order_id"]
        (accepted,) = await asyncio.to_thread(wait_for, ledger_settings, OrderAccepted, 1)
        assert (accepted.order.order_id, accepted.hold_cash) == (shown["order_id"], Decimal("210.00"))
        again = await preview(online, order(), lambda found: found["verdict"] == "KNOWN")
        assert (again["refusals"], again["buying_power"]) == ([], "790.00")
        redis_sync(ledger_settings).flushdb()
        other = await preview(online, order(quantity="21"))
        assert (other["verdict"], other["refusals"][0]["code"]) == ("REJECT", "CLIENT_ORDER_ID_CONFLICT")


async def test_every_refusal_is_shown_and_the_first_is_the_order_s(
    online: httpx.AsyncClient, ledger_settings: Settings
) -> None:
    """At most 150.00 an order and 1000.00 in cash: 200 x 10.50 breaks both. An override lifts the first."""
    limits = SetLimits(
        command_id="limits",
        account_id=ACCOUNT,
        issued_at_us=now_us(),
        scope="ACCOUNT",
        limits=Limits(order_value_max=Decimal(150)),
        set_by="Grace",
        reason="drill",
    )
    override = GrantOverride(
        command_id="override",
        account_id=ACCOUNT,
        issued_at_us=now_us(),
        override_id="ovr-1",
        client_order_id="block",
        codes=("ORDER_VALUE_EXCEEDED",),
        granted_by="Grace",
        reason="agreed by phone",
        expires_at_us=now_us() + 3_600_000_000,
    )
    with worker(ledger_settings, "streams.ledger.worker"), projecting(ledger_settings):
        send(ledger_settings, *opened(ACCOUNT, "1000.00"), *mark(ledger_settings, AAPL="10.00"), limits, override)
        await asyncio.to_thread(wait_for, ledger_settings, LimitsSet, 1)
        await asyncio.to_thread(wait_for, ledger_settings, OverrideGranted, 1)
        shown = await preview(online, order(quantity="200"), lambda found: found["limits"] and found["mark"])
        lifted = await preview(online, order("block", quantity="200"), lambda found: found["overrides"])
        await online.post("/api/orders", json=order(quantity="200"))
        (rejected,) = await asyncio.to_thread(wait_for, ledger_settings, OrderRejected, 1)

    assert shown["verdict"] == "REJECT"
    assert [refusal["code"] for refusal in shown["refusals"]] == ["ORDER_VALUE_EXCEEDED", "CASH_INSUFFICIENT"]
    assert shown["limits"] == [{"name": "order_value_max", "value": "150", "scope": "ACCOUNT", "version": 1}]
    assert shown["buying_power_after"] == "-1100.00"
    first = shown["refusals"][0]
    assert (rejected.code, rejected.text, rejected.details) == (first["code"], first["detail"], first["values"])
    assert (lifted["overrides"], lifted["overridden"]) == (["ovr-1"], ["ORDER_VALUE_EXCEEDED"])
    assert [refusal["code"] for refusal in lifted["refusals"]] == ["CASH_INSUFFICIENT"]


async def test_an_account_that_is_not_there(online: httpx.AsyncClient) -> None:
    """404, for no account can be looked at."""
    answer = await online.post("/api/orders/preview", json=order())

    assert (answer.status_code, answer.json()["code"]) == (404, "ACCOUNT_UNKNOWN")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"quantity": "0"}, "QUANTITY_NOT_POSITIVE", "#/quantity"),
        ({"symbol": "NONE"}, "INSTRUMENT_UNKNOWN", "#/symbol"),
        ({"limit_price": None}, "PRICE_REQUIRED", "#/limit_price"),
        ({"order_type": "MARKET", "limit_price": None}, "PRICE_REQUIRED", "#/protection_price"),
    ],
)
async def test_what_an_order_lacks_by_itself_is_refused_as_when_it_is_sent(
    offline: httpx.AsyncClient, fields: dict[str, Any], code: str, pointer: str
) -> None:
    """422 with the pointer, and no server is asked for it."""
    shown = await offline.post("/api/orders/preview", json=order(**fields))
    sent = await offline.post("/api/orders", json=order(**fields))

    for answer in (shown, sent):
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
