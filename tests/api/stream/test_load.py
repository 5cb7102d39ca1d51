"""Many clients and slow ones: who does not take its messages is dropped, and nobody else notices."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from websockets.asyncio.client import ClientConnection

from domain.market import Tick
from projections.ticks import Print
from runtime.settings import Settings
from tests.api.stream.test_messages import ended
from tests.api.stream.world import TICKS, Follower, connect, following, projector, say, serving, until
from tests.keys import ROOT_KEY
from tests.projections.story import DAY_1_US

pytestmark = pytest.mark.integration
CLIENTS = 1_000


@pytest.fixture
def settings(ledger_settings: Settings) -> Settings:
    return ledger_settings.model_copy(
        update={
            "instruments": "X",
            "stream_heartbeat_ms": 200,
            "stream_connections_per_user_max": CLIENTS,
            "stream_waiting_bytes_max": 100_000,
        }
    )


def prints(start: int, count: int) -> list[Print]:
    return [
        Print(
            0, number, Tick(symbol="X", market_time_us=DAY_1_US + number, price=Decimal(1 + number), volume=Decimal(1))
        )
        for number in range(start, start + count)
    ]


async def test_a_slow_consumer_is_dropped_and_the_others_go_on(settings: Settings) -> None:
    """A client that reads nothing is told 4411 in the end; one beside it has every tick."""
    with projector(settings) as written:
        async with serving(settings) as served, following(served, "ticks") as (socket, quick):
            slow = await connect(served.url, max_queue=1, write_limit=1_024)
            await slow.send(say("subscribe", channels=["ticks"]))
            follower = Follower()
            await follower.until(slow, "update")
            number = 0
            async with asyncio.timeout(60):
                while len(served.stream.hub) > 1:
                    written.write(TICKS, prints(number, 500))
                    number += 500
                    await quick.reach(socket, written.feed())

            assert await ended(slow) == (4411, "SLOW_CONSUMER")
            ticks = [row["tick_offset"] for row in quick.changes]
            assert ticks == list(range(number))


async def test_a_slow_consumer_that_never_reads_is_let_go(settings: Settings) -> None:
    """Its place is free although its last bytes were never taken."""
    with projector(settings) as written:
        async with serving(settings) as served, following(served, "ticks") as (socket, quick):
            slow = await connect(served.url, max_queue=1, write_limit=1_024)
            await slow.send(say("subscribe", channels=["ticks"]))
            await Follower().until(slow, "update")
            slow.transport.pause_reading()
            number = 0
            async with asyncio.timeout(60):
                while len(served.stream._sessions) > 1:
                    written.write(TICKS, prints(number, 500))
                    number += 500
                    await quick.reach(socket, written.feed())
            slow.transport.abort()


async def test_a_client_that_answers_no_ping_is_cut_off(settings: Settings) -> None:
    """A half-open connection: the other side is silent, and its place is free after two ping times."""
    settings = settings.model_copy(update={"stream_ping_ms": 200})
    async with serving(settings) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(
            b"GET /api/stream HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Bearer " + ROOT_KEY.encode() + b"\r\n\r\n"
        )
        await until(lambda: len(served.stream.hub) == 1)
        await until(lambda: len(served.stream.hub) == 0)
        told = await reader.read()
        writer.close()

    assert b"keepalive ping timeout" in told
    assert told.rpartition(b"\x88")[2][1:3] == (1011).to_bytes(2)


async def test_a_process_has_so_many_connections(settings: Settings) -> None:
    """Whoever they are; one more is told so."""
    settings = settings.model_copy(update={"stream_connections_max": 2})
    async with serving(settings) as served, connect(served.url), connect(served.url):
        await until(lambda: len(served.stream.hub) == 2)
        async with connect(served.url) as socket:
            assert await ended(socket) == (4412, "TOO_MANY_CONNECTIONS")


async def test_a_thousand_clients(settings: Settings) -> None:
    """All of them subscribe, and each is told the same tick."""
    with projector(settings) as written:
        async with serving(settings) as served:
            followers = [Follower() for _ in range(CLIENTS)]
            gate = asyncio.Semaphore(50)

            async def join(follower: Follower) -> ClientConnection:
                async with gate:
                    socket = await connect(served.url, open_timeout=60, ping_interval=None)
                    await socket.send(say("subscribe", channels=["ticks"]))
                    await follower.until(socket, "update", 60)
                    return socket

            sockets = await asyncio.gather(*(join(follower) for follower in followers))
            assert len(served.stream.hub) == CLIENTS
            written.write(TICKS, prints(0, 1))
            await asyncio.gather(
                *(
                    follower.reach(socket, written.feed(), 60)
                    for follower, socket in zip(followers, sockets, strict=True)
                )
            )
            assert {len(follower.changes) for follower in followers} == {1}
            assert len(served.stream.hub._shapes) == 1
            stopping = asyncio.create_task(served.stop())
            codes = await asyncio.gather(*(ended(socket) for socket in sockets))
            await stopping
            assert {code for code, _ in codes} <= {1001, 1012}
            assert codes.count((1001, "GOING_AWAY")) > CLIENTS // 2
