"""What becomes of an order at the broker: taken over by another worker, cancelled, replaced, ended, amended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.terms import OrderTerms
from execution.order import WorkingOrder
from execution.venue import (
    Amendment,
    Bust,
    Cancellation,
    Correction,
    Execution,
    Expiry,
    Refusal,
    Replacement,
    ReplaceRefusal,
)
from tests.execution.alpaca.conftest import Hire, Worker, drained
from tests.execution.alpaca.exchange import Exchange
from tests.execution.examples import terms, working
from tests.execution.floor import eventually


def limit_order(name: str = "one", quantity: str = "10", **more: Any) -> WorkingOrder:
    return working(terms(name, quantity=quantity, limit_price="100", **more))


def again(order: WorkingOrder, executed: str = "0") -> WorkingOrder:
    """The same order as another worker gets it: a higher epoch, and what the ledger knows of it."""
    taken = working(order.terms, leaves=str(order.terms.quantity - Decimal(executed)))
    taken.dispatch_epoch = 2
    return taken


def changed(order: WorkingOrder, **more: Any) -> OrderTerms:
    return msgspec.structs.replace(order.terms, **more)


async def placed(exchange: Exchange, worker: Worker, **more: Any) -> WorkingOrder:
    """An order that the broker works."""
    order = limit_order(**more)
    await worker.venue.submit(order)
    await exchange.open(order.order_id)
    return order


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


class TestReplacing:
    """Other terms for an order that has not been executed."""

    async def test_the_new_order_takes_over(self, exchange: Exchange, hire: Hire) -> None:
        """Told when the venue says `replaced`, not when it has taken the request; executions are of our order."""
        worker = await hire()
        order = await placed(exchange, worker)

        await worker.venue.replace(order, changed(order, limit_price=Decimal(98), quantity=Decimal(12)), 1)
        assert worker.heard == []
        await exchange.take_over(order.order_id, f"{order.order_id}.r1")
        assert await worker.hears(1) == [Replacement(1, keeps_priority=False)]
        await exchange.execute(f"{order.order_id}.r1", "12", "98")

        execution = (await worker.hears(2))[1]
        assert worker.heard[1][0] == order.order_id
        assert isinstance(execution, Execution)
        assert execution.quantity == Decimal(12)
        assert {name: exchange.bodies[1][name] for name in ("qty", "limit_price")} == {"qty": "12", "limit_price": "98"}

    async def test_an_answer_lost_after_it_was_taken(self, exchange: Exchange, hire: Hire) -> None:
        """Looked up by the replacement's own id: one request, one replacement."""
        exchange.faults.lose_replace_answer = 1
        worker = await hire()
        order = await placed(exchange, worker)

        await worker.venue.replace(order, changed(order, limit_price=Decimal(98)), 1)
        await exchange.take_over(order.order_id, f"{order.order_id}.r1")

        assert await worker.hears(1) == [Replacement(1, keeps_priority=False)]
        assert len(exchange.orders) == 2

    async def test_it_is_filled_first(self, exchange: Exchange, hire: Hire) -> None:
        """The old order's last execution is the answer; the new order is rejected by the venue, and that is all."""
        worker = await hire()
        order = await placed(exchange, worker)
        await worker.venue.replace(order, changed(order, limit_price=Decimal(98)), 1)

        await exchange.execute(order.order_id, "10", "100")
        await exchange.end(f"{order.order_id}.r1", "rejected")
        await drained(exchange, worker.venue)

        (execution,) = worker.outcomes()
        assert isinstance(execution, Execution)

    async def test_the_venue_rejects_it(self, exchange: Exchange, hire: Hire) -> None:
        """The old order works on, and its executions are told."""
        worker = await hire()
        order = await placed(exchange, worker)
        await worker.venue.replace(order, changed(order, limit_price=Decimal(98)), 1)

        await exchange.end(f"{order.order_id}.r1", "rejected", reason="too late")
        await exchange.execute(order.order_id, "10", "100")

        refusal, execution = await worker.hears(2)
        assert isinstance(refusal, ReplaceRefusal)
        assert (refusal.revision, refusal.code) == (1, "VENUE_REPLACE_REFUSED")
        assert isinstance(execution, Execution)

    async def test_terms_that_alpaca_cannot_change(self, exchange: Exchange, hire: Hire) -> None:
        """Refused before anything is sent."""
        worker = await hire()
        order = await placed(exchange, worker)

        await worker.venue.replace(order, changed(order, post_only=True), 1)

        (refusal,) = worker.outcomes()
        assert isinstance(refusal, ReplaceRefusal)
        assert refusal.code == "ORDER_POST_ONLY_UNSUPPORTED"
        assert len(exchange.bodies) == 1

    async def test_one_that_is_executed_in_part(self, exchange: Exchange, hire: Hire) -> None:
        """Refused: how its quantity would be counted is not published."""
        worker = await hire()
        order = await placed(exchange, worker)
        await exchange.execute(order.order_id, "3", "100")
        await worker.hears(1)

        await worker.venue.replace(order, changed(order, limit_price=Decimal(98)), 1)

        refusal = (await worker.hears(2))[1]
        assert isinstance(refusal, ReplaceRefusal)
        assert refusal.code == "ORDER_CHANGE_UNSUPPORTED"

    async def test_a_worker_takes_over_after_it_was_done(self, exchange: Exchange, hire: Hire) -> None:
        """The dead worker never told: the next one finds the new order at work, and tells."""
        first, second = await hire(), await hire()
        order = await placed(exchange, first)
        new_terms = changed(order, limit_price=Decimal(98))
        await first.venue.replace(order, new_terms, 1)
        await exchange.take_over(order.order_id, f"{order.order_id}.r1")
        await first.hears(1)

        taken = again(order)
        await second.venue.submit(taken)
        await second.venue.replace(taken, new_terms, 1)
        await exchange.execute(f"{order.order_id}.r1", "10", "98")

        replacement, execution = await second.hears(2)
        assert replacement == Replacement(1, keeps_priority=False)
        assert isinstance(execution, Execution)
        assert len(exchange.orders) == 2

    async def test_executed_in_part_while_it_was_replaced(self, exchange: Exchange, hire: Hire) -> None:
        """4 of 10 are executed, then an order of 10 takes over: what is left is cancelled before 14 are executed."""
        worker = await hire()
        order = await placed(exchange, worker)
        await worker.venue.replace(order, changed(order, limit_price=Decimal(98)), 1)

        await exchange.execute(order.order_id, "4", "100")
        await exchange.take_over(order.order_id, f"{order.order_id}.r1")

        execution, replacement, end = await worker.hears(3)
        assert isinstance(execution, Execution)
        assert isinstance(replacement, Replacement)
        assert end == Cancellation("executed while it was replaced")
        assert exchange.order(f"{order.order_id}.r1")["status"] == "canceled"

    async def test_replaced_by_somebody_else(self, exchange: Exchange, hire: Hire) -> None:
        """Somebody changed it on the broker's page: the ledger's terms are not worked, so what is left is cancelled."""
        worker = await hire()
        order = await placed(exchange, worker)
        there = exchange.order(order.order_id)
        exchange._make({**there, "client_order_id": "by hand", "limit_price": "150"})

        await exchange.take_over(order.order_id, "by hand")

        assert await worker.hears(1) == [Cancellation("replaced at the venue by somebody else")]
        assert exchange.order("by hand")["status"] == "canceled"


class TestAmending:
    """Executions that the venue takes back or corrects."""

    async def amended(self, hire: Hire) -> tuple[Worker, list[tuple[str, Amendment]]]:
        worker = await hire()
        told: list[tuple[str, Amendment]] = []
        worker.venue.on_amendment = lambda order_id, amendment: told.append((order_id, amendment))
        return worker, told

    async def test_a_bust(self, exchange: Exchange, hire: Hire) -> None:
        """Long after the order is done: the amendment names the execution that is void, as it was told."""
        worker, told = await self.amended(hire)
        order = await placed(exchange, worker)
        await exchange.execute(order.order_id, "10", "100")
        (execution,) = await worker.hears(1)
        assert isinstance(execution, Execution)

        await exchange.publish(
            "trade_bust",
            {**exchange.order(order.order_id), "filled_qty": "0"},
            execution_id="bust-1",
            previous_execution_id=execution.execution_id,
            qty="-10",
            price="100",
        )
        await eventually(lambda: bool(told), "the bust")

        ((order_id, bust),) = told
        assert order.order_id == order_id
        assert isinstance(bust, Bust)
        assert bust.previous_execution_id == execution.execution_id

    async def test_a_bust_of_an_open_order_makes_room(self, exchange: Exchange, hire: Hire) -> None:
        """4 are executed and taken back; the venue counts on from nothing, and the next 10 are all told."""
        worker, told = await self.amended(hire)
        order = await placed(exchange, worker)
        update = await exchange.execute(order.order_id, "4", "100")
        await worker.hears(1)
        there = exchange.order(order.order_id)
        there["filled_qty"], there["status"] = "0", "new"
        await exchange.publish(
            "trade_bust", there, execution_id="b", previous_execution_id=update["execution_id"], qty="-4", price="100"
        )

        await exchange.execute(order.order_id, "10", "101")

        last = (await worker.hears(2))[1]
        assert isinstance(last, Execution)
        assert last.quantity == Decimal(10)
        assert len(told) == 1

    async def test_a_correction(self, exchange: Exchange, hire: Hire) -> None:
        """The new price, and both names."""
        worker, told = await self.amended(hire)
        order = await placed(exchange, worker)
        update = await exchange.execute(order.order_id, "10", "100")
        await exchange.publish(
            "trade_correct",
            exchange.order(order.order_id),
            execution_id="c",
            previous_execution_id=update["execution_id"],
            qty="10",
            price="99.5",
        )
        await eventually(lambda: bool(told), "the correction")

        ((_, correction),) = told
        assert isinstance(correction, Correction)
        assert (correction.execution_id, correction.previous_execution_id) == ("c", update["execution_id"])
        assert (correction.quantity, correction.price) == (Decimal(10), Decimal("99.5"))

    async def test_nobody_listens(self, exchange: Exchange, hire: Hire, caplog: pytest.LogCaptureFixture) -> None:
        """Without anybody to take it over it is an error in the log: the books are not what the venue's are."""
        worker = await hire()
        order = await placed(exchange, worker)
        await exchange.publish(
            "trade_bust",
            exchange.order(order.order_id),
            execution_id="b",
            previous_execution_id="e",
            qty="-1",
            price="1",
        )
        await drained(exchange, worker.venue)

        assert "the books have not" in caplog.text


class TestReconciling:
    """The venue's own records, for whoever compares them with the ledger's."""

    async def test_open_orders(self, exchange: Exchange, hire: Hire) -> None:
        """All that are open, ours under our ids, others under theirs; ended ones are not among them."""
        worker = await hire()
        order = await placed(exchange, worker)
        done = await placed(exchange, worker, name="done")
        await exchange.end(done.order_id, "canceled")
        exchange._make(
            {
                "client_order_id": "by hand",
                "symbol": "IBM",
                "qty": None,
                "side": "buy",
                "type": "market",
                "time_in_force": "day",
            }
        )

        first, second = await worker.venue.open_orders()

        assert (first.order_id, first.quantity, first.limit_price) == (order.order_id, Decimal(10), Decimal(100))
        assert (second.order_id, second.quantity) == ("by hand", None)

    async def test_more_open_orders_than_a_page_holds(self, exchange: Exchange, hire: Hire) -> None:
        """1,001 orders, at 500 a page."""
        worker = await hire()
        for number in range(1_001):
            exchange._make({**BY_HAND, "client_order_id": f"order {number}"})

        found = await worker.venue.open_orders()

        assert [order.order_id for order in found] == [f"order {number}" for number in range(1_001)]

    async def test_executions(self, exchange: Exchange, hire: Hire) -> None:
        """From a market time on, that time included, with the ids under which they were told."""
        worker = await hire()
        order = await placed(exchange, worker)
        await exchange.execute(order.order_id, "3", "99", at="2026-01-05T15:00:00.000999999Z")
        await exchange.execute(order.order_id, "4", "99", at="2026-01-05T15:00:00.500999999Z")
        await exchange.execute(order.order_id, "3", "99", at="2026-01-05T15:00:01.000999999Z")
        told = await worker.hears(3)

        found = await worker.venue.executions(1_767_625_200_500_000)  # date -u -d 2026-01-05T15:00:00.5Z +%s%6N

        assert [e.execution_id for e in found] == [e.execution_id for e in told[1:] if isinstance(e, Execution)]
        assert {e.order_id for e in found} == {order.order_id}
        assert [e.cumulative_quantity for e in found] == [Decimal(7), Decimal(10)]

    async def test_executions_at_the_very_second(self, exchange: Exchange, hire: Hire) -> None:
        """The broker's filter leaves out its own moment; ours does not."""
        worker = await hire()
        order = await placed(exchange, worker)
        await exchange.execute(order.order_id, "3", "99", at="2026-01-05T15:00:00.000000000Z")
        await worker.hears(1)

        assert len(await worker.venue.executions(1_767_625_200_000_000)) == 1


BY_HAND = {"symbol": "IBM", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
