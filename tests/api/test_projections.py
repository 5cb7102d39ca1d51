"""How far projections are behind, and ETags of all reads."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from runtime.clients import kafka_producer
from runtime.settings import Settings
from tests.api import rows
from tests.api.conftest import CLOSED, serving
from tests.api.test_forms import DONE, LISTS, filled

DAY = datetime(2011, 1, 3, tzinfo=UTC)


def progress(settings: Settings, owner: rows.Connection, partition: int, next_offset: int) -> None:
    """Of market.ticks, whose records may be anything."""
    rows.insert(owner, "projection_progress", projection="ticks", topic=settings.topic("market.ticks"),
                partition=partition, next_offset=next_offset, head_seq=0, head_hash=b"", updated_at=DAY)  # fmt: skip


@pytest.mark.integration
async def test_the_lag_of_projections(
    online: httpx.AsyncClient, ledger_settings: Settings, owner: rows.Connection
) -> None:
    """Five records stand on partition 0, of which three are projected; partition 1 is empty and whole."""
    producer = kafka_producer(ledger_settings)
    for _ in range(5):
        producer.produce(ledger_settings.topic("market.ticks"), b"x", partition=0)
    producer.flush(10)
    progress(ledger_settings, owner, 0, 3)
    progress(ledger_settings, owner, 1, 0)

    shown = (await online.get("/api/projections")).json()

    assert [(row["partition"], row["next_offset"], row["end_offset"], row["lag"]) for row in shown["data"]] == [
        (0, 3, 5, 2),
        (1, 0, 0, 0),
    ]
    assert (shown["lag_max"], shown["lag_total"], shown["note"]) == (2, 2, None)
    assert shown["data"][0]["updated_at"] == "2011-01-03T00:00:00.000000Z"
    assert shown["data"][0]["age_s"] > 365 * 24 * 3600


@pytest.mark.integration
async def test_the_lag_without_kafka(ledger_settings: Settings, owner: rows.Connection) -> None:
    """What the tables know is said, and that Kafka did not say the rest."""
    progress(ledger_settings, owner, 0, 3)
    async with serving(ledger_settings.model_copy(update={"kafka_bootstrap_servers": CLOSED})) as client:
        answer = await client.get("/api/projections")

    shown = answer.json()
    [row] = shown["data"]
    assert answer.status_code == 200
    assert (row["next_offset"], row["end_offset"], row["lag"]) == (3, None, None)
    assert (shown["lag_max"], shown["lag_total"]) == (None, None)
    assert "Kafka" in shown["note"]


# ETags


SINGLES = (
    *("/api/accounts/acc", "/api/portfolio/acc", "/api/accounts/acc/trial-balance", "/api/orders/{order_id}"),
    *("/api/accounts/acc?position=3", "/api/portfolio/acc?position=3", "/api/orderbook/AAPL", "/api/risk/desk"),
    *("/api/accounts/acc/transfers/{transfer_id}", "/api/portfolio/acc/rebalances/{plan_id}", "/api/tapes"),
    *(f"/api/backtests/{DONE}", f"/api/backtests/{DONE}/report"),
)
STANDS = (
    *("/api/accounts/acc?position=3", "/api/portfolio/acc?position=3", "/api/orders/{order_id}"),
    *(f"/api/backtests/{DONE}", f"/api/backtests/{DONE}/report"),
)
STANDING_LISTS = (
    *("list_signals", "list_model_accuracy", "list_bars", "list_ticks", "list_depth"),
    *("list_backtests", "list_backtest_trades", "list_backtest_equity"),
)
"""What an event of the ledger that touches nothing shown does not change: the past, an order, and what is not of it."""


@pytest.mark.integration
async def test_every_read_that_has_not_changed_is_not_sent_again(
    online: httpx.AsyncClient, ledger_settings: Settings, owner: rows.Connection
) -> None:
    """The ETag of each list and single read: 304 without a body while nothing has happened, another one after a new
    event of the account; that of an answer as of a moment stands until a rebuilt projection replaces rows.
    """
    order_id = filled(ledger_settings, owner)
    names = {"order_id": order_id} | {
        name: owner.execute(statement).fetchone()[0]  # type: ignore[index]
        for name, statement in (
            ("transfer_id", "select transfer_id from transfers limit 1"),
            ("plan_id", "select plan_id from rebalance_events limit 1"),
        )
    }
    paths = [path.format(**names) for path in (*SINGLES, *LISTS.values())]
    first = {path: (await online.get(path)).headers.get("etag") for path in paths}
    for path, etag in first.items():
        assert etag, path
        assert etag.startswith('"'), path
        again = await online.get(path, headers={"If-None-Match": f'"other", {etag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag), path
    assert len(set(first.values())) == len(first)

    owner.execute("update projection_progress set next_offset = next_offset + 1")
    after = {path: (await online.get(path, headers={"If-None-Match": first[path]})).status_code for path in paths}

    unmoved = {path.format(**names) for path in (*STANDS, *(LISTS[name] for name in STANDING_LISTS))}
    assert after == {path: 304 if path in unmoved else 200 for path in paths}

    read = {path: (await online.get(path)).headers["etag"] for path in paths[: len(SINGLES)]}
    owner.execute("update feed_head set replaced_at = 1")
    statuses = {
        path: (await online.get(path, headers={"If-None-Match": tag})).status_code for path, tag in read.items()
    }
    assert statuses == dict.fromkeys(read, 200), "a rebuilt projection may have other rows"


def test_every_read_declares_its_etag(offline_app: FastAPI) -> None:
    """All GET operations of the query side but the one that tells the age of things."""
    untagged = {
        operation["operationId"]
        for item in offline_app.openapi()["paths"].values()
        for method, operation in item.items()
        if method == "get" and "ETag" not in operation["responses"]["200"].get("headers", {})
    }

    of_callers = {"get_me", "get_session", "list_keys", "list_users"}
    of_tools = {"livez", "readyz", "get_metrics", "get_asyncapi"}
    assert untagged == {"list_projections", "follow_stream"} | of_callers | of_tools
