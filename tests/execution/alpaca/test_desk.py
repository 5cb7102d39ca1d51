"""A worker's desk with the broker behind it: what the ledger is told, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.dispatch import Dispatch
from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from execution.desk import Desk
from execution.queue import Entry
from execution.window import TickWindow
from tests.execution.alpaca.conftest import drained, settings_for
from tests.execution.alpaca.exchange import Exchange
from tests.execution.examples import dispatch, terms
from tests.execution.floor import eventually
from tests.execution.test_desk import Archive, Outbox

_encode = msgspec.json.Encoder(decimal_format="string").encode


class Seat:
    """A desk whose venue is Alpaca."""

    def __init__(self, exchange: Exchange) -> None:
        settings = settings_for(exchange)
        self.venue = AlpacaVenue(access_of(settings), settings)
        self.outbox = Outbox()
        window = TickWindow(10)
        window.open(0, 0)
        self.desk = Desk("worker-a", self.venue, window, self.outbox, Archive([]))
        self._entries = 0

    async def give(self, message: Dispatch) -> None:
        self._entries += 1
        await self.desk.take(Entry(f"{self._entries}-0", {b"dispatch": _encode(message)}))

    def kinds(self) -> list[str]:
        return [type(report).__name__ for report in self.outbox.reports]

    async def reports(self, number: int) -> list[Any]:
        await eventually(lambda: len(self.outbox.reports) >= number, f"{number} reports, they were {self.kinds()}", 10)
        return self.outbox.reports


Sit = Callable[[], Awaitable[Seat]]


@pytest.fixture
async def sit(exchange: Exchange) -> Any:
    seats: list[Seat] = []

    async def take_a_seat() -> Seat:
        seat = Seat(exchange)
        seats.append(seat)
        await seat.venue.start(seat.desk.on_outcome)
        return seat

    yield take_a_seat
    for seat in seats:
        await seat.venue.stop()


async def test_a_life(exchange: Exchange, sit: Sit) -> None:
    """Acknowledged, executed twice, done: four reports, and the entry is free when Kafka has them."""
    seat = await sit()
    order = terms(quantity="10")

    await seat.give(dispatch(order))
    await exchange.execute(order.order_id, "4", "99.5")
    await exchange.execute(order.order_id, "6", "99.75")
    acknowledged, first, second = await seat.reports(3)
    seat.outbox.acknowledge()

    assert seat.kinds() == ["ReportAcknowledged", "ReportFilled", "ReportFilled"]
    assert acknowledged.venue == first.venue == "ALPACA_PAPER"
    assert (first.quantity, second.price) == (Decimal(4), Decimal("99.75"))
    assert seat.desk.held == {}


async def test_an_order_executed_before_it_was_answered(exchange: Exchange, sit: Sit) -> None:
    """The broker executes while its answer is lost: the ledger hears of the order first, then of the execution."""
    exchange.faults.lose_answer = 1
    seat = await sit()
    order = terms(quantity="10")

    async def execute_when_there() -> None:
        await eventually(lambda: len(exchange.orders) == 1, "the order there")
        await exchange.execute(order.order_id, "10", "99")

    market = asyncio.create_task(execute_when_there())
    await seat.give(dispatch(order))
    await market
    await seat.reports(2)

    assert seat.kinds() == ["ReportAcknowledged", "ReportFilled"]


async def test_a_refusal_is_not_acknowledged(exchange: Exchange, sit: Sit) -> None:
    """What the broker does not take was never taken."""
    seat = await sit()

    await seat.give(dispatch(terms(quantity="10", time_in_force="GTD", expire_at_us=1)))

    assert seat.kinds() == ["ReportRefused"]


async def test_a_redispatch_tells_the_rest(exchange: Exchange, sit: Sit) -> None:
    """The ledger took 4 of 10 before the worker died: the next one reports the other 6, under the new epoch."""
    first, second = await sit(), await sit()
    order = terms(quantity="10")
    await first.give(dispatch(order))
    await exchange.execute(order.order_id, "4", "99")
    await exchange.execute(order.order_id, "6", "98")
    told = (await first.reports(3))[2]

    await second.give(dispatch(order, epoch=2, filled="4"))
    acknowledged, filled = await second.reports(2)

    assert second.kinds() == ["ReportAcknowledged", "ReportFilled"]
    assert (filled.execution_id, filled.quantity) == (told.execution_id, Decimal(6))
    assert filled.dispatch_epoch == acknowledged.dispatch_epoch == 2


async def test_a_larger_replacement_is_told_before_its_execution(exchange: Exchange, sit: Sit) -> None:
    """`replaced` is lost and the fill of 12 comes first: the ledger must know of 12 before it is told of them."""
    seat = await sit()
    order = terms(quantity="10", limit_price="100")
    await seat.give(dispatch(order))
    await exchange.open(order.order_id)
    larger = msgspec.structs.replace(order, quantity=Decimal(12))
    await seat.give(dispatch(order, kind="REPLACE", revision=1, replacement=larger))

    exchange.mute = True
    await exchange.take_over(order.order_id, f"{order.order_id}.r1")
    exchange.mute = False
    await exchange.execute(f"{order.order_id}.r1", "12", "99")
    await seat.reports(3)

    assert seat.kinds() == ["ReportAcknowledged", "ReportReplaced", "ReportFilled"]


async def test_a_cancellation(exchange: Exchange, sit: Sit) -> None:
    """The ledger's CANCEL goes to the broker, and its answer to the ledger."""
    seat = await sit()
    order = terms(quantity="10")
    await seat.give(dispatch(order))
    await exchange.execute(order.order_id, "4", "99")

    await seat.give(dispatch(order, kind="CANCEL"))
    await seat.reports(3)

    assert seat.kinds() == ["ReportAcknowledged", "ReportFilled", "ReportCanceled"]


async def test_an_order_dispatched_elsewhere_is_left_alone(exchange: Exchange, sit: Sit) -> None:
    """A mark of a higher epoch fences this worker: what is executed later makes no report and no error."""
    seat = await sit()
    order = terms(quantity="10")
    await seat.give(dispatch(order))
    seat.outbox.acknowledge()
    seat.desk.fence(seat.desk.marks.due())  # as execution.watermarks gives back the marks that are outdated

    await exchange.execute(order.order_id, "10", "99")
    await drained(exchange, seat.venue)

    assert seat.kinds() == ["ReportAcknowledged"]
