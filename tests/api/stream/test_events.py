"""Server-sent events: the same messages, `id` to go on from, and an end that says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.stream.views import CHANNELS
from runtime.settings import Settings
from tests.api.stream.stories import Story
from tests.api.stream.tables import KEPT, QUERIES, assert_equal
from tests.api.stream.world import Follower, Projector, Served, projector, serving, until
from tests.keys import ROOT

pytestmark = pytest.mark.integration
ALL = "&".join(f"channels={name}" for name in CHANNELS)


@pytest.fixture
def settings(ledger_settings: Settings) -> Settings:
    return ledger_settings.model_copy(update={"instruments": "AAPL,IBM,X,Y,Z", "stream_heartbeat_ms": 100})


class Listener(Follower):
    """Reads events as EventSource does: the last id is kept when the connection is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.last_id: str | None = None
        self.names: list[str] = []

    @asynccontextmanager
    async def listening(self, served: Served, query: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        headers = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
        async with (
            httpx.AsyncClient(base_url=served.http, timeout=20, headers=ROOT) as client,
            client.stream("GET", f"/api/stream/events?{query}", headers=headers) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield self._events(answer)
        self.lost()

    async def _events(self, answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
        event: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
                continue
            self.last_id = event.get("id", self.last_id)
            self.names.append(event["event"])
            message = self.take(event["data"])
            assert message["type"] == event["event"]
            event = {}
            yield message


async def _hear(listener: Listener, served: Served, written: Projector, messages: int) -> None:
    """So many messages, and then the connection is lost; fewer when all is told."""
    async with listener.listening(served, ALL) as events:
        async for message in events:
            messages -= message["type"] != "heartbeat"
            if messages <= 0 or (message["type"] == "heartbeat" and (message["seq"] or 0) >= written.feed()):
                return


@pytest.mark.parametrize("seed", [7])
async def test_a_listener_that_comes_and_goes_has_the_tables(settings: Settings, seed: int) -> None:
    """From its last id on, again and again: the tables in the end, and each step of an order once."""
    with projector(settings) as written:
        story = Story(settings, seed)
        async with serving(settings) as served:
            listener = Listener()
            await _hear(listener, served, written, 12)
            while not story.over:
                story.write(written, 8)
                await _hear(listener, served, written, story.chance.randint(1, 40))
            while int(listener.last_id or 0) < written.feed():
                await _hear(listener, served, written, 1_000)
            for kind in QUERIES:
                assert_equal(written, listener, kind)
            steps = [key for _, kind, key in listener.seen if kind == "order_step"]
            assert sorted(steps) == sorted(written.rows(KEPT["order_step"]))
            assert not [one for one in listener.messages if one["type"] == "error"]
            await until(lambda: len(served.stream.hub) == 0)


async def test_the_end_is_told(settings: Settings) -> None:
    """When the server stops, the last event says so, and the response ends at once."""
    async with serving(settings) as served:
        listener = Listener()
        async with listener.listening(served, "channels=ticks") as events:
            async for message in events:
                if message["type"] == "update":
                    stopping = asyncio.create_task(served.stop())
            await stopping

    assert listener.messages[-1] == {"type": "closed", "code": 1001, "name": "GOING_AWAY"}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "FIELD_MISSING"),
        ("channels=tape", 422, "FIELD_NOT_ALLOWED"),
        ("channels=ticks&symbols=NONE", 422, "INSTRUMENT_UNKNOWN"),
        ("channels=ticks&from_seq=-1", 422, "FIELD_INVALID"),
        ("channels=ticks&token=secret", 400, "CREDENTIAL_IN_URL"),
        ("channels=orders&accounts=a/b", 422, "FIELD_INVALID"),
    ],
)
async def test_a_bad_query_is_a_problem(settings: Settings, query: str, status: int, code: str) -> None:
    """Before any event, and no client is left behind."""
    async with serving(settings) as served, httpx.AsyncClient(base_url=served.http, headers=ROOT) as client:
        answer = await client.get(f"/api/stream/events?{query}")

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(served.stream.hub) == 0
