"""Reads as of a moment: whatever was answered when a record was the newest is answered for it ever after."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api.query import past, replica
from domain import schema
from domain.events import OrderTerms
from domain.ledger import Ledger
from streams import codec
from tests.api.tape_story import Projected, Story
from tests.domain.operators import OperatorDesk, a_day_of_operators

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
ACCOUNT, PORTFOLIO = "/api/accounts/acc", "/api/portfolio/acc"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


async def get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return values(answer.json())


def values(shown: Any) -> Any:
    """Decimals by their value: 1.50 is 1.5."""
    if isinstance(shown, dict):
        return {name: values(each) for name, each in shown.items()}
    if isinstance(shown, list):
        return [values(each) for each in shown]
    return Decimal(shown) if isinstance(shown, str) and _NUMBER.fullmatch(shown) else shown


def order_ids(events: list[Any]) -> list[str]:
    """Every order that an event makes, in their order."""
    found: list[str] = []
    for event in events:
        terms: tuple[OrderTerms, ...] = getattr(event, "orders", ()) or (getattr(event, "order", None),)  # type: ignore[assignment]
        found += [each.order_id for each in terms if isinstance(each, OrderTerms) and each.order_id not in found]
    return found


async def live(client: httpx.AsyncClient, known: list[str]) -> dict[str, Any]:
    """What the tables say now."""
    account = await get(client, ACCOUNT)
    del account["working_orders"]
    return {"account": account, "portfolio": await get(client, PORTFOLIO)} | {
        order_id: await get(client, f"/api/orders/{order_id}") for order_id in known
    }


async def then(client: httpx.AsyncClient, known: list[str], moment: str) -> tuple[dict[str, Any], Any]:
    """What is answered for a moment, and the orders that worked then."""
    account = await get(client, f"{ACCOUNT}?{moment}")
    working = account.pop("working_orders")
    return {"account": account, "portfolio": await get(client, f"{PORTFOLIO}?{moment}")} | {
        order_id: await get(client, f"/api/orders/{order_id}?{moment}") for order_id in known
    }, working


@pytest.mark.parametrize(("seed", "lot_method"), [(1, "FIFO"), (2, "AVERAGE")])
async def test_every_position_of_a_random_story(
    online: httpx.AsyncClient, house: Projected, monkeypatch: pytest.MonkeyPatch, seed: int, lot_method: str
) -> None:
    """Goal: at each record the answer as of it is what the tables said when it was the newest, and what the domain has.

    Method: a random story, projected record by record; the live answers are kept and compared with those as of each
    record, in a random order of records, so that milestones are met from both sides.
    """
    for module in (past, replica):
        monkeypatch.setattr(module, "PAGE_RECORDS", 7)
    story = Story(seed, lot_method=lot_method, fee_bps="10", cash="600")
    events = story.run(36)
    ledger = Ledger(story.ledger.catalog)
    said: list[dict[str, Any]] = []
    knew: list[tuple[Any, ...]] = []
    for number, event in enumerate(events):
        assert house.write(event) == number
        ledger.fold(schema.decode(*schema.encode(event)))
        said.append(await live(online, order_ids(events[: number + 1])))
        knew.append(known(ledger))

    positions = list(range(len(events)))
    story.source.shuffle(positions)
    for position in positions:
        for moment in (f"position={position}", f"as_of={said[position]['account']['updated_at']}"):
            if "as_of" in moment and (position % 3 or events[position].originator_version == 0):
                continue  # a refusal leaves the account as it was, and has a time of its own
            answered, working = await then(online, order_ids(events[: position + 1]), moment)

            assert answered.keys() == said[position].keys()
            for name, expected in said[position].items():
                assert answered[name] == expected | kept(answered[name], moment), (moment, name)
            assert shown(answered, working) == knew[position], moment


def kept(answered: dict[str, Any], moment: str) -> dict[str, Any]:
    """An answer as of a time counts as far as the tables are now, and says so."""
    return {"position": answered["position"]} if "as_of" in moment and "position" in answered else {}


def known(ledger: Ledger) -> tuple[Any, ...]:
    """Cash, holds, positions, lots and working orders of the domain's own fold."""
    account = ledger.accounts["acc"]
    return (
        account.cash,
        account.held_cash,
        {symbol: (own.quantity, own.held, own.cost) for symbol, own in account.positions.items()},
        {
            (symbol, lot.lot_id): (lot.quantity, lot.cost)
            for symbol, own in account.positions.items()
            for lot in own.lots
        },
        {
            order_id: (order.status, order.leaves_quantity, order.hold_cash, order.terms.limit_price)
            for order_id, order in account.orders.items()
        },
    )


def shown(answered: dict[str, Any], working: Any) -> tuple[Any, ...]:
    """The same of an answer."""
    portfolio = answered["portfolio"]
    positions = portfolio["positions"]
    return (
        portfolio["cash"],
        portfolio["hold"],
        {row["symbol"]: (row["quantity"], row["held_quantity"], row["cost"]) for row in positions},
        {(row["symbol"], lot["lot_id"]): (lot["quantity"], lot["cost"]) for row in positions for lot in row["lots"]},
        {
            row["order_id"]: (row["status"], row["leaves_quantity"], row["hold_cash"], row["limit_price"])
            for row in working
        },
    )


async def test_a_day_of_corporate_actions_and_corrections(online: httpx.AsyncClient, house: Projected) -> None:
    """Dividends, splits, corrected and busted fills, a new name, a delisting, transfers: each record's answer stays."""
    desk = OperatorDesk()
    a_day_of_operators(desk)
    said = []
    for number, event in enumerate(desk.events):
        house.write(event)
        said.append(await live(online, order_ids(desk.events[: number + 1])))

    for position, expected in enumerate(said):
        answered, _ = await then(online, order_ids(desk.events[: position + 1]), f"position={position}")

        for each in (answered, expected):  # the old name's row is left behind, empty
            each["portfolio"]["positions"] = [row for row in each["portfolio"]["positions"] if row["quantity"]]
        assert answered == expected, position


async def test_prices_are_those_that_the_ledger_had_been_told(online: httpx.AsyncClient, house: Projected) -> None:
    """10 AAPL bought at 10.00 with 1,000.00: worth 100 by the fill, 120 after a mark of 12, 110 after one of 11.

    A tick of 99 that the market has seen does not matter: the ledger was not told.
    """
    desk = OperatorDesk(cash="1000.00")
    desk.trade("BUY", "10", "10.00")
    desk.now_us += 1_000_000
    desk.prices(AAPL="12")
    desk.now_us += 1_000_000
    desk.prices(AAPL="11", IBM="50")
    offsets = [house.write(event) for event in desk.events]
    bought, first, second = offsets[-3:]

    worth = {
        position: await get(online, f"{PORTFOLIO}?position={position}")
        for position in (bought - 1, bought, first, second)
    }

    assert {position: answer["equity"] for position, answer in worth.items()} == {
        bought - 1: 1000,
        bought: 1000,
        first: 1020,
        second: 1010,
    }
    for position, event in ((bought, desk.events[-3]), (first, desk.events[-2]), (second, desk.events[-1])):
        then = await get(online, f"{PORTFOLIO}?as_of={codec.rfc3339(event.timestamp)}")
        assert then["equity"] == worth[position]["equity"], "a mark that came later is not known then"
    holds = {position: answer["hold"] for position, answer in worth.items()}
    assert holds == {bought - 1: 100, bought: 0, first: 0, second: 0}
    assert worth[second]["positions"][0]["last_price"] == 11


async def test_moments_that_are_not_there(online: httpx.AsyncClient, house: Projected) -> None:
    """Before the account or the order existed: 404; to come: 404 with the place that there is; no moment: 422."""
    desk = OperatorDesk(cash="1000.00")
    accepted = desk.submit("BUY", "10", "10.00")
    for event in desk.events:
        house.write(event)
    order = f"/api/orders/{accepted.order.order_id}"

    for path, status, code in (
        (f"{ACCOUNT}?position=3", 404, "POSITION_UNKNOWN"),
        (f"{PORTFOLIO}?position=3", 404, "POSITION_UNKNOWN"),
        (f"{order}?position=3", 404, "POSITION_UNKNOWN"),
        (f"{order}?position=1", 404, "ORDER_UNKNOWN"),
        (f"{ACCOUNT}?as_of=2001-01-01T00:00:00Z", 404, "ACCOUNT_UNKNOWN"),
        (f"{PORTFOLIO}?as_of=2001-01-01T00:00:00Z", 404, "ACCOUNT_UNKNOWN"),
        (f"{order}?as_of=2001-01-01T00:00:00Z", 404, "ORDER_UNKNOWN"),
        (f"{ACCOUNT}?as_of=2999-01-01T00:00:00Z", 404, "AS_OF_IN_FUTURE"),
        (f"{ACCOUNT}?position=-1", 422, "FIELD_INVALID"),
        (f"{ACCOUNT}?at=2001-01-01T00:00:00Z", 422, "FIELD_UNKNOWN"),
    ):
        answer = await online.get(path)

        assert (answer.status_code, answer.json()["code"]) == (status, code), path
