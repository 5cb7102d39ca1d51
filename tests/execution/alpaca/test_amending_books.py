"""Goal: what the broker corrects or takes back reaches the books, whoever worked the order and however long ago.

Method: the broker on loopback, one engine with its adapter, and behind it the real ledger, projector and API on real
servers; amounts worked by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from audit.replay import replay
from domain import ids
from domain.events import FillBusted, FillCorrected, OrderAcknowledged, OrderFilled, OrderRedispatched, ReportRejected
from execution.engine import Engine
from runtime.settings import Settings
from tests.api.conftest import serving
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import until
from tests.streams.trading import buy, events, opened, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ACCOUNT = "acc_r"
Books = Callable[..., Any]


@pytest.fixture
def books(settings: Settings) -> Books:
    """The ledger's events of a kind, of an order, once there are so many."""

    async def wait(kind: type[Any], order_id: str, number: int = 1) -> list[Any]:
        def found() -> list[Any]:
            there = [one for one in events(settings) if isinstance(one, kind) and one.order_id == order_id]
            return there if len(there) >= number else []

        return list(await until(found, f"{number} {kind.__name__} of {order_id}"))

    return wait


async def ordered(settings: Settings, exchange: Exchange, books: Books, name: str) -> str:
    """An order for 10 at 10.50, which the broker works."""
    order_id = ids.order_id(ACCOUNT, name)
    await asyncio.to_thread(send, settings, msgspec.structs.replace(buy(ACCOUNT, name), quantity=Decimal(10)))
    await books(OrderAcknowledged, order_id)
    await exchange.open(order_id)
    return order_id


async def amend(exchange: Exchange, order_id: str, kind: str, new: str, old: str, **more: str) -> None:
    await exchange.publish(kind, exchange.order(order_id), execution_id=new, previous_execution_id=old, **more)


async def cash_of(settings: Settings) -> Decimal:
    """Free cash, as the API has it."""
    async with serving(settings) as client:
        account = (await client.get(f"/api/accounts/{ACCOUNT}")).json()
    return Decimal(next(line["amount"] for line in account["balances"] if line["book_account"] == "cash"))


async def test_a_done_order_is_corrected_twice_and_then_void(
    settings: Settings, exchange: Exchange, engine: Engine, books: Books
) -> None:
    """Bought 10 at 10.25; it was at 10.20; it was 8 at 10.20; it never was. Each names the execution by its last name.

    Of 1,000.00: 897.50, then 898.00, then 918.40, then 1,000.00 again.
    """
    await asyncio.to_thread(send, settings, *opened(ACCOUNT))
    order_id = await ordered(settings, exchange, books, "done")
    first = (await exchange.execute(order_id, "10", "10.25"))["execution_id"]
    await books(OrderFilled, order_id)
    await until(lambda: not engine.desk.held, "nothing held")

    await amend(exchange, order_id, "trade_correct", "second", first, qty="10", price="10.20")
    await amend(exchange, order_id, "trade_correct", "third", "second", qty="8", price="10.20")
    await amend(exchange, order_id, "trade_bust", "fourth", "third", qty="-8", price="10.20")

    price, quantity = await books(FillCorrected, order_id, 2)
    assert {price.execution_id, quantity.execution_id} == {first}
    assert (price.cash_change, quantity.cash_change) == (Decimal("0.50"), Decimal("20.40"))
    assert (quantity.quantity, quantity.cumulative_quantity, quantity.status) == (8, 8, "FILLED")
    (bust,) = await books(FillBusted, order_id)
    assert (bust.execution_id, bust.cash_change, bust.position_quantity) == (first, Decimal("81.60"), 0)
    assert bust.reason == "ALPACA_PAPER: third is void by fourth"

    async def is_back() -> bool:
        return await cash_of(settings) == Decimal("1000.00")

    await until(is_back, "the cash of before")
    assert (await asyncio.to_thread(replay, settings)).ok


async def test_an_open_order_goes_on_with_what_is_left_of_it(
    settings: Settings, exchange: Exchange, engine: Engine, books: Books
) -> None:
    """4 of 10 are executed and taken back: 10 are left again. Then 6, corrected to 5; then the last 5: it is filled.

    5 at 10.40 and 5 at 10.10 are 102.50, so of 1,000.00 there are 897.50 left, and nothing set aside.
    """
    await asyncio.to_thread(send, settings, *opened(ACCOUNT))
    order_id = await ordered(settings, exchange, books, "open")
    there = exchange.order(order_id)
    first = (await exchange.execute(order_id, "4", "10.30"))["execution_id"]
    await books(OrderFilled, order_id)

    there["filled_qty"], there["status"] = "0", "new"
    await amend(exchange, order_id, "trade_bust", "void", first, qty="-4", price="10.30")
    (bust,) = await books(FillBusted, order_id)
    assert (bust.leaves_quantity, bust.status) == (10, "NEW")
    await books(OrderRedispatched, order_id)
    await books(OrderAcknowledged, order_id, 2)

    second = (await exchange.execute(order_id, "6", "10.40"))["execution_id"]
    await books(OrderFilled, order_id, 2)
    there["filled_qty"] = "5"
    await amend(exchange, order_id, "trade_correct", "five", second, qty="5", price="10.40")
    await books(FillCorrected, order_id)
    await books(OrderAcknowledged, order_id, 3)
    await exchange.execute(order_id, "5", "10.10")

    *_, last = await books(OrderFilled, order_id, 3)
    assert (last.quantity, last.cumulative_quantity, last.status) == (5, 10, "FILLED")
    assert [event for event in events(settings) if isinstance(event, ReportRejected)] == []

    async def is_paid() -> bool:
        return await cash_of(settings) == Decimal("897.50")

    await until(is_paid, "the cash that is left")
    assert (await asyncio.to_thread(replay, settings)).ok
