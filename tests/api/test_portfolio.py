"""Exposure and the history of portfolios, against rows that the tests put in; expected values worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.api import rows

pytestmark = pytest.mark.integration
DAY = datetime(2011, 1, 3, tzinfo=UTC)  # a Monday, at a whole number of weeks from 2000-01-03
HISTORY = "/api/portfolio/acc_1/history"


async def get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def position(owner: rows.Connection, symbol: str, quantity: str, cost: str, currency: str, price: str | None) -> None:
    """A position with what its purchase, or its short sale, was booked on, and a tick where there is a price."""
    rows.insert(owner, "positions", account_id="acc_1", symbol=symbol, quantity=quantity, held_quantity="0", cost=cost,
                realized_pnl="0", fees="0")  # fmt: skip
    book = f"{'short_proceeds' if quantity.startswith('-') else 'inventory'}:{symbol}"
    rows.insert(owner, "balances", account_id="acc_1", book_account=book, commodity=currency, amount=cost)
    if price is not None:
        rows.insert(owner, "ticks", symbol=symbol, market_time=DAY, price=price, volume="1", closes_bar=False,
                    partition=0, tick_offset=sum(map(ord, symbol)))  # fmt: skip


async def test_exposure_worked_out_by_hand(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Dollars: 900 free, 100 held; 10 AAPL at 50 are 500; 4 IBMX short at 75 are -300: equity 1000 + 500 - 300 = 1200.

    Gross 800 = 2/3 of it, net 200 = 1/6. Euros: 60 free, 5 SAP at 8 are 40: equity 100, gross and net 40. GOOGL has no
    price. Nothing is converted. Dividends of 12 less tax of 2 are income; the rest of the P&L is in the positions.
    """
    rows.account(owner, cash="900", hold="100", external="-1150", withholding_tax="2", **{"dividends:AAPL": "-12"})
    owner.execute("update accounts set currencies = '{EUR}'")
    rows.insert(owner, "balances", account_id="acc_1", book_account="cash", commodity="EUR", amount="60")
    position(owner, "AAPL", "10", "450", "USD", "50")
    position(owner, "IBMX", "-4", "-320", "USD", "75")
    position(owner, "SAP", "5", "35", "EUR", "8")
    position(owner, "GOOGL", "1", "30", "USD", None)

    portfolio = await get(online, "/api/portfolio/acc_1")

    dollars, euros = portfolio["exposure"]
    names = ("currency", "equity", "long", "short", "gross", "net", "gross_share", "net_share", "unpriced")
    assert [dollars[name] for name in names] == [
        *("USD", "1200", "500", "300", "800", "200", "0.66666667", "0.16666667"),
        ["GOOGL"],
    ]
    assert [euros[name] for name in names] == ["EUR", "100", "40", "0", "40", "40", "0.40000000", "0.40000000", []]
    assert {row["symbol"]: (row["currency"], row["exposure_share"]) for row in portfolio["positions"]} == {
        "AAPL": ("USD", "0.41666667"),
        "GOOGL": ("USD", None),
        "IBMX": ("USD", "-0.25000000"),
        "SAP": ("EUR", "0.40000000"),
    }
    assert (portfolio["other_income"], portfolio["net_deposits"]) == ("10", "1150")


async def test_no_share_of_no_equity(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """A margin account that owes more than it has: shares of nothing are not said."""
    rows.account(owner, cash="-1000")
    position(owner, "AAPL", "10", "900", "USD", "50")

    [dollars] = (await get(online, "/api/portfolio/acc_1"))["exposure"]

    assert (dollars["equity"], dollars["gross"], dollars["gross_share"], dollars["net_share"]) == (
        *("-500", "500"),
        None,
        None,
    )


def points(owner: rows.Connection, count: int, step: timedelta) -> None:
    """Equity n at n steps after DAY, n = 0, 1, 2 …"""
    owner.execute(
        "insert into portfolio_values select 'acc_1', %s + n * %s, n, 0, n from generate_series(0, %s) n",
        [DAY, step, count - 1],
    )


async def pages(client: httpx.AsyncClient, path: str, limit: int) -> list[int]:
    """The equity of all points, through all pages."""
    found: list[int] = []
    cursor = None
    while True:
        page = await get(client, f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        found += [int(Decimal(point["equity"])) for point in page["data"]]
        if not page["has_more"]:
            return found
        assert len(page["data"]) == limit
        cursor = page["cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
async def test_history_page_by_page(online: httpx.AsyncClient, owner: rows.Connection, limit: int) -> None:
    """Newest first; from counts, to does not; of each interval the last point, wherever a page ends.

    Seven points at 0, 8, 16, 24, 32, 40 and 48 hours: the last of day 0 is 2, of day 1 is 5, of day 2 is 6.
    """
    rows.account(owner, cash="1")
    points(owner, 7, timedelta(hours=8))
    day_1 = "2011-01-04T00:00:00Z"

    assert await pages(online, f"{HISTORY}?", limit) == [6, 5, 4, 3, 2, 1, 0]
    assert await pages(online, f"{HISTORY}?from={day_1}", limit) == [6, 5, 4, 3]
    assert await pages(online, f"{HISTORY}?to={day_1}", limit) == [2, 1, 0]
    assert await pages(online, f"{HISTORY}?interval=1d", limit) == [6, 5, 2]
    assert await pages(online, f"{HISTORY}?interval=1d&to=2011-01-04T12:00:00Z", limit) == [4, 2]
    assert await pages(online, f"{HISTORY}?interval=12h&from={day_1}", limit) == [6, 5, 4]
    assert await pages(online, f"{HISTORY}?interval=90m", limit) == [6, 5, 4, 3, 2, 1, 0]


async def test_history_of_nobody(online: httpx.AsyncClient) -> None:
    """404, and an interval that is none is refused."""
    unknown = await online.get("/api/portfolio/acc_none/history")
    refused = await online.get("/api/portfolio/acc_none/history?interval=1w")

    assert (unknown.status_code, unknown.json()["code"]) == (404, "ACCOUNT_UNKNOWN")
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "query:interval")
