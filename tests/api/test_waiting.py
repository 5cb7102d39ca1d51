"""Read-your-writes: a read with min_position waits for what an input has caused, and says how far it is otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from api.prefer import preferred_wait_s
from api.query.waiting import Waiting
from domain.events import CashDeposited, OrderAccepted
from runtime.clients import redis_sync
from runtime.settings import Settings
from tests.api import rows
from tests.api.test_rebalance import projecting
from tests.streams.ledger.test_rebalancer import wait_for
from tests.streams.trading import opened, send
from tests.workers import worker

ACCOUNT = "acc_wait"


def causes(settings: Settings, owner: rows.Connection, next_offset: int) -> None:
    """Partition 1 of the ledger's tape has answered the commands before this one."""
    owner.execute("delete from tape_causes")
    rows.insert(owner, "tape_causes", topic=settings.topic("ledger.events"), partition=1,
                cause_topic="trading.commands", next_offset=next_offset, record_offset=0)  # fmt: skip


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        (None, None),
        ("wait=3", 3),
        ("respond-async, wait=0", 0),
        ("Wait = 4; foo", 4),
        ('wait="5"', 5),
        ("wait=1, wait=2", 1),
        ("wait=86400", 10),
        ("wait=-1", None),
        ("wait=soon", None),
        ("await=3", None),
        ("wait=1.5", None),
    ],
)
def test_the_wait_that_is_preferred(prefer: str | None, wait_s: float | None) -> None:
    """RFC 7240, section 4.3: whole seconds; at most ten here; what is none is passed over, as preferences are."""
    assert preferred_wait_s(prefer) == wait_s


@pytest.mark.parametrize(
    "place",
    ["2:7", "trading.commands:2", "market.ticks:0:1", "trading.commands:-1:1", "trading.commands:0:1e3", "'", ""],
)
async def test_what_is_no_place(offline: httpx.AsyncClient, place: str) -> None:
    """422 for every read that takes a place, before any server is asked."""
    for path in ("/api/orders", "/api/accounts/acc_1", "/api/tapes", "/api/projections", "/api/risk/desk"):
        answer = await offline.get(path, params={"min_position": place})

        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["parameter"] == "query:min_position"


async def test_markets_wait_for_nothing(offline: httpx.AsyncClient) -> None:
    """Bars and order books are of no account: the parameter is unknown there."""
    for path in ("/api/bars/AAPL", "/api/orderbook/AAPL"):
        answer = await offline.get(path, params={"min_position": "trading.commands:0:1"})

        assert (answer.status_code, answer.json()["code"]) == (422, "FIELD_UNKNOWN")


@pytest.mark.integration
async def test_it_says_how_far_it_is(
    online: httpx.AsyncClient, ledger_settings: Settings, owner: rows.Connection
) -> None:
    """412 with Retry-After and what there is; a place of another ledger, or on no partition, can never be there."""
    causes(ledger_settings, owner, 42)
    now = {"Prefer": "wait=0"}

    there = await online.get("/api/orders?min_position=trading.commands:1:41", headers=now)
    behind = await online.get("/api/orders?min_position=trading.commands:1:42", headers=now)
    named = await online.get(f"/api/orders?min_position={ledger_settings.topic('trading.commands')}:1:41", headers=now)
    never = [
        await online.get(f"/api/orders?min_position={place}", headers=now)
        for place in ("trading.commands:200:1", "elsewhere.trading.commands:1:1")
    ]

    assert (there.status_code, there.headers["preference-applied"], named.status_code) == (200, "wait=0", 200)
    assert (behind.status_code, behind.headers["retry-after"]) == (412, "1")
    problem = behind.json()
    assert (problem["code"], problem["errors"][0]["values"]) == ("PROJECTION_BEHIND", {"reached": "41"})
    assert [(answer.status_code, answer.json()["code"]) for answer in never] == [(412, "POSITION_UNKNOWN")] * 2
    assert "retry-after" not in never[0].headers


@pytest.mark.integration
async def test_it_goes_on_when_the_projection_is_there(
    online: httpx.AsyncClient, ledger_settings: Settings, owner: rows.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty reads wait until the row says so, share their looks at the database, and then all answer with the new
    order; a place of the tape itself works as well.
    """
    looks, third = 0, asyncio.Event()
    look = Waiting._look_anew

    async def counted(waiting: Waiting) -> Any:
        nonlocal looks
        looks += 1
        if looks == 3:
            third.set()
        return await look(waiting)

    monkeypatch.setattr(Waiting, "_look_anew", counted)
    causes(ledger_settings, owner, 42)
    path = "/api/orders?min_position=trading.commands:1:42"
    reads = [asyncio.create_task(online.get(path, headers={"Prefer": "wait=10"})) for _ in range(20)]
    await third.wait()
    assert not any(read.done() for read in reads)
    rows.order(owner, "c-1", "2011-01-03T00:00:00Z")
    seen = looks
    causes(ledger_settings, owner, 43)
    answers = await asyncio.gather(*reads)
    rows.insert(owner, "projection_progress", projection="ledger", topic=ledger_settings.topic("ledger.events"),
                partition=1, next_offset=7, head_seq=7, head_hash=b"")  # fmt: skip
    tape = [
        (await online.get(f"/api/orders?min_position=ledger.events:1:{at}", headers={"Prefer": "wait=0"})).status_code
        for at in (6, 7)
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["data"][0]["client_order_id"] for answer in answers} == {"c-1"}
    assert looks - seen < 20, "they share their looks"
    assert tape == [200, 412]


@pytest.mark.integration
@pytest.mark.timeout(180)
async def test_what_a_client_has_sent_is_what_it_reads(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The position of a 202 leads to the order itself, with the real ledger and projector. So does that of a repeat,
    which gives no event: the ledger has decided it, and the projections have all that was on the tape then.
    """
    order = {"account_id": ACCOUNT, "client_order_id": "w-1", "symbol": "AAPL", "side": "BUY", "order_type": "LIMIT",
             "quantity": "1", "limit_price": "10.00"}  # fmt: skip
    patient = {"Prefer": "wait=10"}
    with worker(ledger_settings, "streams.ledger.worker"), projecting(ledger_settings):
        send(ledger_settings, *opened(ACCOUNT, "1000.00"))
        await asyncio.to_thread(wait_for, ledger_settings, CashDeposited, 1)
        for _ in range(2):
            sent = (await online.post("/api/orders", json=order)).json()
            place = "{topic}:{partition}:{offset}".format(**sent["position"])
            read = await online.get(f"{sent['status_url']}?min_position={place}", headers=patient)
            assert read.status_code == 200, read.text
            assert read.json()["status"] == "PENDING_NEW"
            redis_sync(ledger_settings).flushdb()  # the second time the ledger alone knows that it is a repeat
        accepted = await asyncio.to_thread(wait_for, ledger_settings, OrderAccepted, 1)

    assert len(accepted) == 1
