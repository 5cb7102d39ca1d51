"""The paper venue's side: what workers hold by their watermarks, and what the evidence of the books' fills allows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from domain import ids
from domain.market import TickAt
from domain.terms import OrderTerms
from execution.paper import fill
from execution.reconcile.compare import VenueSide, compare
from execution.reconcile.paper import PaperBooks
from execution.reconcile.picture import read
from execution.venue import Reconcilable
from execution.watermarks import WATERMARKS
from runtime.clients import redis_async
from runtime.clock import now_us
from runtime.settings import Settings
from tests.api import rows
from tests.execution.examples import ACCOUNT, PARAMETERS, terms, tick_at
from tests.execution.reconcile.pictures import names

pytestmark = pytest.mark.integration
MOMENT = "2026-01-01T00:00:00Z"
TICK: TickAt = tick_at(7, price="99.50", volume="1000")


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[rows.Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
async def books(ledger_settings: Settings) -> AsyncIterator[PaperBooks]:
    client = redis_async(ledger_settings)
    made: Reconcilable = PaperBooks(ledger_settings, client, "PAPER")
    assert isinstance(made, PaperBooks)
    yield made
    await client.aclose()


def said(connection: rows.Connection, offset: int, event_type: str, order_id: str, data: dict[str, Any]) -> None:
    """An event that says the terms of an order."""
    rows.event(connection, order_id, offset, event_type, data)


def filled(connection: rows.Connection, order: OrderTerms, offset: int, **changes: Any) -> str:
    """A fill in the books by the paper venue's own model, changed where a test wants it wrong; gives its id."""
    got = fill(order, order.quantity, TICK, PARAMETERS)
    assert got is not None
    execution_id = ids.execution_id(order.order_id, 0, 7)
    evidence = json.loads(msgspec.json.Encoder(decimal_format="string").encode(got.evidence))
    row = {
        "execution_id": execution_id,
        "order_id": order.order_id,
        "account_id": ACCOUNT,
        "symbol": "AAPL",
        "side": order.side,
        "quantity": got.quantity,
        "price": got.price,
        "fee": got.fee,
        "realized_pnl": "0",
        "cash_change": "0",
        "venue": "PAPER",
        "market_time": "1970-01-01T00:00:07Z",
        "recorded_at": MOMENT,
        "evidence": evidence,
        "partition": 0,
        "record_offset": offset,
    }
    rows.insert(connection, "fills", **(row | changes))
    return str((row | changes)["execution_id"])


def as_json(order: OrderTerms) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(msgspec.json.Encoder(decimal_format="string").encode(order))
    return found


async def differences(settings: Settings, books: PaperBooks) -> set[tuple[str, str, str | None]]:
    at_venue = VenueSide([], await books.executions(0))
    ledger = read(settings, "PAPER", "recorded_at", 0, set(), {one.execution_id for one in at_venue.executions})
    return names(compare(ledger.ledger, at_venue))


async def test_what_workers_hold_is_what_they_write(books: PaperBooks, ledger_settings: Settings) -> None:
    """A watermark of now is an order that is worked; one that nobody writes any more, or cannot be read, is none."""
    client = redis_async(ledger_settings)
    old_us = now_us() - 3 * ledger_settings.claim_idle_ms * 1_000
    mark = '{{"partition":0,"offset":7,"reports":1,"epoch":1,"at_us":{at_us}}}'
    await client.hset(WATERMARKS, "ord_held", mark.format(at_us=now_us()))
    await client.hset(WATERMARKS, "ord_left", mark.format(at_us=old_us))
    await client.hset(WATERMARKS, "ord_odd", "no mark")

    held = await books.open_orders()

    assert [(order.order_id, order.quantity) for order in held] == [("ord_held", None)]
    await client.aclose()


async def test_a_fill_that_its_evidence_allows_is_no_break(
    books: PaperBooks, ledger_settings: Settings, connection: rows.Connection
) -> None:
    """By the terms that the order had when it was filled: it was replaced later, to a limit that would not allow it."""
    order = terms(limit_price="100")
    said(connection, 1, "OrderAccepted", order.order_id, {"order": as_json(order)})
    filled(connection, order, 2)
    later = msgspec.structs.replace(order, limit_price=Decimal(50))
    said(connection, 3, "OrderReplaced", order.order_id, {"order": as_json(later)})

    (one,) = await books.executions(0)

    assert (one.quantity, one.cumulative_quantity) == (Decimal(100), Decimal(100))
    assert await differences(ledger_settings, books) == set()


async def test_the_terms_of_a_leg_are_found_in_its_groups_event(
    books: PaperBooks, ledger_settings: Settings, connection: rows.Connection
) -> None:
    """The event stands under the first order of the group, and names all."""
    first, second = terms("first", limit_price="100"), terms("second", limit_price="100")
    group = {"orders": [as_json(first), as_json(second)]}
    place = {"partition": 0, "record_offset": 1, "event_type": "OrderGroupAccepted", "recorded_at": MOMENT}
    rows.insert(connection, "order_events", order_id=first.order_id, **place, data=group)
    for leg, order in enumerate((first, second)):
        head = {"order_id": order.order_id, "account_id": ACCOUNT, "leg": leg, "changes": {}}
        rows.insert(connection, "order_history", **head, **place)
    filled(connection, second, 2)

    assert len(await books.executions(0)) == 1
    assert await differences(ledger_settings, books) == set()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"price": "99.49"}, "EXECUTION_DIFFERS"),
        ({"quantity": "99"}, "EXECUTION_DIFFERS"),
        ({"evidence": None}, "EXECUTION_UNKNOWN_TO_VENUE"),
        ({"evidence": {"tick": 1}}, "EXECUTION_UNKNOWN_TO_VENUE"),
    ],
)
async def test_a_fill_that_its_evidence_does_not_allow_is_a_break(
    books: PaperBooks, ledger_settings: Settings, connection: rows.Connection, changes: dict[str, Any], kind: str
) -> None:
    """Another price or quantity than the model gives, or no evidence that says anything."""
    order = terms(limit_price="100")
    said(connection, 1, "OrderAccepted", order.order_id, {"order": as_json(order)})
    execution_id = filled(connection, order, 2, **changes)

    assert await differences(ledger_settings, books) == {(kind, order.order_id, execution_id)}
