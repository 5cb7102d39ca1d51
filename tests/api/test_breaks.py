"""Breaks over the API: filters, form, those of nobody among them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from domain import ids
from domain.breaks import BREAKS
from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows

pytestmark = pytest.mark.integration
PATH = "/api/reconciliation/breaks"


def a_break(connection: rows.Connection, number: int, kind: str, account_id: str, **changes: Any) -> str:
    """An open break about order ord_<number>, found on the <number>th of January; gives its id."""
    break_id = ids.break_id(kind, f"ord_{number}", None)
    moment = f"2026-01-{number:02}T00:00:00Z"
    row: dict[str, Any] = {
        "break_id": break_id,
        "account_id": account_id,
        "kind": kind,
        "order_id": f"ord_{number}",
        "execution_id": None,
        "venue": "PAPER",
        "symbol": "AAPL",
        "expected": "BUY 10, NEW",
        "actual": "no such open order",
        "status": "OPEN",
        "times": 1,
        "first_found_at": moment,
        "found_at": moment,
        "seen_at": moment,
        "partition": 2,
        "record_offset": number,
    }
    rows.insert(connection, "reconciliation_breaks", **(row | changes))
    return break_id


@pytest.fixture
def known(ledger_settings: Settings) -> dict[str, str]:
    """An open and a resolved one of two accounts, and an order that somebody placed by hand."""
    by_hand = ids.break_id("ORDER_UNKNOWN_TO_LEDGER", "by-hand", None)
    with postgres(ledger_settings, autocommit=True) as connection:
        details = {
            "kind": "ORDER_UNKNOWN_TO_LEDGER",
            "order_id": "by-hand",
            "venue": "ALPACA",
            "symbol": "IBM",
            "expected": "no such order",
            "actual": "buy 3, new",
        }
        rows.insert(connection, "audit_actions", partition=1, record_offset=4, action_id="a", actor="reconciler",
                    action="reconciliation.break_found", subject=by_hand, reason="no account has it", details=details,
                    issued_at="2026-01-03T00:00:00Z", recorded_at="2026-01-03T00:00:00Z")  # fmt: skip
        return {
            "open": a_break(connection, 1, "ORDER_MISSING_AT_VENUE", "acc_1"),
            "resolved": a_break(
                *(connection, 2, "ORDER_QUANTITY_DIFFERS", "acc_2"),
                status="RESOLVED",
                resolved_at="2026-01-05T00:00:00Z",
                reason="both have it",
            ),
            "by_hand": by_hand,
        }


async def shown(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == httpx.codes.OK, answer.text
    return [one["break_id"] for one in answer.json()["data"]]


async def test_breaks_are_listed_newest_first_and_chosen(online: httpx.AsyncClient, known: dict[str, str]) -> None:
    """All of them, and by status, account, kind, order and time."""
    one, two, hand = known["open"], known["resolved"], known["by_hand"]

    assert await shown(online) == [hand, two, one]
    assert await shown(online, status="OPEN") == [hand, one]
    assert await shown(online, status="RESOLVED") == [two]
    assert await shown(online, account_id="acc_1") == [one]
    assert await shown(online, kind="ORDER_UNKNOWN_TO_LEDGER") == [hand]
    assert await shown(online, order_id="ord_2") == [two]
    assert await shown(online, **{"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"}) == [two]


async def test_a_page_begins_where_the_last_one_ended(online: httpx.AsyncClient, known: dict[str, str]) -> None:
    """One at a time; a cursor belongs to its filters."""
    first = (await online.get(PATH, params={"limit": 1})).json()
    second = (await online.get(PATH, params={"limit": 1, "cursor": first["cursor"]})).json()
    other = await online.get(PATH, params={"limit": 1, "cursor": first["cursor"], "status": "OPEN"})

    assert [page["data"][0]["break_id"] for page in (first, second)] == [known["by_hand"], known["resolved"]]
    assert (other.status_code, other.json()["code"]) == (400, "CURSOR_INVALID")


async def test_the_form_of_a_break(online: httpx.AsyncClient, known: dict[str, str]) -> None:
    """What each side had, since when, and what became of it."""
    answer = await online.get(PATH, params={"status": "RESOLVED"})

    assert answer.json()["data"] == [
        {
            "break_id": known["resolved"],
            "account_id": "acc_2",
            "kind": "ORDER_QUANTITY_DIFFERS",
            "order_id": "ord_2",
            "execution_id": None,
            "venue": "PAPER",
            "symbol": "AAPL",
            "expected": "BUY 10, NEW",
            "actual": "no such open order",
            "status": "RESOLVED",
            "times": 1,
            "first_found_at": "2026-01-02T00:00:00.000000Z",
            "found_at": "2026-01-02T00:00:00.000000Z",
            "resolved_at": "2026-01-05T00:00:00.000000Z",
            "reason": "both have it",
            "partition": 2,
            "record_offset": 2,
        }
    ]


@pytest.mark.parametrize("kind", BREAKS)
async def test_each_kind_may_be_asked_for(online: httpx.AsyncClient, kind: str) -> None:
    """An empty list is an answer too."""
    assert await shown(online, kind=kind) == []
