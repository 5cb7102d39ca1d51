"""Quotas: in Redis and without it the same arithmetic, checked against a count of what was let through."""

from __future__ import annotations

import asyncio

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security.limits import WINDOW_US, Limiter, judge
from api.security.store import Store
from runtime.settings import Settings
from tests.api.conftest import CLOSED
from tests.api.security.people import client_of, put, started

SECOND = 1_000_000


def alone() -> Limiter:
    """One whose Redis is away."""
    return Limiter(Store(Settings(_env_file=None, redis_url=f"redis://{CLOSED}/0")))


@given(
    quota=st.integers(1, 20),
    gaps=st.lists(st.integers(0, 20 * SECOND), min_size=1, max_size=200),
)
def test_no_window_lets_more_through_than_burst_and_rate(quota: int, gaps: list[int]) -> None:
    """However the requests fall, any stretch of t seconds lets at most quota + t × quota / 60 through."""
    limiter, now, passed = alone(), 0, []
    for gap in gaps:
        now += gap
        if limiter.take_here("user", "ada", quota, now).is_allowed:
            passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            stretch = passed[last] - passed[first]
            assert last - first + 1 <= quota + stretch // (WINDOW_US // quota)


@given(quota=st.integers(1, 1_000))
def test_the_whole_quota_is_there_at_once_and_counted_down(quota: int) -> None:
    """q requests pass, the answers count down from q - 1 to 0, the next is refused till its Retry-After."""
    limiter = alone()
    verdicts = [limiter.take_here("user", "ada", quota, 0) for _ in range(quota)]
    refused = limiter.take_here("user", "ada", quota, 0)

    assert [verdict.remaining for verdict in verdicts] == list(range(quota - 1, -1, -1))
    assert all(verdict.is_allowed for verdict in verdicts)
    assert (refused.is_allowed, refused.remaining) == (False, 0)
    assert 59 <= refused.reset_s <= 60
    assert limiter.take_here("user", "ada", quota, refused.retry_after_s * SECOND).is_allowed
    assert limiter.take_here("user", "bob", quota, 0).is_allowed, "another's quota is another's"


def test_the_headers_are_structured_fields() -> None:
    """As the draft has them."""
    passed, refused = judge("user", 100, True, 600_000), judge("user", 100, False, WINDOW_US)

    assert passed.headers() == {"RateLimit-Policy": '"user";q=100;w=60', "RateLimit": '"user";r=99;t=1'}
    assert refused.headers() == {
        "RateLimit-Policy": '"user";q=100;w=60',
        "RateLimit": '"user";r=0;t=60',
        "Retry-After": "1",
    }


def test_it_remembers_no_more_than_it_must() -> None:
    """A million callers leave ten thousand buckets."""
    limiter = alone()
    for number in range(12_000):
        limiter.take_here("address", str(number), 5, 0)
    assert len(limiter._local) == 10_000


@pytest.mark.integration
async def test_processes_share_a_quota_through_redis(ledger_settings: Settings) -> None:
    """Two limiters on one Redis, asked at the same time, let one quota through between them."""
    stores = [Store(ledger_settings), Store(ledger_settings)]
    limiters = [Limiter(store) for store in stores]
    verdicts = await asyncio.gather(*(limiters[n % 2].take("user", "ada", 10) for n in range(14)))

    assert sum(verdict.is_allowed for verdict in verdicts) == 10
    assert sorted(verdict.remaining for verdict in verdicts) == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (await limiters[0].take("user", "bob", 10)).is_allowed
    for store in stores:
        await store.close()


@pytest.mark.integration
async def test_each_answer_says_what_is_left(ledger_settings: Settings) -> None:
    """A user's keys share the user's quota; a key with its own limit has its own; root has none."""

    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        first, second = put(connection, "ada", "viewer").text, put(connection, "ada", "viewer").text
        own = put(connection, "ada", "viewer", limit_per_minute=7).text
        free = put(connection, "ada", "viewer", limit_per_minute=0).text
    async with started(ledger_settings, api_rate_limit_per_minute=3) as app:
        answers = [await ask(app, key) for key in (first, second, first, second)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
        assert answers[3].json()["code"] == "RATE_LIMIT_EXCEEDED"
        assert 1 <= int(answers[3].headers["retry-after"]) <= 20
        assert (await ask(app, own)).headers["ratelimit-policy"] == '"user";q=7;w=60'
        assert "ratelimit" not in (await ask(app, free)).headers


@pytest.mark.integration
async def test_strangers_are_counted_by_address(ledger_settings: Settings) -> None:
    """Too many bad credentials from one address are 429; a good one from there is still good."""

    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        good = put(connection, "ada", "viewer").text
    async with started(ledger_settings, api_stranger_limit_per_minute=2) as app:
        bad = "tk_" + "0" * 16 + "_" + "0" * 64
        assert [(await ask(app, bad)).status_code for _ in range(4)] == [401, 401, 429, 429]
        assert (await ask(app, good)).status_code == 200


async def test_without_redis_it_counts_here(offline_settings: Settings) -> None:
    """The limit holds in this process while Redis is away."""
    async with started_offline(offline_settings) as client:
        codes = [(await client.get("/api/me")).status_code for _ in range(4)]
    assert codes == [401, 401, 429, 429]


def started_offline(settings: Settings) -> httpx.AsyncClient:
    from api.app import create_app

    return client_of(create_app(settings.model_copy(update={"api_stranger_limit_per_minute": 2})), "no key")


async def ask(app: object, key: str) -> httpx.Response:
    async with client_of(app, key) as client:  # type: ignore[arg-type]
        return await client.get("/api/me")
