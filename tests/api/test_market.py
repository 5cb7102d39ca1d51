"""Ticks and bars over HTTP, against ticks that the tests put in as the owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.fields import rfc3339
from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows

pytestmark = pytest.mark.integration
START = datetime(2011, 1, 3, 14, 30, tzinfo=UTC)
TICKS = 180  # one every 20 s: an hour


def time(number: int) -> datetime:
    return START + timedelta(seconds=20 * number)


@pytest.fixture
def owner(ledger_settings: Settings) -> Iterator[rows.Connection]:
    """A connection that may write, and an hour of ticks of AAPL at prices 100, 101, 102 …"""
    with postgres(ledger_settings, autocommit=True) as connection:
        for number in range(TICKS):
            tick(connection, number, "AAPL", number)
        yield connection


def tick(connection: rows.Connection, number: int, symbol: str, offset: int) -> None:
    rows.insert(connection, "ticks", symbol=symbol, market_time=time(number), price=str(100 + number), volume="2",
                closes_bar=number % 3 == 2, partition=1, tick_offset=offset)  # fmt: skip


async def pages(client: httpx.AsyncClient, path: str) -> list[Any]:
    """The rows of all pages, by following the cursors."""
    found: list[Any] = []
    cursor = ""
    while True:
        answer = await client.get(path + cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        assert page["has_more"] == (page["cursor"] is not None)
        if not page["has_more"]:
            return found
        cursor = f"&cursor={page['cursor']}"


@pytest.mark.parametrize(("interval", "seconds"), [("1m", 60), ("5m", 300), ("15m", 900), ("1h", 3600)])
async def test_bars(online: httpx.AsyncClient, owner: rows.Connection, interval: str, seconds: int) -> None:
    """Each bar has the ticks of its interval; they come newest first and once, whatever the pages are."""
    found = await pages(online, f"/api/bars/AAPL?interval={interval}&limit=7")

    per_bar = seconds // 20
    first = 0 if interval != "1h" else -90  # the hour began at 14:00
    expected = []
    for begin in range(first, TICKS, per_bar):
        numbers = [number for number in range(begin, begin + per_bar) if 0 <= number < TICKS]
        expected.append(
            {
                "bucket": rfc3339(time(begin)),
                "open": str(100 + numbers[0]),
                "high": str(100 + numbers[-1]),
                "low": str(100 + numbers[0]),
                "close": str(100 + numbers[-1]),
                "volume": str(2 * len(numbers)),
            }
        )
    assert found == expected[::-1]


async def test_bars_are_daily_unless_said(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Without an interval there is one bar for the day, from midnight UTC."""
    daily = await pages(online, "/api/bars/AAPL?limit=5")

    assert daily == await pages(online, "/api/bars/AAPL?interval=1d&limit=5")
    assert [(bar["bucket"], bar["volume"]) for bar in daily] == [("2011-01-03T00:00:00.000000Z", "360")]


async def test_ticks(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Ticks come newest first with their place on the topic, those of one instant by offset; from is inclusive."""
    tick(owner, 100, "AAPL", 1_000)
    tick(owner, 100, "AAPL", 999)
    tick(owner, 100, "IBM", 5_000)

    found = await pages(online, f"/api/ticks/AAPL?from={time(99).isoformat()[:-6]}Z&to={rfc3339(time(102))}&limit=2")

    assert [row["offset"] for row in found] == [101, 1_000, 999, 100, 99]
    assert found[0] == {
        "market_time": rfc3339(time(101)),
        "price": "201",
        "volume": "2",
        "closes_bar": True,
        "partition": 1,
        "offset": 101,
    }


async def test_pages_under_new_ticks(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Ticks that come in between two pages move nothing: the next page goes on behind the last."""
    first = (await online.get("/api/ticks/AAPL?limit=3")).json()
    tick(owner, TICKS, "AAPL", TICKS)

    second = (await online.get(f"/api/ticks/AAPL?limit=3&cursor={first['cursor']}")).json()

    assert [row["offset"] for row in first["data"] + second["data"]] == [179, 178, 177, 176, 175, 174]


async def test_a_cursor_goes_with_its_interval(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """The cursor of minutes is refused for hours, and that of ticks for bars."""
    minutes = (await online.get("/api/bars/AAPL?interval=1m&limit=1")).json()["cursor"]
    ticks = (await online.get("/api/ticks/AAPL?limit=1")).json()["cursor"]

    for path in (f"/api/bars/AAPL?interval=1h&cursor={minutes}", f"/api/bars/AAPL?interval=1m&cursor={ticks}"):
        answer = await online.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "CURSOR_INVALID")


async def test_symbols(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """A symbol that is traded and has no tick is an empty list, one of former times too; another is not found."""
    tick(owner, 1, "OLD", 7)
    none = "to=2001-01-01T00:00:00Z"

    for kind in ("bars", "ticks"):
        for path in (f"/api/{kind}/IBM", f"/api/{kind}/OLD?{none}"):
            answer = await online.get(path)
            assert (answer.status_code, answer.json()["data"]) == (200, [])
        answer = await online.get(f"/api/{kind}/TSLA?{none}")
        assert (answer.status_code, answer.json()["code"]) == (404, "INSTRUMENT_UNKNOWN")
