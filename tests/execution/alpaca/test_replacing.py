"""Other terms for an order that has not been executed."""

from __future__ import annotations

from decimal import Decimal

from execution.venue import (
    Cancellation,
    Execution,
    Replacement,
    ReplaceRefusal,
)
from tests.execution.alpaca.conftest import Hire, drained
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import again, changed, placed


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
