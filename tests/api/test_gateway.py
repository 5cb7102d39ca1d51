"""Commands on real Kafka and Valkey: what is on the log is what was asked for, once per answer."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from domain import ids
from domain.commands import CancelOrder, Deposit, OpenAccount, ReplaceOrder, SubmitOrder, SubmitOrderGroup, Withdraw
from domain.market import Tick
from domain.signals import SignalRequested
from runtime.clients import kafka_consumer, kafka_producer, redis_sync
from runtime.clock import now_us
from runtime.embedded.ports import free_port
from runtime.settings import Settings
from streams import codec
from tests.api.conftest import CLOSED, serving, until_ready
from tests.api.test_bad_input import BRACKET, LIMIT, MARKET

pytestmark = pytest.mark.integration
KEY = {"Idempotency-Key": "k-1"}


def record_at(settings: Settings, place: dict[str, Any]) -> Any:
    """The record that an answer's position names."""
    consumer = kafka_consumer(settings)
    try:
        consumer.assign([TopicPartition(place["topic"], place["partition"], place["offset"])])
        message = consumer.poll(10)
        assert message is not None
        assert message.error() is None
        return message
    finally:
        consumer.close()


def decoded(message: Any) -> Any:
    return codec.decode(message.value(), message.headers())


def records(settings: Settings, topic: str) -> int:
    """How many records a topic holds."""
    consumer = kafka_consumer(settings)
    try:
        total = 0
        for partition in range(settings.partitions):
            low, high = watermarks(consumer, TopicPartition(settings.topic(topic), partition))
            total += high - low
        return total
    finally:
        consumer.close()


def watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """First and next offset; a partition just made may have no leader for a moment."""
    for _ in range(50):
        try:
            return consumer.get_watermark_offsets(partition, timeout=10)
        except KafkaException:
            time.sleep(0.1)
    raise AssertionError(f"{partition} has no leader")


async def test_an_order_is_one_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The record at the answer's position is the very SubmitOrder, keyed by account, in the request's trace."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    before_us = now_us()

    answer = await online.post("/api/orders", json=LIMIT, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    assert answer.status_code == 202
    body = answer.json()
    order_id = ids.order_id("acc_1", "c-1")
    assert body["order_id"] == order_id
    assert answer.headers["location"] == body["status_url"] == f"/api/orders/{order_id}"
    message = record_at(ledger_settings, body["position"])
    command = decoded(message)
    assert before_us <= command.issued_at_us <= now_us()
    assert command == SubmitOrder(
        command_id=body["command_id"],
        account_id="acc_1",
        issued_at_us=command.issued_at_us,
        order_id=order_id,
        client_order_id="c-1",
        symbol="AAPL",
        side="BUY",
        order_type="LIMIT",
        quantity=Decimal("10"),
        limit_price=Decimal("45.10"),
    )
    assert message.key() == b"acc_1"
    headers = dict(message.headers())
    assert headers["ce_id"] == body["command_id"].encode()
    assert headers["traceparent"].split(b"-")[1] == trace.encode()
    assert headers["traceparent"].decode() == answer.headers["traceparent"]


async def test_a_group_is_one_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Its record holds all three orders in order; the same request again gives the same answer and no record."""
    answer = await online.post("/api/order-groups", json=BRACKET)
    again = await online.post("/api/order-groups", json=BRACKET)

    assert answer.status_code == again.status_code == 202
    body = answer.json()
    names = [ids.order_id("acc_1", name) for name in ("entry", "profit", "loss")]
    assert body["group_id"] == ids.group_id("acc_1", "g-1")
    assert body["order_ids"] == names
    command = decoded(record_at(ledger_settings, body["position"]))
    assert isinstance(command, SubmitOrderGroup)
    assert [order.order_id for order in command.orders] == names
    assert command.orders[2].stop_price == 43
    assert again.json() == body
    assert records(ledger_settings, "trading.commands") == 1


async def test_a_replacement_names_what_changes(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """PATCH with two fields gives a ReplaceOrder with these two; times become microseconds."""
    order_id = ids.order_id("acc_1", "c-1")
    answer = await online.patch(
        f"/api/orders/{order_id}",
        json={"account_id": "acc_1", "limit_price": "45.25", "expire_at": "2011-06-30T21:00:00.000001Z"},
        headers=KEY,
    )

    assert answer.status_code == 202
    command = decoded(record_at(ledger_settings, answer.json()["position"]))
    assert command == ReplaceOrder(
        command_id=answer.json()["command_id"],
        account_id="acc_1",
        issued_at_us=command.issued_at_us,
        order_id=order_id,
        limit_price=Decimal("45.25"),
        expire_at_us=1_309_467_600_000_001,
    )


async def test_each_kind_of_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Accounts, cash, cancellations and signals give the command of their kind on the topic of their kind."""
    order_id = ids.order_id("acc_1", "c-1")
    calls: list[tuple[str, dict[str, Any], type[Any], dict[str, Any]]] = [
        (
            "/api/accounts",
            {"account_id": "acc_1", "owner": "Ada Lovelace", "fee_bps": "2.5"},
            OpenAccount,
            {"owner": "Ada Lovelace", "currency": "USD", "lot_method": "FIFO", "fee_bps": Decimal("2.5")},
        ),
        ("/api/accounts/acc_1/deposits", {"amount": "100000.00"}, Deposit, {"amount": Decimal("100000.00")}),
        ("/api/accounts/acc_1/withdrawals", {"amount": "0.01"}, Withdraw, {"amount": Decimal("0.01")}),
        (f"/api/orders/{order_id}/cancel", {"account_id": "acc_1"}, CancelOrder, {"order_id": order_id}),
        ("/api/signals", {"symbol": "AAPL"}, SignalRequested, {"symbol": "AAPL", "requested_by": "root"}),
    ]
    for number, (path, body, kind, fields) in enumerate(calls):
        answer = await online.post(path, json=body, headers={"Idempotency-Key": f"k-{number}"})

        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == answer.json()["status_url"]
        message = record_at(ledger_settings, answer.json()["position"])
        command = decoded(message)
        assert type(command) is kind
        assert {name: getattr(command, name) for name in fields} == fields
        assert message.key() == (b"AAPL" if kind is SignalRequested else b"acc_1")
    assert records(ledger_settings, "trading.commands") == 4
    assert records(ledger_settings, "signals.requests") == 1


async def test_a_repeat_is_answered_with_the_first_answer(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The same id with the same content gives the stored answer, and nothing more is put on the log."""
    first = await online.post("/api/orders", json=LIMIT)
    second = await online.post("/api/orders", json=LIMIT | {"quantity": "10.0"}, headers=KEY)

    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert (second.status_code, second.json(), second.headers["location"]) == (
        202,
        first.json(),
        first.headers["location"],
    )
    assert records(ledger_settings, "trading.commands") == 1
    redis = redis_sync(ledger_settings)
    [name] = redis.keys("order:idem:*")
    assert 3_590 <= redis.ttl(name) <= ledger_settings.idempotency_ttl_s == 3_600


async def test_an_id_with_other_content_is_a_conflict(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """A client order id, or a key, that comes again with other content is refused and changes nothing."""
    await online.post("/api/orders", json=LIMIT)
    await online.post("/api/orders", json=LIMIT | {"client_order_id": "c-2"}, headers=KEY)
    await online.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers={"Idempotency-Key": "k-2"})

    other_quantity = await online.post("/api/orders", json=LIMIT | {"quantity": "11"})
    other_order = await online.post("/api/orders", json=LIMIT | {"client_order_id": "c-3"}, headers=KEY)
    other_amount = await online.post(
        "/api/accounts/acc_1/deposits", json={"amount": "6"}, headers={"Idempotency-Key": "k-2"}
    )
    other_kind = await online.post(
        "/api/accounts/acc_1/withdrawals", json={"amount": "5"}, headers={"Idempotency-Key": "k-2"}
    )
    other_account = await online.post(
        "/api/accounts/acc_2/deposits", json={"amount": "6"}, headers={"Idempotency-Key": "k-2"}
    )

    assert (other_quantity.status_code, other_quantity.json()["code"]) == (422, "CLIENT_ORDER_ID_CONFLICT")
    assert other_quantity.json()["errors"][0]["pointer"] == "#/client_order_id"
    for refused in (other_order, other_amount, other_kind):
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_CONFLICT")
        assert refused.json()["errors"][0]["parameter"] == "header:Idempotency-Key"
    assert other_account.status_code == 202, "another account's key is another key"
    assert records(ledger_settings, "trading.commands") == 4


async def test_a_deposit_s_key_is_its_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Even when Redis has forgotten it, the same key gives the same command id: the ledger sees a repeat."""
    first = await online.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers=KEY)
    redis_sync(ledger_settings).flushdb()
    second = await online.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers=KEY)

    assert "idempotent-replayed" not in second.headers
    assert first.json()["position"] != second.json()["position"]
    assert first.json()["command_id"] == second.json()["command_id"]


@pytest.mark.parametrize("garbage", ["not json", "[]", '{"fingerprint": 1}'])
async def test_what_else_stands_in_redis_is_no_answer(
    online: httpx.AsyncClient, ledger_settings: Settings, garbage: str
) -> None:
    """Redis may hold anything under our names; it is treated as nothing."""
    redis_sync(ledger_settings).set(f"order:idem:{ids.order_id('acc_1', 'c-1')}", garbage)

    answer = await online.post("/api/orders", json=LIMIT)

    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (202, False)


async def test_without_redis_all_is_taken(ledger_settings: Settings) -> None:
    """No Redis means no stored answers, and nothing else: the ledger decides repeats. /readyz says degraded."""
    async with serving(ledger_settings.model_copy(update={"redis_url": f"redis://{CLOSED}/0"})) as client:
        answers = [await client.post("/api/orders", json=LIMIT) for _ in range(3)]
        ready = await until_ready(client)

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len({answer.json()["command_id"] for answer in answers}) == 1
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["dependencies"] == {"kafka": "up", "database": "up", "redis": "down"}


async def test_commands_are_taken_when_kafka_comes_late(ledger_settings: Settings) -> None:
    """While no broker can be reached nothing is sent; as soon as one answers, the very same request is taken."""
    host, _, port = ledger_settings.kafka_bootstrap_servers.partition(":")
    late = free_port()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    async with serving(ledger_settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{late}"})) as client:
        while (away := await client.post("/api/orders", json=LIMIT)).json()["code"] == "KAFKA_OUTCOME_UNKNOWN":
            pass
        async with await asyncio.start_server(forward, "127.0.0.1", late):
            while (answer := await client.post("/api/orders", json=LIMIT)).status_code == 503:
                pass

    assert away.json()["code"] == "KAFKA_UNAVAILABLE"
    assert answer.status_code == 202
    assert decoded(record_at(ledger_settings, answer.json()["position"])).order_id == answer.json()["order_id"]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_with_all_servers_it_is_ready(online: httpx.AsyncClient) -> None:
    """Kafka, the database and Redis answer."""
    ready = await until_ready(online)

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


async def test_many_clients_at_once(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Concurrent orders get positions of their own, and each position holds the order that was answered."""
    answers = await asyncio.gather(
        *(online.post("/api/orders", json=LIMIT | {"client_order_id": f"c-{n}"}) for n in range(60))
    )

    assert {answer.status_code for answer in answers} == {202}
    places = {json.dumps(answer.json()["position"]) for answer in answers}
    assert len(places) == records(ledger_settings, "trading.commands") == 60
    probe = answers[37].json()
    assert decoded(record_at(ledger_settings, probe["position"])).order_id == probe["order_id"]


async def wait_for_price(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    """The answer once the newest tick has come through, at most 10 s later."""
    deadline = time.monotonic() + 10
    while True:
        answer = await client.post("/api/orders", json=body)
        if answer.status_code != 422 or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(0.05)


def publish(settings: Settings, symbol: str, price: str) -> None:
    """One tick on market.ticks."""
    tick = Tick(symbol=symbol, market_time_us=now_us(), price=Decimal(price), volume=Decimal(100))
    value, headers = codec.encode(tick, id_=f"{symbol}-{price}", source="test", time_us=now_us(), subject=symbol)
    producer = kafka_producer(settings)
    producer.produce(settings.topic("market.ticks"), value, symbol, headers=headers)
    assert producer.flush(10) == 0


async def test_a_market_purchase_gets_a_protection_price(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Without one it is derived from the newest tick (45.1234 + 10 % = 49.63574, rounded up) and kept."""
    publish(ledger_settings, "AAPL", "40")
    publish(ledger_settings, "AAPL", "45.1234")
    publish(ledger_settings, "IBM", "160")

    first = await wait_for_price(online, MARKET | {"client_order_id": "first"})
    answer = await online.post("/api/orders", json=MARKET)
    publish(ledger_settings, "AAPL", "90")
    ibm = await wait_for_price(online, MARKET | {"client_order_id": "ibm", "symbol": "IBM"})
    again = await online.post("/api/orders", json=MARKET)

    assert first.status_code == answer.status_code == ibm.status_code == 202
    assert answer.json()["protection_price"] == "49.64"
    assert decoded(record_at(ledger_settings, answer.json()["position"])).protection_price == Decimal("49.64")
    assert ibm.json()["protection_price"] == "176.00"
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == answer.json()


async def test_an_order_of_unknown_outcome_keeps_its_price(
    online: httpx.AsyncClient, ledger_settings: Settings, silent: str
) -> None:
    """A retry after an answer that never came names the price of the first request, whatever the market did since."""
    publish(ledger_settings, "AAPL", "50")
    await wait_for_price(online, MARKET | {"client_order_id": "warm"})
    async with serving(
        ledger_settings.model_copy(update={"kafka_bootstrap_servers": silent, "api_kafka_timeout_ms": 300})
    ) as cut_off:
        lost = await cut_off.post("/api/orders", json=MARKET | {"protection_price": "55.55"})
    conflict = await online.post("/api/orders", json=MARKET | {"protection_price": "55.56"})
    retry = await online.post("/api/orders", json=MARKET | {"protection_price": "55.55"})

    assert (lost.status_code, lost.json()["code"]) == (503, "KAFKA_OUTCOME_UNKNOWN")
    assert (conflict.status_code, conflict.json()["code"]) == (422, "CLIENT_ORDER_ID_CONFLICT")
    assert (retry.status_code, retry.json()["protection_price"]) == (202, "55.55")
