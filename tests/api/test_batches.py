"""Batches of orders, and requests that are under way: on real Kafka and Valkey."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api.app import BATCH_BYTES_MAX
from domain import ids
from domain.commands import SubmitOrder
from runtime.clients import redis_sync
from runtime.settings import Settings
from tests.api.conftest import CLOSED, serving
from tests.api.test_bad_input import LIMIT, without
from tests.api.test_gateway import decoded, publish, record_at, records, wait_for_price

pytestmark = pytest.mark.integration
KEY = {"Idempotency-Key": "batch-1"}
LEG = without(LIMIT, "account_id")
MARKET_LEG = without(LEG, "limit_price") | {"order_type": "MARKET"}


def batch(*legs: dict[str, Any]) -> dict[str, Any]:
    return {"account_id": "acc_1", "orders": list(legs)}


def numbered(count: int) -> list[dict[str, Any]]:
    return [LEG | {"client_order_id": f"c-{number}", "quantity": str(number + 1)} for number in range(count)]


async def test_500_orders_are_500_commands_in_their_order(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Each answer's position holds the order asked for at that place; offsets rise, so the ledger decides in order."""
    answer = await online.post("/api/orders/batch", json=batch(*numbered(500)))

    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert [order["client_order_id"] for order in body["orders"]] == [f"c-{number}" for number in range(500)]
    offsets = [order["position"]["offset"] for order in body["orders"]]
    assert offsets == sorted(set(offsets))
    assert body["position"] == body["orders"][-1]["position"]
    assert records(ledger_settings, "trading.commands") == 500
    for number in (0, 250, 499):
        order = body["orders"][number]
        command = decoded(record_at(ledger_settings, order["position"]))
        assert isinstance(command, SubmitOrder)
        assert (command.order_id, command.quantity) == (ids.order_id("acc_1", f"c-{number}"), Decimal(number + 1))
        assert order["order_id"] == command.order_id
        assert order["command_id"] == command.command_id
    assert answer.headers["location"] == body["status_url"] == "/api/orders?account_id=acc_1"


async def test_a_batch_again_sends_only_what_is_new(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Orders that were answered before, alone or in a batch, keep their answers."""
    alone = await online.post("/api/orders", json=LIMIT | {"client_order_id": "c-0", "quantity": "1"})
    first = await online.post("/api/orders/batch", json=batch(*numbered(3)))
    again = await online.post("/api/orders/batch", json=batch(*numbered(3)))
    more = await online.post("/api/orders/batch", json=batch(*numbered(4)))
    one = await online.post("/api/orders", json=LIMIT | {"client_order_id": "c-3", "quantity": "4"})

    assert first.json()["orders"][0] == alone.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert "idempotent-replayed" not in more.headers
    assert more.json()["orders"][:3] == first.json()["orders"]
    assert one.headers["idempotent-replayed"] == "true"
    assert one.json() == more.json()["orders"][3]
    assert records(ledger_settings, "trading.commands") == 4


async def test_a_key_names_a_whole_batch(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The same key with the same orders gives the stored answer, with others or in another order a conflict."""
    first = await online.post("/api/orders/batch", json=batch(*numbered(2)), headers=KEY)
    again = await online.post("/api/orders/batch", json=batch(*numbered(2)), headers=KEY)
    other = await online.post("/api/orders/batch", json=batch(*numbered(3)), headers=KEY)
    turned = await online.post("/api/orders/batch", json=batch(*reversed(numbered(2))), headers=KEY)

    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    for refused in (other, turned):
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_CONFLICT")
    assert records(ledger_settings, "trading.commands") == 2


async def test_what_is_wrong_with_one_refuses_all(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Every flaw is named with the pointer of its field, and nothing is sent or remembered."""
    await online.post("/api/orders", json=LIMIT | {"client_order_id": "c-1"})
    orders = numbered(5)
    orders[1]["quantity"] = "99"  # c-1 stands with 10
    conflict = await online.post("/api/orders/batch", json=batch(*orders))
    orders[1]["quantity"] = "10"
    orders[2]["quantity"], orders[3]["symbol"], orders[4]["limit_price"] = "0.5", "TSLA", "45.001"
    flaws = await online.post("/api/orders/batch", json=batch(*orders))
    twice = await online.post("/api/orders/batch", json=batch(LEG, LEG | {"quantity": "3"}))
    no_price = await online.post("/api/orders/batch", json=batch(LEG, MARKET_LEG | {"client_order_id": "m"}))

    def said(answer: httpx.Response) -> list[tuple[str, str]]:
        assert (answer.status_code, answer.json()["code"]) == (422, "BATCH_REFUSED"), answer.text
        return [(error["code"], error["pointer"]) for error in answer.json()["errors"]]

    assert said(conflict) == [("CLIENT_ORDER_ID_CONFLICT", "#/orders/1/client_order_id")]
    assert said(flaws) == [
        ("QUANTITY_OVER_PRECISE", "#/orders/2/quantity"),
        ("INSTRUMENT_UNKNOWN", "#/orders/3/symbol"),
        ("PRICE_OFF_INCREMENT", "#/orders/4/limit_price"),
    ]
    assert said(twice) == [("CLIENT_ORDER_ID_TWICE", "#/orders/1/client_order_id")]
    assert said(no_price) == [("PRICE_REQUIRED", "#/orders/1/protection_price")]
    assert records(ledger_settings, "trading.commands") == 1
    assert len(redis_sync(ledger_settings).keys("order:idem:*")) == 1


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (batch(), "FIELD_INVALID", "#/orders"),
        (batch(*numbered(501)), "FIELD_INVALID", "#/orders"),
        (batch(LIMIT), "FIELD_UNKNOWN", "#/orders/0/account_id"),
        (batch(LEG | {"quantity": 10}), "DECIMAL_NOT_STRING", "#/orders/0/quantity"),
        ({"orders": [LEG]}, "FIELD_MISSING", "#/account_id"),
    ],
)
async def test_bad_batches(offline: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str) -> None:
    """What breaks the form is refused before any server is needed."""
    answer = await offline.post("/api/orders/batch", json=body)

    assert answer.status_code == 422
    assert [(error["code"], error["pointer"]) for error in answer.json()["errors"]] == [(code, pointer)]


async def test_only_a_batch_may_be_large(offline: httpx.AsyncClient) -> None:
    """500 orders with every field at its longest fit into its bound, and no other operation takes so much."""
    longest = LEG | {
        "client_order_id": "c" * 48,
        "symbol": "AAPL",
        "quantity": "9" * 18 + "." + "9" * 18,
        "limit_price": "9" * 18 + "." + "9" * 18,
        "protection_price": "9" * 18 + "." + "9" * 18,
        "stop_price": "9" * 18 + "." + "9" * 18,
        "trail_amount": "9" * 18 + "." + "9" * 18,
        "trail_bps": "9" * 18 + "." + "9" * 18,
        "time_in_force": "AT_CLOSE",
        "expire_at": "2011-06-30T21:00:00.000001+00:00",
        "post_only": False,
        "reduce_only": False,
        "strategy_id": "s" * 64,
        "trader_id": "t" * 64,
    }
    large = batch(*[longest] * 500)

    taken = await offline.post("/api/orders/batch", json=large)
    alone = await offline.post("/api/orders", json=large)
    larger = await offline.post(
        "/api/orders/batch", content=b" " * (BATCH_BYTES_MAX + 1), headers={"Content-Type": "application/json"}
    )

    assert (taken.status_code, taken.json()["code"]) == (422, "BATCH_REFUSED")
    assert alone.status_code == larger.status_code == 413


async def test_purchases_at_the_market_get_a_worst_price(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """From the newest tick, 40 + 10 %; a retry of the batch after the market has moved names the first price."""
    publish(ledger_settings, "AAPL", "40")
    await wait_for_price(online, LIMIT | {"order_type": "MARKET", "limit_price": None, "client_order_id": "warm"})
    legs = [LEG | {"client_order_id": "l"}, MARKET_LEG | {"client_order_id": "m"}]

    answer = await online.post("/api/orders/batch", json=batch(*legs))

    assert [order["protection_price"] for order in answer.json()["orders"]] == [None, "44.00"]
    place = answer.json()["orders"][1]["position"]
    assert decoded(record_at(ledger_settings, place)).protection_price == Decimal("44.00")


async def test_a_batch_without_redis(ledger_settings: Settings) -> None:
    """Nothing is remembered, and every order is on the log; its id stays the same, so the ledger takes it once."""
    async with serving(ledger_settings.model_copy(update={"redis_url": f"redis://{CLOSED}/0"})) as client:
        first, second = [await client.post("/api/orders/batch", json=batch(*numbered(20)), headers=KEY) for _ in "12"]

    assert first.status_code == second.status_code == 202
    names = [[(order["order_id"], order["command_id"]) for order in one.json()["orders"]] for one in (first, second)]
    assert names[0] == names[1]
    assert records(ledger_settings, "trading.commands") == 40


async def test_a_batch_without_kafka(ledger_settings: Settings, online: httpx.AsyncClient, silent: str) -> None:
    """503, each order is named, and the same batch is taken when Kafka is back."""
    cut = ledger_settings.model_copy(update={"kafka_bootstrap_servers": silent, "api_kafka_timeout_ms": 300})
    async with serving(cut) as client:
        lost = await client.post("/api/orders/batch", json=batch(*numbered(3)), headers=KEY)
    retry = await online.post("/api/orders/batch", json=batch(*numbered(3)), headers=KEY)

    assert lost.status_code == 503
    assert lost.headers["retry-after"]
    assert "safe" in lost.json()["detail"]
    assert [error["pointer"] for error in lost.json()["errors"]] == [f"#/orders/{number}" for number in range(3)]
    assert retry.status_code == 202
    assert records(ledger_settings, "trading.commands") == 3


async def test_a_batch_needs_room_for_all(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The engine may have four orders and has two: a batch of three is refused whole, one of two is taken."""
    redis = redis_sync(ledger_settings)
    for number in range(2):
        redis.xadd(ledger_settings.execution_stream, {"order": str(number)})
    async with serving(ledger_settings.model_copy(update={"execution_stream_length_max": 4})) as client:
        three = await client.post("/api/orders/batch", json=batch(*numbered(3)))
        two = await client.post("/api/orders/batch", json=batch(*numbered(2)))

    assert (three.status_code, three.json()["code"]) == (503, "ENGINE_BEHIND")
    assert two.status_code == 202
    assert records(ledger_settings, "trading.commands") == 2


async def test_a_request_under_way_is_told(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """While one with a key is under way, another with it is 409; once it is answered, it is answered again.

    The mark of the one under way is set by hand, as its process would have left it when it died: with a bound in time.
    """
    redis = redis_sync(ledger_settings)
    redis.set("order:idem:acc_1:k-9:running", "another", px=60_000)
    key = {"Idempotency-Key": "k-9"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/api/orders", LIMIT),
        ("/api/orders/batch", batch(LEG)),
        ("/api/accounts/acc_1/deposits", {"amount": "5"}),
    ]

    for path, body in calls:
        under_way = await online.post(path, json=body, headers=key)
        assert (under_way.status_code, under_way.json()["code"]) == (409, "IDEMPOTENCY_KEY_IN_USE"), path
        assert under_way.headers["retry-after"] == "1"
        assert under_way.json()["errors"][0]["parameter"] == "header:Idempotency-Key"
    assert records(ledger_settings, "trading.commands") == 0
    redis.delete("order:idem:acc_1:k-9:running")
    answer = await online.post("/api/orders", json=LIMIT, headers=key)
    assert answer.status_code == 202
    assert redis.keys("*:running") == []


async def test_many_with_one_key_are_one_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Of requests at the same time one is sent; the others are told to come again, or have its answer."""
    answers = await asyncio.gather(
        *(online.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers=KEY) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} <= {202, 409}
    taken = [answer.json() for answer in answers if answer.status_code == 202]
    assert taken
    assert all(body == taken[0] for body in taken)
    assert records(ledger_settings, "trading.commands") == 1


async def test_a_request_that_failed_gives_its_key_free(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """After a refusal and after Kafka's silence the same key may be used at once."""
    refused = await online.post("/api/accounts/acc_1/deposits", json={"amount": "0"}, headers=KEY)
    cut = ledger_settings.model_copy(update={"kafka_bootstrap_servers": CLOSED, "api_kafka_timeout_ms": 300})
    async with serving(cut) as client:
        lost = await client.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers=KEY)
    taken = await online.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers=KEY)

    assert (refused.status_code, lost.status_code, taken.status_code) == (422, 503, 202)
