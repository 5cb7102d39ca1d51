"""The trial balance over HTTP, on a real PostgreSQL, against postings that the tests put in as the owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows

DAY = datetime(2026, 1, 1, tzinfo=UTC)
PATH = "/api/accounts/acc_1/trial-balance"

# offset, day of record, day on the market, legs
EVENTS: tuple[tuple[int, int, int | None, tuple[tuple[str, str, str], ...]], ...] = (
    (2, 0, None, (("cash", "USD", "1000.00"), ("external", "USD", "-1000.00"))),
    (
        5,
        1,
        10,
        (
            ("cash", "USD", "-100.10"),
            ("inventory:BRK.B", "USD", "100"),
            ("fees", "USD", "0.10"),
            ("position:BRK.B", "BRK.B", "4"),
            ("market:BRK.B", "BRK.B", "-4"),
        ),
    ),
    (9, 2, 20, (("cash", "USD", "-0.20"), ("fees", "USD", "0.20"))),
)


@pytest.fixture
def owner(ledger_settings: Settings) -> Iterator[rows.Connection]:
    """acc_1's books: a deposit, a purchase, a fee; the ledger is projected up to offset 11 of partition 0."""
    with postgres(ledger_settings, autocommit=True) as connection:
        rows.account(connection)
        rows.insert(
            connection,
            "projection_progress",
            projection="ledger",
            topic="ledger.events",
            partition=0,
            next_offset=12,
            head_seq=12,
            head_hash=b"h",
        )
        for offset, recorded, market, legs in EVENTS:
            for leg, (book_account, commodity, amount) in enumerate(legs):
                rows.insert(
                    connection,
                    "journal_postings",
                    partition=0,
                    record_offset=offset,
                    leg=leg,
                    account_id="acc_1",
                    book_account=book_account,
                    commodity=commodity,
                    amount=amount,
                    event_type="OrderFilled",
                    event_id=f"evt-{offset}",
                    recorded_at=DAY + timedelta(days=recorded),
                    market_time=None if market is None else DAY + timedelta(days=market),
                )
        yield connection


async def balances(client: httpx.AsyncClient, query: str = "") -> dict[str, str]:
    answer = await client.get(PATH + query)
    assert answer.status_code == 200, answer.text
    return {line["book_account"]: line["balance"] for line in answer.json()["data"]}


@pytest.mark.integration
async def test_the_trial_balance(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Debits, credits and balances as decimal strings, each commodity's totals, and the place where it stands."""
    body = (await online.get(PATH)).json()

    assert (body["account_id"], body["partition"], body["position"], body["balanced"]) == ("acc_1", 0, 11, True)
    assert body["data"][0] == {
        "book_account": "cash",
        "book_class": "asset",
        "commodity": "USD",
        "debits": "1000.00",
        "credits": "100.30",
        "balance": "899.70",
        "postings": 3,
    }
    assert body["totals"] == [
        {"commodity": "BRK.B", "debits": "4", "credits": "4", "balance": "0"},
        {"commodity": "USD", "debits": "1100.30", "credits": "1100.30", "balance": "0.00"},
    ]


@pytest.mark.integration
async def test_positions_and_times(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """A position counts its own record; times of record and of the market count up to and including themselves."""
    bought = {
        "cash": "899.90",
        "external": "-1000.00",
        "fees": "0.10",
        "inventory:BRK.B": "100",
        "market:BRK.B": "-4",
        "position:BRK.B": "4",
    }
    paid = {"cash": "1000.00", "external": "-1000.00"}

    assert await balances(online, "?position=5") == bought
    assert await balances(online, "?position=4") == paid
    assert await balances(online, "?position=0") == {}
    assert await balances(online, "?as_of=2026-01-02T00:00:00Z") == bought
    assert await balances(online, "?as_of=2026-01-01T23:59:59.999999Z") == paid
    assert await balances(online, "?market_time=2026-01-11T00:00:00Z") == bought
    assert await balances(online, "?market_time=2000-01-01T00:00:00Z") == paid
    assert await balances(online, "?as_of=2026-01-01T00:00:00Z&market_time=2026-01-11T00:00:00Z") == paid


@pytest.mark.integration
async def test_books_that_do_not_balance_say_so(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """A cent that nobody paid: not balanced, and the commodity's total names the difference."""
    owner.execute("update journal_postings set amount = 1000.01 where record_offset = 2 and book_account = 'cash'")

    body = (await online.get(PATH)).json()

    assert body["balanced"] is False
    assert body["totals"][1]["balance"] == "0.01"


@pytest.mark.integration
async def test_a_fixed_position_is_not_sent_again(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """The ETag of a position stays while the ledger goes on; that of the newest place changes with it."""
    fixed, newest = (await online.get(f"{PATH}?position=5")), await online.get(PATH)
    owner.execute("update projection_progress set next_offset = 13")

    async def again(path: str, answer: httpx.Response) -> int:
        return (await online.get(path, headers={"If-None-Match": answer.headers["etag"]})).status_code

    assert fixed.headers["etag"] != newest.headers["etag"]
    assert await again(f"{PATH}?position=5", fixed) == 304
    assert await again(f"{PATH}?position=5&as_of=2026-01-02T00:00:00Z", fixed) == 200
    assert await again(f"{PATH}?position=6", fixed) == 200
    assert await again(PATH, newest) == 200


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{PATH}?position=12", "POSITION_UNKNOWN"),
        ("/api/accounts/nobody/trial-balance", "ACCOUNT_UNKNOWN"),
    ],
)
async def test_what_is_not_projected_yet_is_not_found(
    online: httpx.AsyncClient, owner: rows.Connection, path: str, code: str
) -> None:
    """404 with a code: trying again later may help."""
    answer = await online.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, code)


@pytest.mark.parametrize(
    "query", ["position=-1", "position=x", f"position={2**63}", "as_of=yesterday", "market_time=1", "at=5"]
)
async def test_a_bad_parameter_is_refused(offline: httpx.AsyncClient, query: str) -> None:
    """422 that names the parameter, before any server is needed."""
    answer = await offline.get(f"{PATH}?{query}")

    problem: dict[str, Any] = answer.json()
    assert answer.status_code == 422
    assert problem["errors"][0]["parameter"] == f"query:{query.partition('=')[0]}"
