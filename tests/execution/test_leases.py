"""Who has a symbol, on a real Redis: never two at once, whoever is late, dies, or is wiped away."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from execution.leases import LEASE, SymbolLeases
from runtime.clients import redis_async
from runtime.settings import Settings

pytestmark = pytest.mark.integration
TTL_MS = 300


class Watch:
    """Seconds that pass when told to; Redis' own go on by themselves."""

    def __init__(self) -> None:
        self.late_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.late_s


@pytest.fixture
async def client(ledger_settings: Settings) -> AsyncIterator[redis.asyncio.Redis]:
    made = redis_async(ledger_settings)
    yield made
    await made.aclose()


async def settled(client: redis.asyncio.Redis) -> None:
    """A Redis that has been here for a while."""
    nobody = SymbolLeases(client, "nobody", TTL_MS)
    assert await nobody.take("NONE") is None
    await asyncio.sleep(1.2 * TTL_MS / 1_000)


async def test_one_has_it_and_the_other_hears_who(client: redis.asyncio.Redis) -> None:
    """The first who asks; leases of other symbols are other leases."""
    a, b = SymbolLeases(client, "a", TTL_MS), SymbolLeases(client, "b", TTL_MS)
    await settled(client)

    assert [await a.take("AAPL"), await b.take("AAPL"), await b.take("MSFT")] == ["a", "a", "b"]
    assert [a.is_mine("AAPL"), b.is_mine("AAPL"), b.is_mine("MSFT"), a.is_mine("MSFT")] == [True, False, True, False]


async def test_it_is_kept_as_long_as_it_is_renewed(client: redis.asyncio.Redis) -> None:
    """Three leases long; then it is not renewed, and another gets it; who had it notices."""
    a, b = SymbolLeases(client, "a", TTL_MS), SymbolLeases(client, "b", TTL_MS)
    await settled(client)
    await a.take("AAPL")
    for _ in range(9):
        await asyncio.sleep(TTL_MS / 3_000)
        await a.renew()
        assert (a.is_mine("AAPL"), await b.take("AAPL")) == (True, "a")

    await asyncio.sleep(1.2 * TTL_MS / 1_000)
    assert not a.is_mine("AAPL")
    assert await b.take("AAPL") == "b"
    await a.renew()
    assert (a.symbols, b.is_mine("AAPL")) == ([], True)


async def test_whoever_is_late_lets_go_before_redis_does(client: redis.asyncio.Redis) -> None:
    """At 95 % of the lease Redis has it still, but a worker who has not renewed it does not count on that."""
    watch = Watch()
    a = SymbolLeases(client, "a", 10_000, watch)
    await client.set("execution:symbols", "1")
    await a.take("AAPL")

    watch.late_s = 9.5

    assert not a.is_mine("AAPL")
    assert await client.pttl(LEASE + "AAPL") > 400


async def test_what_has_lapsed_comes_back_under_another_token(client: redis.asyncio.Redis) -> None:
    """It is not renewed in silence: who takes it again knows that he has been without."""
    watch = Watch()
    a = SymbolLeases(client, "a", 10_000, watch)
    await client.set("execution:symbols", "1")
    await a.take("AAPL")
    watch.late_s = 9.5
    await a.renew()
    assert not a.is_mine("AAPL")

    assert (await a.take("AAPL"), a.is_mine("AAPL")) == ("a", True)
    assert await client.get(LEASE + "AAPL") == "2:a"


async def test_given_back_is_free_at_once(client: redis.asyncio.Redis) -> None:
    """And only by who has it: what another has meanwhile stays his."""
    a, b = SymbolLeases(client, "a", TTL_MS), SymbolLeases(client, "b", TTL_MS)
    await settled(client)
    await a.take("AAPL")
    await a.give_back(["AAPL", "MSFT"])

    assert (a.is_mine("AAPL"), await b.take("AAPL")) == (False, "b")
    await a.give_back(["AAPL"])
    assert await client.get(LEASE + "AAPL") == "2:b"


async def test_after_a_wipe_only_who_had_it_has_it(client: redis.asyncio.Redis) -> None:
    """The other is told that nobody may have it yet; the former holder takes his own again."""
    a, b = SymbolLeases(client, "a", TTL_MS), SymbolLeases(client, "b", TTL_MS)
    await settled(client)
    await a.take("AAPL")

    await client.flushdb()

    assert await b.take("AAPL") is None
    await a.renew()
    assert (a.is_mine("AAPL"), await b.take("AAPL")) == (True, "a")


async def test_after_a_wipe_nobody_waits_for_the_dead(client: redis.asyncio.Redis) -> None:
    """The holder has died: a lease later another has it."""
    a, b = SymbolLeases(client, "a", TTL_MS), SymbolLeases(client, "b", TTL_MS)
    await settled(client)
    await a.take("AAPL")
    await client.flushdb()
    assert await b.take("AAPL") is None

    await asyncio.sleep(1.2 * TTL_MS / 1_000)

    assert (a.is_mine("AAPL"), await b.take("AAPL")) == (False, "b")


@pytest.mark.parametrize("seed", range(6))
async def test_never_two_at_once(client: redis.asyncio.Redis, seed: int) -> None:
    """Four workers take, renew, give back, oversleep, and Redis is wiped, at random: no moment has two owners.

    Somebody has it again and again.
    """
    chance = random.Random(seed)
    workers = [SymbolLeases(client, f"w{number}", 60) for number in range(4)]
    owned = 0
    for _ in range(400):
        one = chance.choice(workers)
        match chance.choices(["take", "renew", "back", "sleep", "wipe"], [40, 40, 3, 15, 2])[0]:
            case "take":
                await one.take("AAPL")
            case "renew":
                await one.renew()
            case "back":
                await one.give_back(["AAPL"])
            case "sleep":
                await asyncio.sleep(chance.random() * 0.08)
            case "wipe":
                await client.flushdb()
        owners = [worker for worker in workers if worker.is_mine("AAPL")]
        assert len(owners) <= 1
        owned += len(owners)
    assert owned > 20
