"""Servers that go away and come back, and more changes than can be kept: clients are told, and nothing is lost."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from websockets.asyncio.client import ClientConnection

from runtime.settings import Settings
from tests.api.stream.stories import Story
from tests.api.stream.tables import QUERIES, assert_equal
from tests.api.stream.test_load import prints
from tests.api.stream.test_messages import ended
from tests.api.stream.world import TICKS, Follower, connect, following, projector, say, serving
from tests.faults.wires import Background, Wire
from tests.projections.tapes import produce, tick_records

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(ledger_settings: Settings) -> Settings:
    return ledger_settings.model_copy(
        update={"instruments": "AAPL,IBM,X,Y,Z", "stream_heartbeat_ms": 100, "stream_stale_ms": 300}
    )


@asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[tuple[Settings, Wire]]:
    """The same settings, with a wire between the reader's role and PostgreSQL."""
    parts = urlsplit(settings.database_reader_url)
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    background = Background()
    try:
        wire = Wire(background, "postgres", port, parts.port or 5432)
        place = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        yield settings.model_copy(update={"database_reader_url": urlunsplit(parts._replace(netloc=place))}), wire
    finally:
        await asyncio.to_thread(background.stop)


async def test_the_database_goes_away_and_comes_back(settings: Settings) -> None:
    """The connection stays, a status says that what is told is stale, and in the end nothing is missing."""
    with projector(settings) as written:
        story = Story(settings, 8)
        told = ("orders", "fills", "positions", "order_book", "ticks")
        async with (
            wired(settings) as (through, wire),
            serving(through) as served,
            following(served, *told) as (socket, follower),
        ):
            story.write(written, 10)
            await follower.reach(socket, written.feed())
            await asyncio.to_thread(wire.cut)
            story.write(written, 20)
            away = await follower.until(socket, "status", 20)
            refused = Follower()
            async with connect(served.url) as other:
                await other.send(say("subscribe", channels=["positions"], accounts=["ann"]))
                answer = await refused.until(other, "error", 20)
            wire.mend()
            back = await follower.until(socket, "status", 20)
            story.write(written, 1_000)
            await follower.reach(socket, written.feed())

            assert (away["stale"], away["reason"]) == (True, "DATABASE_UNAVAILABLE")
            assert (back["stale"], back["reason"]) == (False, None)
            assert answer["code"] == "DATABASE_UNAVAILABLE"
            for kind in QUERIES:
                assert_equal(written, follower, kind)
            seen = [one for one in follower.seen if one[1] != "tick"]
            assert len(set(seen)) == len(seen)
            assert [one for one in follower.messages if one["type"] == "snapshot" and one["seq"]] == []


async def status(follower: Follower, socket: ClientConnection, reason: str | None) -> dict[str, Any]:
    """The next status with this reason: a busy machine's Kafka may be said to be away meanwhile."""
    async with asyncio.timeout(30):
        while True:
            told = await follower.until(socket, "status", 30)
            if told["reason"] == reason:
                return told


async def test_a_projector_that_stands_still_is_told(settings: Settings) -> None:
    """A tick is on Kafka and in no table: stale, with the reason; once it is projected, no more."""
    with projector(settings, partitions=settings.partitions) as written:
        async with serving(settings) as served, following(served, "ticks") as (socket, follower):
            produce(settings, tick_records(settings, prints(0, 1)))
            behind = await status(follower, socket, "PROJECTION_BEHIND")
            beat = await follower.until(socket, "heartbeat")
            written.write(TICKS, prints(0, 1))
            again = await status(follower, socket, None)

            assert behind["stale"]
            assert beat["stale"]
            assert beat["age_s"] > 0
            assert not again["stale"]
            assert len(follower.changes) == 1


async def test_kafka_that_says_nothing_is_told(settings: Settings, silent: str) -> None:
    """Nobody knows then whether there is more on the tape than in the tables."""
    with projector(settings, partitions=settings.partitions) as written:
        written.write(TICKS, prints(0, 1))
        unheard = settings.model_copy(update={"kafka_bootstrap_servers": silent})
        async with serving(unheard) as served, following(served, "ticks") as (socket, follower):
            away = await status(follower, socket, "KAFKA_UNAVAILABLE")

            assert away["stale"]


async def test_more_than_can_be_kept_gives_a_fresh_snapshot(settings: Settings) -> None:
    """A batch larger than the ring: connected clients get a new snapshot with the reason, and go on from there."""
    settings = settings.model_copy(update={"stream_resume_changes_max": 100})
    with projector(settings) as written:
        async with serving(settings) as served, following(served, "ticks", "bars") as (socket, follower):
            written.write(TICKS, prints(0, 5))
            await follower.reach(socket, written.feed())
            written.write(TICKS, prints(5, 400))
            await follower.until(socket, "snapshot")
            await follower.reach(socket, written.feed())
            written.write(TICKS, prints(405, 1))
            await follower.reach(socket, written.feed())

            snapshots = [one for one in follower.messages if one["type"] == "snapshot" and one["seq"]]
            assert [(one["channel"], one["because"]) for one in snapshots] == [
                ("ticks", "OVERRUN"),
                ("bars", "OVERRUN"),
            ]
            assert snapshots[0]["data"][0]["tick_offset"] == 404
            assert follower.table("tick")["X",]["tick_offset"] == 405
            assert follower.table("bar")["X", "1d", "2011-01-03T00:00:00.000000Z"]["volume"] == "406"


async def test_from_too_long_ago_gives_a_snapshot_and_says_so(settings: Settings) -> None:
    """A seq that is no longer at hand, and one that never was: an error with a code, then a snapshot that says why."""
    settings = settings.model_copy(update={"stream_resume_batches_max": 3})
    with projector(settings) as written:
        for number in range(6):
            written.write(TICKS, prints(number, 1))
        async with serving(settings) as served:
            for from_seq, code in ((2, "RESUME_TOO_OLD"), (7, "RESUME_UNKNOWN")):
                async with following(served, "ticks", from_seq=from_seq) as (_, follower):
                    types = [(one["type"], one.get("code") or one.get("because")) for one in follower.messages]
                    assert ("error", code) in types
                    assert ("snapshot", code) in types
                    assert follower.table("tick")["X",]["tick_offset"] == 5
            async with following(served, "ticks", from_seq=3) as (_, follower):
                assert [row["tick_offset"] for row in follower.changes] == [3, 4, 5]
                assert [one for one in follower.messages if one["type"] == "snapshot"] == []


async def test_a_feed_that_begins_anew_gives_a_fresh_snapshot(settings: Settings) -> None:
    """The tables were emptied and are written again: the numbers are lower, and clients begin with a snapshot."""
    with projector(settings) as written:
        for number in range(4):
            written.write(TICKS, prints(number, 1))
        async with serving(settings) as served, following(served, "ticks") as (socket, follower):
            with written.connection.transaction():
                written.rows("with gone as (delete from feed_batches returning 1) select count(*) from gone")
                written.rows(
                    "with gone as (delete from ticks where tick_offset > 0 returning 1) select count(*) from gone"
                )
                written.rows("update feed_head set feed = 1 returning feed")
            snapshot = await follower.until(socket, "snapshot")

            assert (snapshot["because"], snapshot["seq"]) == ("OVERRUN", 1)
            assert snapshot["data"][0]["tick_offset"] == 0


async def test_rows_that_were_replaced_are_told(settings: Settings) -> None:
    """A rebuilt projection with other rows is switched in: clients begin with a snapshot that says so, and nobody who
    was away goes on from before it, not even with a process that starts afterwards.
    """
    with projector(settings) as written:
        for number in range(4):
            written.write(TICKS, prints(number, 1))
        async with serving(settings) as served, following(served, "ticks") as (socket, follower):
            with written.connection.transaction():
                written.rows("update ticks set volume = 77 where tick_offset = 3 returning 1")
                written.rows("update feed_head set feed = feed + 1, replaced_at = feed + 1 returning 1")
            snapshot = await follower.until(socket, "snapshot")

            assert (snapshot["because"], snapshot["seq"]) == ("REBUILT", 5)
            assert (snapshot["data"][0]["tick_offset"], snapshot["data"][0]["volume"]) == (3, "77")
            written.write(TICKS, prints(4, 1))
            await follower.reach(socket, 6)
            assert [row["tick_offset"] for row in follower.changes] == [4]

        async with serving(settings) as later:
            async with following(later, "ticks", from_seq=4) as (_, follower):
                assert ("error", "RESUME_TOO_OLD") in [(one["type"], one.get("code")) for one in follower.messages]
                assert [one["because"] for one in follower.messages if one["type"] == "snapshot"] == ["RESUME_TOO_OLD"]
            async with following(later, "ticks", from_seq=5) as (_, follower):
                assert [row["tick_offset"] for row in follower.changes] == [4]


async def test_a_reader_that_fails_leaves_nobody_waiting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What should never happen ends every connection with 1011, and lets no new one wait for nothing."""

    async def impossible(*_: object) -> None:
        raise AssertionError("a row that is none")

    with projector(settings) as written:
        async with serving(settings) as served, following(served, "ticks") as (socket, _):
            monkeypatch.setattr("api.stream.market_rows.changes", impossible)
            written.write(TICKS, prints(0, 1))
            first = await ended(socket)
            async with connect(served.url) as other:
                second = await ended(other)

    assert first == second == (1011, "INTERNAL_ERROR")


async def test_a_server_that_stops_says_so(settings: Settings) -> None:
    """Clients are closed with 1001 before their connections are, and the stop takes no longer for them."""
    async with serving(settings) as served, following(served, "ticks") as (socket, _):
        stopping = asyncio.create_task(served.stop())

        assert await ended(socket) == (1001, "GOING_AWAY")
        await asyncio.wait_for(stopping, 5)
