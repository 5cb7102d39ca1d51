"""Executions that the venue takes back or corrects, and its own records for reconciliation."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.venue import (
    Amendment,
    Bust,
    Correction,
    Execution,
)
from tests.execution.alpaca.conftest import Hire, Worker, drained
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import again, parts, placed
from tests.execution.floor import eventually


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

    async def test_the_records_may_still_list_what_is_void(self, exchange: Exchange, hire: Hire) -> None:
        """4 are void, then 10 are executed while the stream is away: who takes the order over tells of these 10."""
        worker, told = await self.amended(hire)
        order = await placed(exchange, worker)
        update = await exchange.execute(order.order_id, "4", "100")
        await worker.hears(1)
        there = exchange.order(order.order_id)
        there["filled_qty"], there["status"] = "0", "new"
        await exchange.publish(
            "trade_bust", there, execution_id="b", previous_execution_id=update["execution_id"], qty="-4", price="100"
        )
        await eventually(lambda: bool(told), "the bust")
        exchange.mute = True
        await exchange.execute(order.order_id, "10", "101")

        await worker.venue.submit(again(order))

        assert parts(await worker.hears(2)) == ["4", "10"]

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


BY_HAND = {"symbol": "IBM", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}


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
