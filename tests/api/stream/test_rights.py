"""Who may follow what: tokens that come in three ways, accounts of others, credentials that end meanwhile."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect

from api.stream import websocket
from domain.events import TradingHalted
from runtime.settings import Settings
from tests.api.security import people
from tests.api.stream.test_messages import ended, error
from tests.api.stream.world import LEDGER, Follower, Person, Register, projector, say, serving
from tests.keys import ROOT_KEY
from tests.projections import depth_story, story
from tests.projections.tapes import Tape

pytestmark = pytest.mark.integration

ANN = Person("ann", accounts=frozenset({"acc_fifo"}))
BOB = Person("bob", accounts=frozenset({"acc_pool"}))
CHIEF = Person("chief", accounts=None)
PRIVATE = ["orders", "fills", "positions", "portfolio", "alerts"]


@pytest.fixture
def settings(ledger_settings: Settings) -> Settings:
    return ledger_settings.model_copy(
        update={
            "instruments": "X,Y,Z",
            "stream_heartbeat_ms": 100,
            "stream_recheck_ms": 100,
            "stream_portfolio_ms": 10,
            "stream_connections_per_user_max": 3,
        }
    )


def bearer(token: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def test_a_token_comes_in_the_header_the_cookie_or_the_first_message(settings: Settings) -> None:
    """Each way names the same user; a page of another origin cannot use the browser's cookie."""
    async with serving(settings, Register(a=ANN)) as served:
        own = f"http://127.0.0.1:{served.port}"
        for options in (bearer("a"), {"additional_headers": {"Cookie": "session=a"}, "origin": own}):
            async with connect(served.url, **options) as socket:
                assert (await Follower().read(socket))["user_id"] == "ann"
        foreign = {"additional_headers": {"Cookie": "session=a"}, "origin": "https://evil.example"}
        for options in ({}, foreign):
            async with connect(served.url, **options) as socket:
                await socket.send(say("auth", token="a"))
                assert (await Follower().read(socket))["user_id"] == "ann"
        async with connect(served.url, **foreign) as socket:
            await socket.send(say("subscribe", channels=["ticks"]))
            assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")


async def test_without_a_good_token_in_time_the_connection_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong header, a wrong first message, something else, and silence: one code for all of them."""
    monkeypatch.setattr(websocket, "AUTH_WAIT_S", 0.2)
    async with serving(settings, Register(a=ANN)) as served:
        async with connect(served.url, **bearer("wrong")) as socket:
            assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")
        for text in (say("auth", token="wrong"), say("ping"), "nonsense", say("auth", token="ä" * 10)):
            async with connect(served.url) as socket:
                await socket.send(text)
                assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")
        async with connect(served.url) as socket:
            assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")
        async with connect(f"{served.url}?token=a") as socket:
            assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")
        async with httpx.AsyncClient(base_url=served.http) as client:
            answer = await client.get("/api/stream/events?channels=ticks")
            assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIAL_UNKNOWN")


async def test_who_may_not_read_at_all_is_closed(settings: Settings) -> None:
    """A credential without the scope `read` follows nothing."""
    async with serving(settings, Register(a=Person("app", scopes=frozenset({"trade"})))) as served:
        async with connect(served.url, **bearer("a")) as socket:
            assert await ended(socket) == (4403, "FORBIDDEN")
        async with httpx.AsyncClient(base_url=served.http, headers={"Authorization": "Bearer a"}) as client:
            assert (await client.get("/api/stream/events?channels=ticks")).status_code == 403


async def test_everybody_sees_their_own_accounts_and_no_others(settings: Settings) -> None:
    """Two owners and one who may see all follow everything; each is told exactly their own rows, halts all of them."""
    with projector(settings) as written:
        async with serving(settings, Register(a=ANN, b=BOB, c=CHIEF)) as served:
            told: dict[str, Follower] = {}
            sockets = []
            for token in "abc":
                follower, socket = Follower(), await connect(served.url, **bearer(token))
                await socket.send(say("subscribe", channels=PRIVATE))
                await follower.until(socket, "update")
                told[token] = follower
                sockets.append(socket)
            for partition, events in enumerate((story.ann(), story.bob() + halted())):
                tape = Tape(settings.topic("ledger.events"), partition)
                for event in events:
                    tape.write(event)
                written.write(LEDGER, tape.records)
            for socket, follower in zip(sockets, told.values(), strict=True):
                await follower.reach(socket, written.feed())
                for _ in range(3):
                    await follower.until(socket, "heartbeat")
                await socket.close()

    def accounts(token: str) -> set[Any]:
        return {
            row["account_id"]
            for (_, kind), rows in told[token].rows.items()
            if kind != "alert"
            for row in rows.values()
        }

    assert accounts("a") == {"acc_fifo"}
    assert accounts("b") == {"acc_pool"}
    assert accounts("c") == {"acc_fifo", "acc_pool"}
    alerts = {token: {row["alert"] for row in told[token].table("alert").values()} for token in "abc"}
    assert alerts == {
        "a": {"ORDER_REJECTED", "COMMAND_REJECTED", "TRADING_HALTED"},
        "b": {"TRADING_HALTED"},
        "c": {"ORDER_REJECTED", "COMMAND_REJECTED", "TRADING_HALTED"},
    }
    assert len(told["a"].table("fill")) == 3
    assert len(told["b"].table("fill")) == 4


def halted() -> list[Any]:
    """All trading is stopped, by the desk of partition 1."""
    return [
        TradingHalted(
            originator_id="desk:1",
            originator_version=1,
            timestamp=story.RECORDED_US + 500_000,
            postings=(),
            command_id="halt-1",
            scope="ALL",
            by="risk-rita",
            reason="a test of the halt",
        )
    ]


async def test_other_peoples_accounts_are_refused(settings: Settings) -> None:
    """By name, over both doors, with a code, and nothing of them is told."""
    async with serving(settings, Register(a=ANN)) as served:
        async with connect(served.url, **bearer("a")) as socket:
            for channel in PRIVATE:
                answer = await error(socket, say("subscribe", channels=[channel], accounts=["acc_fifo", "acc_pool"]))
                assert (answer["code"], "acc_pool" in answer["detail"]) == ("FORBIDDEN", True)
            assert served.stream.hub._shapes == {}
        async with httpx.AsyncClient(base_url=served.http, headers={"Authorization": "Bearer a"}) as client:
            answer = await client.get("/api/stream/events?channels=orders&accounts=acc_pool")
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
            assert len(served.stream.hub) == 0


async def test_a_credential_that_is_taken_back_ends_the_connection(settings: Settings) -> None:
    """Both doors close within the time between two checks."""
    register = Register(a=ANN)
    async with (
        serving(settings, register) as served,
        connect(served.url, **bearer("a")) as socket,
        httpx.AsyncClient(base_url=served.http, headers={"Authorization": "Bearer a"}) as client,
        client.stream("GET", "/api/stream/events?channels=ticks") as events,
    ):
        await socket.send(say("subscribe", channels=["ticks"]))
        await Follower().until(socket, "update")
        del register.people["a"]
        closed = await ended(socket)
        last = (await events.aread()).splitlines()[-2]

    assert closed == (4410, "CREDENTIAL_ENDED")
    assert last == b'data: {"type":"closed","code":4410,"name":"CREDENTIAL_ENDED"}'


async def test_accounts_that_are_granted_or_taken_change_what_is_told(settings: Settings) -> None:
    """Who follows all that they may read gets a new snapshot; who named an account that was taken, an error."""
    register = Register(a=ANN, b=BOB)
    with projector(settings) as written:
        tape = Tape(settings.topic("ledger.events"), 0)
        for event in story.ann() + story.bob() + depth_story.dan():
            tape.write(event)
        written.write(LEDGER, tape.records)
        async with (
            serving(settings, register) as served,
            connect(served.url, **bearer("a")) as socket,
            connect(served.url, **bearer("b")) as other,
        ):
            follower, second = Follower(), Follower()
            await socket.send(say("subscribe", channels=["positions"]))
            await other.send(say("subscribe", channels=["positions", "ticks"], accounts=["acc_pool"]))
            await follower.until(socket, "update")
            await second.until(other, "update")
            assert {key[0] for key in follower.table("position")} == {"acc_fifo"}

            register.people["a"] = Person("ann", accounts=frozenset({"acc_fifo", "acc_pool"}))
            register.people["b"] = Person("bob")
            snapshot = await follower.until(socket, "snapshot")
            taken = await second.until(other, "error")

            assert snapshot["because"] == "ACCESS_CHANGED"
            assert {key[0] for key in follower.table("position")} == {"acc_fifo", "acc_pool"}
            assert taken["code"] == "FORBIDDEN"
            assert sorted(len(shape) for shape in served.stream.hub._shapes) == [1, 1]


async def test_a_user_has_so_many_connections(settings: Settings) -> None:
    """One more is closed with a code, or answered 429; another user still gets in, and so does the first afterwards."""
    async with serving(settings, Register(a=ANN, b=BOB)) as served:
        sockets = [await connect(served.url, **bearer("a")) for _ in range(3)]
        for socket in sockets:
            await Follower().read(socket)
        async with connect(served.url, **bearer("a")) as socket:
            assert await ended(socket) == (4412, "TOO_MANY_CONNECTIONS")
        async with httpx.AsyncClient(base_url=served.http, headers={"Authorization": "Bearer a"}) as client:
            answer = await client.get("/api/stream/events?channels=ticks")
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        async with connect(served.url, **bearer("b")) as socket:
            assert (await Follower().read(socket))["user_id"] == "bob"
        await sockets[0].close()
        async with connect(served.url, **bearer("a")) as socket:
            assert (await Follower().read(socket))["user_id"] == "ann"
        for socket in sockets:
            await socket.close()


async def test_real_keys_and_sessions_open_the_stream(settings: Settings) -> None:
    """A key in the header and in the first message, and a session's cookie, which is asked where it comes from; a key
    that is revoked on the tape ends all that came with it; the token is never taken from the URL.
    """
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        made = people.put(connection, "vic", "viewer")
        async with serving(settings) as served:
            await served.server.config.loaded_app.state.access.directory.refresh()  # type: ignore[attr-defined]
            own, key = f"http://127.0.0.1:{served.port}", {"Authorization": f"Bearer {made.text}"}
            async with httpx.AsyncClient(base_url=own) as client:
                session = await client.post("/api/auth/session", headers=key, json={})
                assert session.status_code in {200, 201}, session.text
                cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            for options in (bearer(made.text), {"additional_headers": {"Cookie": cookie}, "origin": own}):
                async with connect(served.url, **options) as socket:
                    assert (await Follower().read(socket))["user_id"] == "vic"
            async with connect(
                served.url, additional_headers={"Cookie": cookie}, origin="https://evil.example"
            ) as socket:
                await socket.send(say("subscribe", channels=["ticks"]))
                assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")
            async with connect(f"{served.url}?token={made.text}", **bearer(made.text)) as socket:
                assert await ended(socket) == (4401, "AUTHENTICATION_FAILED")
            async with connect(served.url) as socket, connect(served.url, **bearer(ROOT_KEY)) as root:
                await socket.send(say("auth", token=made.text))
                assert (await Follower().read(socket))["user_id"] == "vic"
                place = connection.execute("select 1 + max(record_offset) from access_keys").fetchone()
                connection.execute(
                    "update access_keys set revoked_at = now(), record_offset = %s where key_id = %s",
                    (place[0] if place else 0, made.key_id),
                )
                assert await ended(socket) == (4410, "CREDENTIAL_ENDED")
                assert (await Follower().read(root))["user_id"] == "root"
