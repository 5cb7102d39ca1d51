"""What becomes of an order at the broker: taken over by another worker, cancelled, ended."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.venue import (
    Cancellation,
    Execution,
    Expiry,
    Refusal,
)
from tests.execution.alpaca.conftest import Hire, drained
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import again, limit_order, placed


class TestTakingOver:
    """Another worker goes on where the ledger is, and says the same."""

    async def test_executions_so_far_are_told_again_with_the_same_ids(self, exchange: Exchange, hire: Hire) -> None:
        """What the stream told the first worker is what the records tell the second, field by field."""
        first, second = await hire(), await hire()
        order = await placed(exchange, first)
        await exchange.execute(order.order_id, "3", "99.99")
        await exchange.execute(order.order_id, "4", "99.98")
        await first.hears(2)

        await second.venue.submit(again(order))

        assert await second.hears(2) == first.outcomes()
        assert exchange.requests["POST /orders"] == 1

    async def test_only_what_the_ledger_does_not_have_is_told(self, exchange: Exchange, hire: Hire) -> None:
        """The ledger took 3 of 7 units under the first epoch: the second worker tells the other 4."""
        first, second = await hire(), await hire()
        order = await placed(exchange, first)
        await exchange.execute(order.order_id, "3", "99.99")
        await exchange.execute(order.order_id, "4", "99.98")

        await second.venue.submit(again(order, executed="3"))

        (execution,) = await second.hears(1)
        await drained(exchange, second.venue)
        assert isinstance(execution, Execution)
        assert execution.quantity == Decimal(4)
        assert len(second.heard) == 1

    @pytest.mark.parametrize(
        ("status", "kind"), [("canceled", Cancellation), ("expired", Expiry), ("rejected", Cancellation)]
    )
    async def test_an_order_that_has_ended(self, exchange: Exchange, hire: Hire, status: str, kind: type) -> None:
        """Its executions first, then how it ended."""
        first, second = await hire(), await hire()
        order = await placed(exchange, first)
        await exchange.execute(order.order_id, "3", "99")
        await exchange.end(order.order_id, status)

        await second.venue.submit(again(order))

        execution, end = await second.hears(2)
        assert isinstance(execution, Execution)
        assert isinstance(end, kind)

    async def test_more_executions_than_a_page_holds(self, exchange: Exchange, hire: Hire) -> None:
        """250 executions of one unit, at a hundred a page: all of them, in order."""
        first, second = await hire(), await hire()
        order = await placed(exchange, first, quantity="250")
        for _ in range(250):
            await exchange.execute(order.order_id, "1", "99")
        await drained(exchange, second.venue)  # the stream has nothing left to say: the records alone must do

        await second.venue.submit(again(order))

        heard = await second.hears(250)
        assert len({o.execution_id for o in heard if isinstance(o, Execution)}) == 250

    async def test_a_broker_that_cannot_filter_by_order(self, exchange: Exchange, hire: Hire) -> None:
        """`order_id` is a new parameter, and who does not know it lists all; those of others are not ours."""
        exchange.ignores_order_id = True
        first, second = await hire(), await hire()
        order, other = await placed(exchange, first), await placed(exchange, first, name="other")
        await exchange.execute(order.order_id, "3", "99")
        await exchange.execute(other.order_id, "5", "98")
        await drained(exchange, second.venue)

        await second.venue.submit(again(order))
        await drained(exchange, second.venue)

        (execution,) = second.outcomes()
        assert isinstance(execution, Execution)
        assert execution.quantity == Decimal(3)

    async def test_a_worker_that_has_lost_an_order_says_nothing_of_it(self, exchange: Exchange, hire: Hire) -> None:
        """Dropped under a higher epoch or handed over: executions that come later are for somebody else to tell."""
        worker = await hire()
        order = await placed(exchange, worker)
        order.ended = "dropped"

        await exchange.execute(order.order_id, "10", "99")
        await drained(exchange, worker.venue)

        assert worker.heard == []


class TestCancelling:
    """Asked, and answered by what becomes of the order."""

    async def test_the_answer_is_the_venues(self, exchange: Exchange, hire: Hire) -> None:
        """Asking is not being cancelled: the listener hears of it when the venue says so."""
        exchange.holds_cancels = True
        worker = await hire()
        order = await placed(exchange, worker)

        await worker.venue.cancel(order)
        await drained(exchange, worker.venue)
        assert worker.heard == []
        await exchange.end(order.order_id, "canceled")

        assert await worker.hears(1) == [Cancellation("requested")]

    async def test_an_execution_overtakes_it(self, exchange: Exchange, hire: Hire) -> None:
        """The order is filled while the cancellation is on its way: the last execution is the answer."""
        exchange.holds_cancels = True
        worker = await hire()
        order = await placed(exchange, worker)

        await worker.venue.cancel(order)
        await exchange.execute(order.order_id, "10", "99")

        (execution,) = await worker.hears(1)
        assert isinstance(execution, Execution)

    async def test_too_late(self, exchange: Exchange, hire: Hire) -> None:
        """The venue refuses to cancel a filled order whose fill was not seen: its records are the answer."""
        worker = await hire()
        order = await placed(exchange, worker)
        exchange.mute = True
        await exchange.execute(order.order_id, "10", "99")

        await worker.venue.cancel(order)

        (execution,) = await worker.hears(1)
        assert isinstance(execution, Execution)

    async def test_the_exchange_refuses_once(self, exchange: Exchange, hire: Hire) -> None:
        """order_cancel_rejected while the order is open: it is asked for again."""
        exchange.holds_cancels = True
        worker = await hire()
        order = await placed(exchange, worker)
        await worker.venue.cancel(order)
        there = exchange.order(order.order_id)
        there["status"] = "new"
        exchange.holds_cancels = False

        await exchange.publish("order_cancel_rejected", there, reason="TOO_LATE_TO_CANCEL")

        assert await worker.hears(1) == [Cancellation("requested")]

    async def test_the_venue_does_not_answer(self, exchange: Exchange, hire: Hire) -> None:
        """The worker lives on, and asks until it is through."""
        worker = await hire()
        order = await placed(exchange, worker)
        exchange.faults.status = [500] * 6

        await worker.venue.cancel(order)

        assert await worker.hears(1) == [Cancellation("requested")]

    async def test_an_order_of_a_dead_worker(self, exchange: Exchange, hire: Hire) -> None:
        """A cancellation for an order that this worker never had: it is found by its id, executions told, cancelled."""
        first, second = await hire(), await hire()
        order = await placed(exchange, first)
        await exchange.execute(order.order_id, "3", "99")

        await second.venue.cancel(again(order))

        execution, end = await second.hears(2)
        assert isinstance(execution, Execution)
        assert end == Cancellation("requested")

    async def test_an_order_that_never_got_there(self, exchange: Exchange, hire: Hire) -> None:
        """The venue has none of that id: there is nothing to execute."""
        worker = await hire()

        await worker.venue.cancel(again(limit_order()))

        assert worker.outcomes() == [Cancellation("unknown to the venue")]


class TestEnding:
    """How orders end without being asked to."""

    async def test_an_end_waits_for_its_executions(self, exchange: Exchange, hire: Hire) -> None:
        """`canceled` comes before the execution that it counts: the execution is told first."""
        worker = await hire()
        order = await placed(exchange, worker)
        exchange.mute = True
        await exchange.execute(order.order_id, "3", "99")
        exchange.mute = False

        await exchange.end(order.order_id, "canceled", reason="CORPORATE_ACTION")

        execution, end = await worker.hears(2)
        assert isinstance(execution, Execution)
        assert isinstance(end, Cancellation)

    async def test_the_day_is_over(self, exchange: Exchange, hire: Hire) -> None:
        """A DAY order that expires."""
        worker = await hire()
        order = await placed(exchange, worker, time_in_force="DAY")

        await exchange.end(order.order_id, "expired")

        (end,) = await worker.hears(1)
        assert isinstance(end, Expiry)
        assert end.reason == "day_over"

    async def test_the_exchange_refuses_the_order(self, exchange: Exchange, hire: Hire) -> None:
        """Taken by the broker, rejected by the exchange: a refusal with the reason."""
        worker = await hire()
        order = await placed(exchange, worker)

        await exchange.end(order.order_id, "rejected", reason="symbol halted")

        (refusal,) = await worker.hears(1)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "VENUE_REJECTED"
        assert "symbol halted" in refusal.text

    @pytest.mark.parametrize(
        "event", ["pending_new", "accepted", "done_for_day", "calculated", "stopped", "suspended", "restated", "held"]
    )
    async def test_events_that_change_nothing(self, exchange: Exchange, hire: Hire, event: str) -> None:
        """The order is open, whatever state it passes through."""
        worker = await hire()
        order = await placed(exchange, worker)

        await exchange.publish(event, exchange.order(order.order_id))
        await drained(exchange, worker.venue)

        assert worker.heard == []
