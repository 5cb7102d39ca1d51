"""Goal: whoever follows has the tables in the end, and was told each change once, whatever happened on the way.

Method: random stories in random batches on a real database; clients on real sockets that lose their connection at
random points and come back from the last seq that they have; the tables are read with SQL of the test's own.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api.stream import hub
from api.stream.cache import Snapshots
from api.stream.views import CHANNELS
from runtime.settings import Settings
from tests.api.stream.stories import Story
from tests.api.stream.tables import KEPT, QUERIES, assert_equal, bars, same, table
from tests.api.stream.world import (
    LEDGER,
    SIGNALS,
    Follower,
    Projector,
    Served,
    connect,
    following,
    projector,
    say,
    serving,
    until,
)
from tests.keys import ROOT
from tests.projections import opinions, story
from tests.projections.tapes import Tape

pytestmark = pytest.mark.integration
INTERVALS = ["1m", "5m", "15m", "1h", "1d"]


@pytest.fixture
def settings(ledger_settings: Settings) -> Settings:
    return ledger_settings.model_copy(
        update={
            "instruments": "AAPL,IBM,X,Y,Z",
            "stream_heartbeat_ms": 100,
            "stream_portfolio_ms": 20,
            "stream_connections_per_user_max": 500,
        }
    )


async def _wander(served: Served, projector: Projector, told: Story, follower: Follower, seed: int) -> None:
    """A client that loses its connection again and again, until the story is over and it has all of it."""
    chance = random.Random(seed)
    for number in itertools.count():
        async with connect(served.url, max_size=None) as socket:
            asked: dict[str, Any] = {"channels": list(CHANNELS), "intervals": INTERVALS}
            if follower.seq is not None:
                asked["from_seq"] = follower.seq
            await socket.send(say("subscribe", **asked))
            for _ in range(chance.randint(1, 60) + 5 * number):  # more each time, for an update may have many parts
                await follower.read(socket)
                if told.over and follower.seq is not None and follower.seq >= projector.feed():
                    await _settle(socket, follower)
                    return
            socket.transport.abort()
        follower.lost()


async def _settle(socket: Any, follower: Follower) -> None:
    """What an account is worth is told a little later than what it did."""
    for _ in range(10):
        await follower.until(socket, "heartbeat")


def assert_told_once(projector: Projector, follower: Follower) -> None:
    """Rows that never change came once each and all of them; others at most once in a batch; batches in their order."""
    times = Counter(follower.seen)
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for _, kind, key in follower.seen:
        by_kind[kind].append(key)

    assert [one for one, count in times.items() if count > 1 and one[1] not in ("tick", "portfolio")] == []
    for kind in ("signal", "signal_outcome", "order_step"):
        assert sorted(by_kind[kind]) == sorted(projector.rows(KEPT[kind])), kind
    ticks = [row for row in follower.changes if row["kind"] == "tick"]
    places = [(row["symbol"], row["partition"], row["tick_offset"]) for row in ticks]
    assert sorted(places) == sorted(projector.rows(KEPT["tick"]))
    seqs = [seq for seq, _, _ in follower.seen]
    assert seqs == sorted(seqs)


async def assert_portfolios(served: Served, projector: Projector, follower: Follower) -> None:
    """What each account is worth is what the query side says."""
    worth = follower.table("portfolio")
    accounts = projector.rows("select account_id from accounts where account_id in (select account_id from positions)")
    assert worth.keys() >= set(accounts)
    async with httpx.AsyncClient(base_url=served.http, headers=ROOT) as client:
        for (account_id,) in worth:
            answer = (await client.get(f"/api/portfolio/{account_id}")).json()
            figures = {name: value for name, value in worth[account_id,].items() if name not in ("kind", "version")}
            assert {
                name: (value, answer[name])
                for name, value in figures.items()
                if (value != answer[name] if name in _TEXTS else Decimal(value) != Decimal(answer[name]))
            } == {}


_TEXTS = ("account_id", "currency", "as_of")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_clients_that_come_and_go_have_the_tables(
    settings: Settings, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the empty ledger on: the fold of snapshot and updates is every table, row by row."""
    monkeypatch.setattr(hub, "MESSAGE_BYTES_MAX", 4_096)  # so that updates come in parts as well
    with projector(settings) as written:
        told = Story(settings, seed)
        async with serving(settings) as served:
            followers = [Follower() for _ in range(3)]
            wanderers = [
                asyncio.create_task(_wander(served, written, told, follower, seed * 10 + number))
                for number, follower in enumerate(followers)
            ]
            await until(lambda: all(follower.seq is not None for follower in followers))
            while not told.over:
                told.write(written, 1)
                await asyncio.sleep(told.chance.choice((0, 0, 0.01, 0.05)))
            await asyncio.wait_for(asyncio.gather(*wanderers), 150)
            for follower in followers:
                for kind in QUERIES:
                    assert_equal(written, follower, kind)
                for interval in INTERVALS:
                    made = bars(written, interval)
                    rows = {k: row for k, row in follower.table("bar").items() if k[1] == interval}
                    names = ("open", "high", "low", "close", "volume")
                    assert {key: [Decimal(row[name]) for name in names] for key, row in rows.items()} == made
                assert_told_once(written, follower)
                await assert_portfolios(served, written, follower)


@pytest.mark.parametrize("seed", [4, 5])
async def test_a_client_that_comes_late_has_what_is_open_and_what_changes(settings: Settings, seed: int) -> None:
    """Snapshots taken in the middle of everything fit the updates: all that is open, or changes later, is right."""
    with projector(settings) as written:
        told = Story(settings, seed)
        async with serving(settings) as served:
            told.write(written, 20)
            late = []
            while not told.over:
                late.append(asyncio.create_task(_stay(served, written, told)))
                for _ in range(15):
                    told.write(written, 1)
                    await asyncio.sleep(0)
            for follower in await asyncio.wait_for(asyncio.gather(*late), 150):
                for kind in ("position", "level"):
                    assert_equal(written, follower, kind)
                held = table(written, "order")
                rows = follower.table("order")
                assert {key: same(row, held[key]) for key, row in rows.items() if same(row, held[key])} == {}
                done = ("FILLED", "CANCELED", "EXPIRED", "REJECTED")
                assert {key for key, row in held.items() if row["status"] not in done} <= rows.keys()


async def test_what_is_committed_between_snapshot_and_beginning_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that the reader tells after a client's snapshot was taken and before the client is told anything."""
    taken = Snapshots.take
    with projector(settings) as written:
        told = Story(settings, 6)
        told.write(written, 10)
        async with serving(settings) as served:

            async def take_and_go_on(self: Snapshots, *which: Any) -> Any:
                found = await taken(self, *which)
                told.write(written, 3)
                await until(lambda: served.stream.hub.seq >= written.feed())
                return found

            monkeypatch.setattr(Snapshots, "take", take_and_go_on)
            channels = ("positions", "order_book", "portfolio")
            async with following(served, *channels) as (socket, follower):
                monkeypatch.undo()
                await _settle(socket, follower)
                for kind in ("position", "level"):
                    assert_equal(written, follower, kind)
                await assert_portfolios(served, written, follower)


async def test_cash_alone_changes_what_an_account_is_worth(settings: Settings) -> None:
    """An account that has never traded, and is paid into: by hand, 5,000 in cash and nothing else."""
    tape = Tape(settings.topic("ledger.events"), 0)
    for event in story.bob()[:2]:
        tape.write(event)
    with projector(settings) as written:
        written.write(LEDGER, tape.records[:1])
        async with serving(settings) as served, following(served, "portfolio") as (socket, follower):
            before = follower.table("portfolio")["acc_pool",]
            written.write(LEDGER, tape.records[1:])
            await follower.until(socket, "update")
            after = follower.table("portfolio")["acc_pool",]

    assert (before["cash"], before["equity"], before["version"]) == ("0", "0", 1)
    assert (after["cash"], after["equity"], after["net_deposits"], after["version"]) == ("5000", "5000", "5000", 2)


async def test_what_came_of_a_signal_is_told_with_the_bar_that_shows_it(settings: Settings) -> None:
    """X's first signal, to buy at 101.50, was right at 107: told once, two days later, and to those who follow X."""
    tape, other = opinions.signal_tapes(settings.topic("trading.signals"))
    with projector(settings) as written:
        written.write(SIGNALS, tape.records[:2])
        async with serving(settings) as served, following(served, "signals", symbols=["X"]) as (socket, follower):
            written.write(SIGNALS, other.records)
            written.write(SIGNALS, tape.records[2:3])
            await follower.reach(socket, written.feed())
            told = [row for row in follower.changes if row["kind"] == "signal_outcome"]
            said = [(row["signal_id"], row["model_sha256"]) for row in follower.changes if row["kind"] == "signal"]

    assert said == [("sig_x3", "7" * 64)]
    assert told == [
        {
            "kind": "signal_outcome",
            "signal_id": "sig_x1",
            "symbol": "X",
            "direction": "BUY",
            "realised": "BUY",
            "entry_price": "101.50",
            "exit_price": "107",
            "model_name": "m",
            "model_version": "7",
            "market_time": "2011-01-03T21:00:00.000000Z",
            "known_at": "2011-01-05T21:00:00.000000Z",
            "partition": 0,
            "record_offset": 2,
        }
    ]


async def _stay(served: Served, projector: Projector, told: Story) -> Follower:
    async with following(served, *CHANNELS) as (socket, follower):
        while not (told.over and (follower.seq or 0) >= projector.feed()):
            await follower.read(socket)
        return follower
