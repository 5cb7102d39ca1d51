"""Users, keys and refused calls as records on `audit.logs`, with the workers that write and project it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from audit.replay import replay
from domain.actions import ActionRecorded, RecordAction
from runtime.clients import redis_sync
from runtime.clock import now_us
from runtime.settings import Settings
from streams.auditlog import intake
from tests.api.security.people import client_of, root_of, started
from tests.keys import ROOT_KEY, SIGNING_KEY
from tests.streams.deadletters import letters
from tests.streams.trading import events
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
WORKERS = ("streams.auditlog.worker", "projections.worker", "streams.ledger.worker")


@pytest.fixture
def workers(ledger_settings: Settings) -> Iterator[Settings]:
    """All three, when an action that was sent has come through to the tables."""
    with (
        worker(ledger_settings, WORKERS[0]),
        worker(ledger_settings, WORKERS[1]),
        worker(ledger_settings, WORKERS[2]),
        psycopg.connect(ledger_settings.database_reader_url, autocommit=True) as connection,
    ):
        first = RecordAction(action_id="a", actor="test", action="test.begun", subject="test", issued_at_us=now_us())
        intake.send(ledger_settings, [first], "test")
        eventually(lambda: connection.execute("select 1 from audit_actions").fetchone() is not None, "it is there", 120)
        yield ledger_settings


@pytest.fixture
async def app(workers: Settings) -> AsyncIterator[FastAPI]:
    async with started(workers) as app:
        yield app


async def put_user(app: FastAPI, user: str, role: str, **fields: Any) -> None:
    async with root_of(app) as root:
        answer = await root.post("/api/users", json={"user_id": user, "role": role} | fields, timeout=60)
        assert (answer.status_code, answer.json()["subject"]) == (201, f"user:{user}")
    assert await app.state.access.directory.wait_for(lambda: app.state.access.directory.user(user), 60)


async def make_key(client: httpx.AsyncClient, app: FastAPI, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/keys", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    directory = app.state.access.directory
    assert await directory.wait_for(lambda: directory.key_of(found["key"]), 60)
    return found


def recorded(settings: Settings, name: str) -> list[ActionRecorded]:
    return [event for event in events(settings, "audit.logs") if event.action == name]


async def test_a_user_s_life(app: FastAPI, workers: Settings) -> None:
    """Put on record, given a key, makes and revokes one, is removed; put on record again, the old keys stay dead."""
    await put_user(app, "ada", "trader", accounts=["acc_desk"], reason="new on the desk")
    async with root_of(app) as root:
        key = await make_key(root, app, user_id="ada", scopes=["read", "trade"], label="first")
        assert await listed(root) == {"ada": [key["key_id"]]}
    async with client_of(app, key["key"]) as ada:
        me = (await ada.get("/api/me")).json()
        assert (me["user_id"], me["role"], me["scopes"]) == ("ada", "trader", ["read", "trade"])
        assert (me["credential_id"], me["granted_accounts"]) == (key["key_id"], ["acc_desk"])
        second = await make_key(ada, app, scopes=["read"], expires_at="2999-01-01T00:00:00Z")
        for body, code in (
            ({"scopes": ["admin"]}, "SCOPE_MISSING"),
            ({"scopes": ["read"], "user_id": "bob"}, "USER_FORBIDDEN"),
            ({"scopes": ["read"], "limit_per_minute": 0}, "SCOPE_MISSING"),
        ):
            refused = await ada.post("/api/keys", json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, code)
        async with client_of(app, second["key"]) as reader:
            third = await reader.post("/api/keys", json={"scopes": ["read"], "expires_at": "2999-01-02T00:00:00Z"})
            assert (third.status_code, third.json()["code"]) == (403, "KEY_OUTLIVES_ITS_MAKER")
            assert (await make_key(reader, app, scopes=["read"]))["expires_at"] == "2999-01-01T00:00:00.000000Z"
        revoked = await ada.delete(f"/api/keys/{second['key_id']}", timeout=60)
        assert (revoked.status_code, revoked.json()["subject"]) == (200, "user:ada")
        async with client_of(app, second["key"]) as reader:
            assert (await reader.get("/api/me")).status_code == 401
        async with root_of(app) as root:
            assert (await root.delete("/api/users/ada", timeout=60)).status_code == 200
        assert (await ada.get("/api/me")).status_code == 401
        directory = app.state.access.directory
        assert await directory.wait_for(lambda: directory.user("ada") is None, 60)
        await put_user(app, "ada", "viewer")
        assert (await ada.get("/api/me")).status_code == 401, "a key of the former ada is nobody's"

    names = [event.action for event in events(workers, "audit.logs") if event.subject == "user:ada"]
    assert [name for name in names if name.startswith(("access.user", "access.key"))] == [
        *("access.user_put", "access.key_created", "access.key_created", "access.key_created"),
        *("access.key_revoked", "access.user_removed", "access.user_put"),
    ]
    (first, *_) = recorded(workers, "access.user_put")
    assert (first.actor, first.reason) == ("root", "new on the desk")
    eventually(lambda: replay(workers).ok, "the tables are what the tape says")


async def listed(client: httpx.AsyncClient) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in (await client.get("/api/keys")).json()["data"]:
        found.setdefault(key["user_id"], []).append(key["key_id"])
    return found


async def test_an_opener_uses_the_account_at_once_and_nobody_else(app: FastAPI) -> None:
    """A deposit right after the opening is taken; a second who asks to open the same account never gets it."""
    for user in ("ada", "eve"):
        await put_user(app, user, "trader")
    async with root_of(app) as root:
        ada_key, eve_key = [
            await make_key(root, app, user_id=user, scopes=["read", "trade"]) for user in ("ada", "eve")
        ]
    async with client_of(app, ada_key["key"]) as ada, client_of(app, eve_key["key"]) as eve:
        body = {"account_id": "acc_ada"}
        assert (await ada.post("/api/accounts", json=body)).status_code == 202
        assert (await eve.post("/api/accounts", json=body)).status_code == 202, "it is the ledger that refuses it"
        key = {"Idempotency-Key": "d-1"}
        taken = await ada.post("/api/accounts/acc_ada/deposits", json={"amount": "5"}, headers=key, timeout=60)
        stolen = await eve.post("/api/accounts/acc_ada/withdrawals", json={"amount": "5"}, headers=key, timeout=60)
        other = await eve.post("/api/accounts", json={"account_id": "acc_eve", "owner": "ada"})
        named = await eve.post(
            "/api/orders",
            json={
                **{"account_id": "acc_eve", "client_order_id": "c", "symbol": "AAPL", "side": "SELL"},
                **{"order_type": "LIMIT", "limit_price": "1", "quantity": "1", "trader_id": "ada"},
            },
        )

    assert taken.status_code == 202, taken.text
    assert (stolen.status_code, stolen.json()["code"]) == (403, "ACCOUNT_FORBIDDEN")
    assert (other.status_code, other.json()["code"]) == (403, "ACTOR_FORBIDDEN")
    assert named.status_code == 403


async def test_refused_and_privileged_calls_are_on_record(workers: Settings) -> None:
    """The first of a kind at once, repeats as one record with their number; strangers by address, users by name."""
    async with started(workers) as app:
        await put_user(app, "vic", "viewer")
        async with root_of(app) as root:
            key = await make_key(root, app, user_id="vic", scopes=["read"])
            await root.post("/api/accounts", json={"account_id": "acc_1", "owner": "vic"})
            for number in range(3):
                once = {"Idempotency-Key": f"k-{number}"}
                await root.post("/api/accounts/acc_1/deposits", json={"amount": "5"}, headers=once)
        async with client_of(app, key["key"]) as vic, client_of(app, "nonsense") as stranger:
            for _ in range(5):
                await vic.post("/api/signals", json={"symbol": "AAPL"})
                await stranger.get("/api/orders", headers={"X-Request-Id": "the-last-one"})
            await stranger.get("/api/no/such/path")
            await vic.get("/api/accounts/acc_other")
            await vic.post("/api/auth/session", json={})
    eventually(lambda: len(recorded(workers, "access.denied")) == 6, "first calls and sums")

    denied = [
        (event.actor, event.details["operation"], event.details["code"], event.details["count"])
        for event in recorded(workers, "access.denied")
    ]
    assert sorted(denied) == [
        ("address:127.0.0.1", "list_orders", "CREDENTIAL_INVALID", "1"),
        ("address:127.0.0.1", "list_orders", "CREDENTIAL_INVALID", "4"),
        ("address:127.0.0.1", "unmatched", "CREDENTIAL_INVALID", "1"),
        ("vic", "get_account", "ACCOUNT_UNKNOWN", "1"),
        ("vic", "request_signal", "SCOPE_MISSING", "1"),
        ("vic", "request_signal", "SCOPE_MISSING", "4"),
    ]
    last = next(event for event in recorded(workers, "access.denied") if event.details["count"] == "4")
    assert last.details["address"] == "127.0.0.1"
    assert {event.details.get("request_id") for event in recorded(workers, "access.denied")} >= {"the-last-one"}
    privileged = [
        (event.actor, event.details["operation"], event.details.get("account_id"), event.details["count"])
        for event in recorded(workers, "access.privileged")
    ]
    assert set(privileged) >= {("root", "put_user", None, "1"), ("root", "deposit_cash", "acc_1", "1")}
    assert ("root", "deposit_cash", "acc_1", "2") in privileged
    (opened,) = recorded(workers, "auth.session_opened")
    assert (opened.actor, opened.details["key_id"]) == ("vic", key["key_id"])


def logged(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))


async def test_no_secret_is_kept_anywhere(
    workers: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """After keys, tokens, sessions, and credentials in wrong places: none is on Kafka, in tables, Redis or a log."""
    caplog.set_level(logging.DEBUG)
    async with started(workers) as app:
        await put_user(app, "ada", "trader")
        async with root_of(app) as root:
            key = (await make_key(root, app, user_id="ada", scopes=["read", "trade"]))["key"]
        async with client_of(app, key) as ada:
            issued = (await ada.post("/api/auth/token", json={})).json()
            session = (await ada.post("/api/auth/session", json={})).cookies["tape_session"]
            secrets = [key, issued["access_token"], issued["refresh_token"], session, ROOT_KEY, SIGNING_KEY]
            for secret in secrets[:5]:
                answer = await ada.get("/api/orders", params={"symbol": secret})
                assert (answer.status_code, secret in answer.text) in {(400, False), (422, False)}
                await ada.post("/api/signals", json={"symbol": "AAPL"}, headers={"X-API-Key": secret})
                await ada.get("/api/me", headers={"X-Request-Id": secret})
            await ada.post("/api/auth/refresh", json={"refresh_token": issued["refresh_token"] + "0"})
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    written = "\n".join(ours) + "".join(capfd.readouterr())
    written += logged(tmp_path)
    for topic in ("audit.logs", "audit.intake", "trading.commands", "signals.requests"):
        written += repr(letters.records(workers, topic))
    with psycopg.connect(workers.database_reader_url) as connection:
        for table in ("audit_actions", "access_keys", "access_users", "tape_records"):
            written += repr(connection.execute(f"select * from {table}".encode()).fetchall())
    with redis_sync(workers) as redis:
        for name in redis.keys("*"):
            written += name + repr(redis.get(name) if redis.type(name) == "string" else redis.hgetall(name))

    assert "access.key_created" in written
    assert [secret[:12] for secret in secrets if secret in written] == []
