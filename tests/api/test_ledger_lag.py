"""The gateway refuses commands while the ledger is too far behind, and never without cause.

Method: a real ledger worker as a process that is killed and started again, and the application on the same servers.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from confluent_kafka import KafkaException, TopicPartition
from prometheus_client import REGISTRY

from api.problems import MEDIA_TYPE
from domain import ids
from runtime import metrics
from runtime.clients import kafka_consumer, redis_sync
from runtime.settings import Settings
from streams.partitioning import partition_of
from tests.api.conftest import serving
from tests.api.test_bad_input import LIMIT
from tests.api.test_gateway import records
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
LEDGER = "streams.ledger.worker"
LAG_S_MAX = 1.0


@pytest.fixture
def impatient(ledger_settings: Settings) -> Settings:
    """A ledger that may be one second behind; the gauge knows nothing of an earlier test's."""
    metrics.ledger_lag_seconds.set(math.nan)
    return ledger_settings.model_copy(update={"api_ledger_lag_s_max": LAG_S_MAX})


def lag() -> float | None:
    """What the gauge says."""
    return REGISTRY.get_sample_value("ledger_lag_seconds")


async def order(client: httpx.AsyncClient, name: str) -> httpx.Response:
    return await client.post("/api/orders", json=LIMIT | {"client_order_id": name})


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + 60
    while not await condition():
        assert time.monotonic() < deadline, f"not within 60 s: {what}"
        await asyncio.sleep(0.1)


async def _lag_is(wanted: Callable[[float], bool]) -> bool:
    found = lag()
    return found is not None and wanted(found)


def decided(settings: Settings) -> int | None:
    """What the ledger's group has committed of the account's partition of commands; None: nothing."""
    consumer = kafka_consumer(settings, **{"group.id": settings.topic("ledger")})
    try:
        (found,) = consumer.committed([_partition(settings)], timeout=10)
        return found.offset if found.offset >= 0 else None
    finally:
        consumer.close()


def _take_back(settings: Settings) -> bool:
    """Commit offset 0 in the ledger's name; Kafka allows it once the last member has left the group."""
    consumer = kafka_consumer(settings, **{"group.id": settings.topic("ledger")})
    place = _partition(settings)
    try:
        consumer.commit(offsets=[TopicPartition(place.topic, place.partition, 0)], asynchronous=False)
    except KafkaException:
        return False
    finally:
        consumer.close()
    return True


def _partition(settings: Settings) -> TopicPartition:
    return TopicPartition(settings.topic("trading.commands"), partition_of(b"acc_1", settings.partitions))


async def test_a_ledger_that_is_behind_takes_no_more(impatient: Settings) -> None:
    """503 with Retry-After and nothing sent, but stored answers are given; taken again once the ledger is back."""
    async with serving(impatient) as client:
        with worker(impatient, LEDGER):
            await until(lambda: _lag_is(lambda seconds: seconds == 0), "the lag is known")
            assert (await order(client, "c-1")).status_code == 202
            await until(lambda: asyncio.to_thread(lambda: decided(impatient) == 1), "the command is decided")
        first = await order(client, "c-2")
        assert first.status_code == 202
        await until(lambda: _lag_is(lambda seconds: seconds > LAG_S_MAX), "the ledger is behind")
        sent = records(impatient, "trading.commands")

        refused = await order(client, "c-3")
        opened = await client.post("/api/accounts", json={"account_id": "acc_9", "owner": "Ada"})
        again = await order(client, "c-2")

        assert [refused.status_code, opened.status_code, again.status_code] == [503, 503, 202]
        assert refused.headers["content-type"] == MEDIA_TYPE
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == opened.json()["code"] == "LEDGER_BEHIND"
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json() == first.json()
        assert records(impatient, "trading.commands") == sent

        with worker(impatient, LEDGER):
            await until(lambda: _taken(client, "c-3"), "the refused order is taken")


async def _taken(client: httpx.AsyncClient, name: str) -> bool:
    return (await order(client, name)).status_code == 202


async def _refused(client: httpx.AsyncClient) -> bool:
    return (await order(client, "c-0")).status_code == 503


async def test_a_ledger_that_is_idle_is_not_behind(impatient: Settings) -> None:
    """The newest command grows old, but it is decided: the age of what is decided counts for nothing."""
    async with serving(impatient) as client:
        with worker(impatient, LEDGER):
            await until(lambda: _lag_is(lambda seconds: seconds == 0), "the lag is known")
            assert (await order(client, "c-1")).status_code == 202
            await until(lambda: asyncio.to_thread(lambda: decided(impatient) == 1), "the command is decided")
            await asyncio.sleep(3 * LAG_S_MAX)

            assert lag() == 0
            assert (await order(client, "c-2")).status_code == 202


async def test_a_ledger_that_died_before_it_could_commit(impatient: Settings) -> None:
    """All is decided, the committed offset does not say so, and nothing new comes: the next ledger puts it right."""
    async with serving(impatient) as client:
        with worker(impatient, LEDGER) as ledger:
            await until(lambda: _lag_is(lambda seconds: seconds == 0), "the lag is known")
            assert (await order(client, "c-1")).status_code == 202
            await until(lambda: asyncio.to_thread(lambda: decided(impatient) == 1), "the command is decided")
            assert ledger.stop() == 0
        await until(lambda: asyncio.to_thread(_take_back, impatient), "the commit is taken back")
        await until(lambda: _lag_is(lambda seconds: seconds > LAG_S_MAX), "it looks behind")

        with worker(impatient, LEDGER):
            await until(lambda: _lag_is(lambda seconds: seconds == 0), "it does not look behind any more")


async def test_a_lag_that_is_not_known_refuses_nothing(impatient: Settings) -> None:
    """A ledger that never ran has committed nothing: commands are taken, and wait for it on the log."""
    async with serving(impatient) as client:
        assert (await order(client, "c-1")).status_code == 202
        await asyncio.sleep(3 * LAG_S_MAX)
        found = lag()

        assert (await order(client, "c-2")).status_code == 202
        assert found is None or math.isnan(found)


async def test_a_gateway_of_another_ledger_sends_nothing(ledger_settings: Settings) -> None:
    """With another number of partitions than the topics have, every command would go astray."""
    async with serving(ledger_settings.model_copy(update={"partitions": 3})) as client:
        answer = await order(client, "c-1")

    assert (answer.status_code, answer.json()["code"]) == (503, "TOPICS_ALTERED")
    assert records(ledger_settings, "trading.commands") == 0
    assert "set PARTITIONS=4" in answer.json()["detail"]


async def test_an_engine_that_is_full_gets_no_more_orders(ledger_settings: Settings) -> None:
    """At the bound of its stream orders are refused; a cancel, which makes room, is taken; so is cash."""
    full = ledger_settings.model_copy(update={"execution_stream_length_max": 2})
    stream = redis_sync(full)
    for _ in range(2):
        stream.xadd(full.execution_stream, {"dispatch": "{}"})
    async with serving(full) as client:
        await until(lambda: _refused(client), "an order is refused")  # none is while Redis was asked in vain
        refused = await order(client, "c-1")
        canceled = await client.post(f"/api/orders/{ids.order_id('acc_1', 'c-9')}/cancel", json={"account_id": "acc_1"})
        cash = await client.post(
            "/api/accounts/acc_1/deposits", json={"amount": "1.00"}, headers={"Idempotency-Key": "k"}
        )
        stream.xtrim(full.execution_stream, maxlen=1, approximate=False)
        await until(lambda: _taken(client, "c-1"), "the order is taken when there is room")

    assert (refused.status_code, refused.json()["code"]) == (503, "ENGINE_BEHIND")
    assert int(refused.headers["retry-after"]) >= 1
    assert [canceled.status_code, cash.status_code] == [202, 202]


async def test_only_so_many_wait_for_kafka(offline_settings: Settings, silent: str) -> None:
    """While Kafka is silent each request waits; beyond the bound a request is refused at once, and nothing is sent."""
    few = offline_settings.model_copy(
        update={"kafka_bootstrap_servers": silent, "api_commands_waiting_max": 3, "api_kafka_timeout_ms": 2_000}
    )
    async with serving(few) as client:
        answers = await asyncio.gather(*(order(client, f"c-{n}") for n in range(8)))

    codes: list[Any] = sorted(answer.json()["code"] for answer in answers)
    assert codes == ["KAFKA_OUTCOME_UNKNOWN"] * 3 + ["KAFKA_QUEUE_FULL"] * 5
    assert {answer.status_code for answer in answers} == {503}
