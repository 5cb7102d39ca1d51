"""Goal: each execution is told once and in order, whatever becomes of the stream.

Method: one fault a test, switched on in the broker of the tests; what is heard is compared with what was scripted.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.venue import Cancellation, Execution
from tests.execution.alpaca.conftest import Hire, drained
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import MARKET, an_order, parts
from tests.execution.floor import eventually


class TestStream:
    """Each execution once, in order."""

    async def test_duplicates(self, exchange: Exchange, hire: Hire) -> None:
        """An update that comes three times is told once."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)

        update = await exchange.execute(order.order_id, "4", "100")
        await exchange.send_again(update)
        await exchange.send_again(update)
        await exchange.execute(order.order_id, "6", "101")
        await drained(exchange, worker.venue)

        assert parts(worker.outcomes()) == ["4", "6"]

    async def test_out_of_order(self, exchange: Exchange, hire: Hire) -> None:
        """The last update first: the executions come out in the order in which they were made."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        exchange.mute = True
        updates = [await exchange.execute(order.order_id, quantity, "100") for quantity in ("1", "2", "3", "4")]
        exchange.mute = False

        for update in reversed(updates):
            await exchange.send_again(update)
        await worker.hears(4)
        await drained(exchange, worker.venue)

        assert parts(worker.outcomes()) == ["1", "2", "3", "4"]

    async def test_a_missing_update(self, exchange: Exchange, hire: Hire) -> None:
        """The next update shows the gap, and the account's activities fill it: the same ids, nothing twice."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        exchange.mute = True
        missed = await exchange.execute(order.order_id, "4", "99.5")
        exchange.mute = False

        seen = await exchange.execute(order.order_id, "6", "100")

        first, second = await worker.hears(2)
        await drained(exchange, worker.venue)
        assert isinstance(first, Execution)
        assert isinstance(second, Execution)
        assert [first.execution_id, second.execution_id] == [missed["execution_id"], seen["execution_id"]]
        assert (first.quantity, first.price) == (Decimal(4), Decimal("99.5"))
        assert len(worker.heard) == 2

    async def test_activities_that_lag(self, exchange: Exchange, hire: Hire) -> None:
        """The order says 4 more than the activities show yet: it is asked again until they are there."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        exchange.faults.drop_activities = 3
        exchange.mute = True
        await exchange.execute(order.order_id, "4", "100")
        exchange.mute = False
        await exchange.execute(order.order_id, "6", "100")

        await worker.hears(2)

        assert parts(worker.outcomes()) == ["4", "6"]
        assert exchange.faults.drop_activities == 0

    async def test_a_lost_stream(self, exchange: Exchange, hire: Hire) -> None:
        """What happened while it was away, an execution, an end and a whole order's life, is told after it is back."""
        worker = await hire()
        orders = [an_order(name) for name in ("partly", "ended", "filled", "quiet")]
        for order in orders:
            await worker.venue.submit(order)
        partly, ended, filled, _ = (order.order_id for order in orders)
        exchange.mute = True
        await exchange.execute(partly, "3", "100")
        await exchange.execute(ended, "2", "100")
        await exchange.end(ended, "canceled")
        await exchange.execute(filled, "10", "100")
        await exchange.drop_stream()
        exchange.mute = False

        await worker.hears(4)
        await drained(exchange, worker.venue)

        assert exchange.connections == 2
        by_order = {order_id: [o for i, o in worker.heard if i == order_id] for order_id in (partly, ended, filled)}
        assert parts(by_order[partly]) == ["3"]
        assert parts(by_order[ended]) == ["2"]
        assert isinstance(by_order[ended][-1], Cancellation)
        assert parts(by_order[filled]) == ["10"]
        assert len(worker.heard) == 4

    async def test_a_stream_lost_again_and_again(self, exchange: Exchange, hire: Hire) -> None:
        """Five losses between ten executions, each second one unseen: ten are told, in order."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)

        for number in range(5):
            await exchange.execute(order.order_id, "1", str(100 + 2 * number))
            exchange.mute = True
            await exchange.execute(order.order_id, "1", str(101 + 2 * number))
            await exchange.drop_stream()
            exchange.mute = False
            await eventually(lambda before=number: exchange.connections >= 2 + before, "the stream back")
        heard = await worker.hears(10)

        assert [str(outcome.price) for outcome in heard if isinstance(outcome, Execution)] == [
            str(100 + number) for number in range(10)
        ]

    async def test_a_venue_that_does_not_let_in_again_at_once(self, exchange: Exchange, hire: Hire) -> None:
        """The adapter keeps knocking, and then catches up."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        exchange.faults.refuse_listening = 3
        exchange.mute = True
        await exchange.execute(order.order_id, "10", "100")
        await exchange.drop_stream()

        (execution,) = await worker.hears(1)

        assert isinstance(execution, Execution)
        assert exchange.faults.refuse_listening == 0

    async def test_records_that_cannot_be_read_after_a_loss(self, exchange: Exchange, hire: Hire) -> None:
        """The catch-up is tried until it succeeds: an unread record is an execution that might be missed."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        exchange.mute = True
        await exchange.execute(order.order_id, "10", "100")
        exchange.faults.status = [500] * 9
        await exchange.drop_stream()

        (execution,) = await worker.hears(1)

        assert isinstance(execution, Execution)

    @pytest.mark.parametrize(
        "frame",
        [b"{", b"[]", b'{"stream": "trade_updates", "data": {"event": "fill"}}', b'{"stream": "trade_updates"}'],
    )
    async def test_frames_that_cannot_be_read(self, exchange: Exchange, hire: Hire, frame: bytes) -> None:
        """Whatever it said is read from the venue's records instead, and the stream goes on."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        exchange.mute = True
        await exchange.execute(order.order_id, "4", "100")
        exchange.mute = False

        await exchange.send_raw(frame)

        (execution,) = await worker.hears(1)
        assert isinstance(execution, Execution)
        await exchange.execute(order.order_id, "6", "100")
        await worker.hears(2)
        assert parts(worker.outcomes()) == ["4", "6"]

    async def test_the_sweep_finds_what_no_gap_shows(self, exchange: Exchange, hire: Hire) -> None:
        """A connection that is up and says nothing: the comparison with the records finds the execution."""
        worker, order = await hire(alpaca_sweep_s=0.05), an_order()
        await worker.venue.submit(order)
        exchange.mute = True
        await exchange.execute(order.order_id, "10", "100")

        (execution,) = await worker.hears(1)

        assert isinstance(execution, Execution)
        assert exchange.connections == 1

    async def test_fractions_as_strings_and_as_numbers(self, exchange: Exchange, hire: Hire) -> None:
        """Nine decimals arrive as they were sent, whether the venue writes a JSON string or a JSON number."""
        worker = await hire()
        for name, as_number in (("text", False), ("number", True)):
            order = an_order(name, "0.123456789", time_in_force="DAY")
            await worker.venue.submit(order)
            exchange.numbers_as_json = as_number
            await exchange.execute(order.order_id, "0.123456789", "100.000000001")

        for outcome in await worker.hears(2):
            assert isinstance(outcome, Execution)
            assert (str(outcome.quantity), str(outcome.price)) == ("0.123456789", "100.000000001")

    async def test_a_contradiction_is_not_told(self, exchange: Exchange, hire: Hire) -> None:
        """An execution that covers part of what was told is left out and counted; the worker goes on."""
        worker, order = await hire(), an_order()
        await worker.venue.submit(order)
        update = await exchange.execute(order.order_id, "4", "100")
        await worker.hears(1)

        odd = {**update, "execution_id": "other", "qty": "6", "order": {**update["order"], "filled_qty": "7"}}
        await exchange.send_again(odd)
        await eventually(lambda: worker.venue.updates_received >= exchange.sent, "the update taken")

        assert parts(worker.outcomes()) == ["4"]

    async def test_updates_of_others_are_nothing_to_us(self, exchange: Exchange, hire: Hire) -> None:
        """Orders that somebody places on the broker's page are left alone."""
        worker = await hire()
        exchange._make({"client_order_id": "by hand", "symbol": "AAPL", "qty": "1", "side": "buy", **MARKET})

        await exchange.execute("by hand", "1", "100")
        await drained(exchange, worker.venue)

        assert worker.heard == []
