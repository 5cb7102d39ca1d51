"""What a client may say, what it is answered, and with which code a connection ends that says something else."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from api.stream import closing
from runtime.settings import Settings
from tests.api.stream.world import Follower, connect, following, say, serving

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(ledger_settings: Settings) -> Settings:
    return ledger_settings.model_copy(
        update={
            "stream_idle_ms": 60_000,
            "stream_subscriptions_max": 20,
            "stream_messages_per_s_max": 20,
            "stream_message_bytes_max": 4_096,
        }
    )


async def ended(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes the connection."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return (0, "no close frame") if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)


async def error(socket: ClientConnection, text: str) -> dict[str, Any]:
    await socket.send(text)
    return await Follower().until(socket, "error")


BAD = {
    "no JSON": "{",
    "no object": '["subscribe"]',
    "deep": "[" * 4_000,
    "deep in a field": '{"type":"ping","text":' + "[" * 4_000,
    "unknown type": say("order", quantity="1"),
    "no type": "{}",
    "unknown field": say("ping", no=1),
    "unknown channel": say("subscribe", channels=["tape"]),
    "no channels": say("subscribe", channels=[]),
    "wrong type": say("subscribe", channels="ticks"),
    "no symbol": say("subscribe", channels=["ticks"], symbols=["' or 1=1 --"]),
    "no account": say("subscribe", channels=["orders"], accounts=["a/b"]),
    "unknown interval": say("subscribe", channels=["bars"], intervals=["2d"]),
    "seq below zero": say("subscribe", channels=["ticks"], from_seq=-1),
    "huge seq": '{"type":"subscribe","channels":["ticks"],"from_seq":1e400}',
    "lone surrogate": '{"type":"ping","text":"\\ud800"}',
}


async def test_what_cannot_be_read_is_answered_and_goes_on(settings: Settings) -> None:
    """Each bad message gets an error that says why, and the same connection is served afterwards."""
    async with serving(settings) as served:
        for name, text in BAD.items():
            async with connect(served.url) as socket:
                answer = await error(socket, text)
                await socket.send(say("ping", text="still here"))

                assert (answer["code"], bool(answer["detail"])) == ("MESSAGE_UNREADABLE", True), name
                assert (await Follower().until(socket, "pong"))["text"] == "still here", name


async def test_ten_bad_messages_end_the_connection(settings: Settings) -> None:
    """A client that does not speak the protocol is closed with a code of its own."""
    async with serving(settings) as served, connect(served.url) as socket:
        for _ in range(10):
            await socket.send("nonsense")

        assert await ended(socket) == (4400, "PROTOCOL_ERROR")


async def test_binary_and_huge_messages_end_the_connection(settings: Settings) -> None:
    """Both by the codes that RFC 6455 has for them."""
    async with serving(settings) as served:
        async with connect(served.url) as socket:
            await socket.send(b"{}")
            assert await ended(socket) == (1003, "BINARY_MESSAGE")
        async with connect(served.url) as socket:
            await socket.send(say("ping", text="x" * 5_000))
            assert (await ended(socket))[0] == 1009


async def test_messages_too_fast_end_the_connection(settings: Settings) -> None:
    """Twice the rate may come at once; more is too much."""
    async with serving(settings) as served, connect(served.url) as socket:
        for _ in range(60):
            await socket.send(say("ping"))

        assert await ended(socket) == (4429, "TOO_MANY_MESSAGES")


async def test_a_client_that_follows_nothing_is_closed(settings: Settings) -> None:
    """Idle is who never subscribed, and who has unsubscribed from all."""
    settings = settings.model_copy(update={"stream_idle_ms": 300})
    async with serving(settings) as served:
        async with connect(served.url) as socket:
            assert await ended(socket) == (4408, "IDLE")
        async with following(served, "ticks") as (socket, _):
            await socket.send(say("unsubscribe", channels=["ticks"]))
            assert await ended(socket) == (4408, "IDLE")


async def test_what_is_refused_changes_nothing(settings: Settings) -> None:
    """An unknown symbol and too many names are refused with a code; what was followed before still is."""
    async with serving(settings) as served, following(served, "ticks", symbols=["AAPL"]) as (socket, _):
        unknown = await error(socket, say("subscribe", channels=["ticks"], symbols=["NONE"]))
        many = await error(socket, say("subscribe", channels=["orders"], accounts=[f"acc_{n}" for n in range(25)]))
        again = await error(socket, say("auth", token="x"))

        assert unknown["code"] == "INSTRUMENT_UNKNOWN"
        assert "there was 'NONE'" in unknown["detail"]
        assert many["code"] == "TOO_MANY_SUBSCRIPTIONS"
        assert again["code"] == "AUTHENTICATED_ALREADY"
        assert [len(shape) for shape in served.stream.hub._shapes] == [1]


async def test_the_codes_are_a_table_without_doubles() -> None:
    """No code means two things, and all of ours are in the range that RFC 6455 leaves to applications."""
    codes = [one.code for one in closing.CLOSINGS]

    assert len(set(codes)) == len(codes)
    assert all(1_000 <= code < 1_016 or 4_000 <= code < 5_000 for code in codes)
