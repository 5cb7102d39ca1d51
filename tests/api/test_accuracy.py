"""What came of signals, and how often models were right: figures worked out by hand, and published intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api import rows

pytestmark = pytest.mark.integration
DAY = datetime(2011, 1, 3, tzinfo=UTC)
PATH = "/api/models/accuracy"


async def get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_signal_shows_what_came_of_it(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """One that was right, one that was wrong, and one of which nothing is known; and which model's file it was."""
    days = [DAY + timedelta(days=number) for number in range(4)]
    for number in (1, 2, 3):
        rows.signal(owner, number, days[number], model_sha256="ab" * 32 if number == 2 else "")
    rows.outcome(owner, 2, 1, days[1], days[2])
    rows.outcome(owner, 3, 2, days[2], days[3], realised="HOLD", exit_price="45.2000")

    signals = (await get(online, "/api/signals"))["data"]

    assert [signal["model_sha256"] for signal in signals] == ["", "ab" * 32, ""]
    assert [signal["outcome"] for signal in signals] == [
        None,
        {
            "realised": "HOLD",
            "correct": False,
            "entry_price": "45.20",
            "exit_price": "45.2000",
            "known_at": "2011-01-06T00:00:00.000000Z",
        },
        {
            "realised": "BUY",
            "correct": True,
            "entry_price": "45.20",
            "exit_price": "46.1234",
            "known_at": "2011-01-05T00:00:00.000000Z",
        },
    ]


async def test_an_outcome_that_is_told_twice_doubles_no_signal(
    online: httpx.AsyncClient, owner: rows.Connection
) -> None:
    """A list has each signal once, with what was told first; the status of a request shows the same."""
    asked = rows.signal(owner, 1, DAY, requested_by_id="req_1", model_sha256="cd" * 32)
    rows.outcome(owner, 5, 1, DAY, DAY + timedelta(days=5), realised="SELL")
    rows.outcome(owner, 4, 1, DAY, DAY + timedelta(days=4), realised="HOLD")

    (signal,) = (await get(online, "/api/signals"))["data"]
    request = await get(online, "/api/signals/requests/req_1")

    assert (signal["signal_id"], signal["outcome"]["realised"]) == (asked, "HOLD")
    assert (request["signal"], request["signal"]["model_sha256"]) == (signal, "cd" * 32)


async def test_accuracy_by_hand(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Given counts of 263, 148 and 20 outcomes, shares and intervals are those of the paper (R. G. Newcombe, 1998).

    Of lightgbm's 263: 40 + 30 + 11 = 81 were right; 90 came as BUY, 100 as SELL and 73 as HOLD.
    """
    cells = {"BUY_BUY": 40, "BUY_SELL": 30, "BUY_HOLD": 32, "SELL_BUY": 20, "SELL_SELL": 30, "SELL_HOLD": 30}
    rows.counts(owner, "lightgbm", "3", "AAPL", **cells, HOLD_BUY=30, HOLD_SELL=40, HOLD_HOLD=11)
    rows.counts(owner, "xgboost", "3", "IBM", BUY_BUY=15, SELL_BUY=133)
    rows.counts(owner, "xgboost", "4", "AAPL", BUY_SELL=20)

    first, second, third = (await get(online, PATH))["data"]

    assert first["confusion"] == {
        "BUY": {"BUY": 40, "SELL": 30, "HOLD": 32},
        "SELL": {"BUY": 20, "SELL": 30, "HOLD": 30},
        "HOLD": {"BUY": 30, "SELL": 40, "HOLD": 11},
    }
    names = ("model_name", "model_version", "symbol", "outcomes", "correct")
    assert [[row[name] for name in names] for row in (first, second, third)] == [
        ["lightgbm", "3", "AAPL", 263, 81],
        ["xgboost", "3", "IBM", 148, 15],
        ["xgboost", "4", "AAPL", 20, 0],
    ]
    figures = ("accuracy", "accuracy_low", "accuracy_high", "majority_share")
    assert [[round(row[name], 4) for name in figures] for row in (first, second, third)] == [
        [0.3080, 0.2553, 0.3662, 0.3802],
        [0.1014, 0.0624, 0.1605, 1.0],
        [0.0, 0.0, 0.1611, 1.0],
    ]
    assert third["confusion"]["HOLD"] == {"BUY": 0, "SELL": 0, "HOLD": 0}
    view = owner.execute("select * from model_accuracy order by 1, 2, 3").fetchall()
    shared = (*names, "accuracy", "majority_share")
    assert view == [tuple(row[name] for name in shared) for row in (first, second, third)]


async def test_accuracy_by_every_filter(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Each filter alone and all together give exactly what they describe, page by page in the order of names."""
    for name, version, symbol in (("b", "2", "IBM"), ("a", "10", "AAPL"), ("b", "10", "AAPL"), ("a", "2", "IBM")):
        rows.counts(owner, name, version, symbol, BUY_BUY=1, SELL_BUY=1)
    expected = {
        "": ["a 10 AAPL", "a 2 IBM", "b 10 AAPL", "b 2 IBM"],
        "?model_name=b": ["b 10 AAPL", "b 2 IBM"],
        "?model_version=10": ["a 10 AAPL", "b 10 AAPL"],
        "?symbol=IBM": ["a 2 IBM", "b 2 IBM"],
        "?model_name=a&model_version=2&symbol=IBM": ["a 2 IBM"],
        "?model_name=a&symbol=MSFT": [],
    }

    found = {query: await _pages(online, query) for query in expected}

    assert found == expected


async def _pages(client: httpx.AsyncClient, query: str) -> list[str]:
    """By pages of one, with the cursors."""
    path = f"{PATH}{query or '?'}&limit=1"
    shown: list[str] = []
    cursor = ""
    while True:
        page = await get(client, path + cursor)
        shown += [f"{row['model_name']} {row['model_version']} {row['symbol']}" for row in page["data"]]
        if not page["has_more"]:
            return shown
        cursor = f"&cursor={page['cursor']}"
