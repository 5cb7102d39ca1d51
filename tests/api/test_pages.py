"""Pages are complete and without doubles, whatever is inserted between them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows

pytestmark = pytest.mark.integration
DAY = datetime(2011, 1, 3, tzinfo=UTC)


def add_order(connection: rows.Connection, number: int, instant: int) -> str:
    return rows.order(connection, f"c-{number}", DAY + timedelta(microseconds=instant))


def add_signal(connection: rows.Connection, number: int, instant: int) -> str:
    return rows.signal(connection, number, DAY + timedelta(microseconds=instant))


def add_rejection(connection: rows.Connection, number: int, instant: int) -> str:
    rows.insert(connection, "command_rejections", partition=0, record_offset=instant * 1_000 + number,
                account_id="acc_1", command_id=f"cmd_{number}", command_type="Withdraw", code="CASH_INSUFFICIENT",
                text="", details={}, recorded_at=DAY)  # fmt: skip
    return f"cmd_{number}"


def add_postings(connection: rows.Connection, number: int, instant: int) -> str:
    rows.insert(connection, "journal_postings", partition=0, record_offset=instant, leg=number, account_id="acc_1",
                book_account="cash", commodity="USD", amount=str(number), event_type="CashDeposited",
                event_id="e", recorded_at=DAY)  # fmt: skip
    return str(number)


def add_count(connection: rows.Connection, number: int, instant: int) -> str:
    rows.counts(connection, "xgboost", str(instant), f"S{number}", BUY_BUY=1, BUY_SELL=2, HOLD_HOLD=3)
    return f"S{number}"


LISTS: list[tuple[str, str, Callable[[rows.Connection, int, int], str]]] = [
    ("/api/orders?account_id=acc_1", "order_id", add_order),
    ("/api/signals?symbol=AAPL", "signal_id", add_signal),
    ("/api/models/accuracy?", "symbol", add_count),
    ("/api/accounts/acc_1/rejections?", "command_id", add_rejection),
    ("/api/accounts/acc_1/journal?", "amount", add_postings),
]


@pytest.mark.parametrize(("path", "name", "add"), LISTS)
async def test_pages_under_inserts(
    online: httpx.AsyncClient,
    ledger_settings: Settings,
    path: str,
    name: str,
    add: Callable[[rows.Connection, int, int], str],
) -> None:
    """Goal: what was there at the start comes exactly once; nothing comes twice.

    Method: rows at few instants, so that many share one; random page sizes; before each page rows are inserted that are
    newer, older and at the same instants as those already given.
    """
    source = random.Random(20110103)
    with postgres(ledger_settings, autocommit=True) as owner:
        rows.account(owner, cash="1")
        numbers = iter(range(10_000))
        first = {add(owner, next(numbers), source.randrange(10, 20)) for _ in range(80)}
        seen: list[str] = []
        cursor: str | None = None
        pages = 0
        while True:
            for _ in range(3):
                add(owner, next(numbers), source.randrange(30))
            page = await read(online, path, source.randrange(1, 12), cursor)
            seen += [row[name] for row in page["data"]]
            pages += 1
            if not page["has_more"]:
                break
            cursor = page["cursor"]
            assert pages < 200

    assert pages > 7
    assert page["cursor"] is None
    assert len(seen) == len(set(seen))
    assert first <= set(seen)


async def test_an_exact_last_page_says_so(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """When the last row fills the last page there is no further, empty one."""
    with postgres(ledger_settings, autocommit=True) as owner:
        for number in range(4):
            add_order(owner, number, number)

    first = await read(online, "/api/orders?", 2, None)
    second = await read(online, "/api/orders?", 2, first["cursor"])

    assert [order["client_order_id"] for order in first["data"] + second["data"]] == ["c-3", "c-2", "c-1", "c-0"]
    assert (first["has_more"], second["has_more"], second["cursor"]) == (True, False, None)


async def test_a_cursor_with_other_filters_is_refused(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """A cursor goes with its list's filters; the page size may change."""
    with postgres(ledger_settings, autocommit=True) as owner:
        for number in range(3):
            add_order(owner, number, number)
    cursor = (await read(online, "/api/orders?symbol=AAPL", 1, None))["cursor"]

    other = await online.get(f"/api/orders?symbol=IBM&cursor={cursor}")
    larger = await online.get(f"/api/orders?symbol=AAPL&limit=2&cursor={cursor}")

    assert (other.status_code, other.json()["code"]) == (400, "CURSOR_INVALID")
    assert [order["client_order_id"] for order in larger.json()["data"]] == ["c-1", "c-0"]


async def read(client: httpx.AsyncClient, path: str, limit: int, cursor: str | None) -> Any:
    answer = await client.get(f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
    assert answer.status_code == 200, answer.text
    return answer.json()
