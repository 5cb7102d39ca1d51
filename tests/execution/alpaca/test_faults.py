"""Goal: no fault of the broker or the way to it makes an order twice, loses one, or loses or doubles an execution.

Method: one fault a test, switched on in the broker of the tests; what the listener hears and what the broker was asked
is compared with what was scripted.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from domain.errors import UnavailableError
from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from execution.order import WorkingOrder
from execution.venue import Cancellation, Execution, Outcome, Refusal
from tests.execution.alpaca.conftest import Hire, drained, settings_for
from tests.execution.alpaca.exchange import Exchange
from tests.execution.examples import terms, tick_at, working
from tests.execution.floor import eventually


def an_order(name: str = "one", quantity: str = "10", **more: object) -> WorkingOrder:
    return working(terms(name, quantity=quantity, **more))


def parts(outcomes: list[Outcome]) -> list[str]:
    """The quantities of the executions among what was heard."""
    return [str(outcome.quantity) for outcome in outcomes if isinstance(outcome, Execution)]


class TestPlacing:
    """One order is one order."""

    async def test_an_answer_lost_after_the_order_was_taken(self, exchange: Exchange, hire: Hire) -> None:
        """The order is looked up by its id and gone on with; it is sent once."""
        exchange.faults.lose_answer = 1
        worker, order = await hire(), an_order()

        await worker.venue.submit(order)
        await exchange.execute(order.order_id, "10", "100")

        (execution,) = await worker.hears(1)
        assert isinstance(execution, Execution)
        assert exchange.requests["POST /orders"] == 1
        assert len(exchange.orders) == 1

    async def test_a_request_lost_on_its_way(self, exchange: Exchange, hire: Hire) -> None:
        """The look-up finds nothing, so it is sent again; the first comes in late, and is refused as a repeat."""
        exchange.faults.lose_request = 1
        exchange.answers_after_s = 0.6
        worker, order = await hire(), an_order()

        await worker.venue.submit(order)
        await eventually(lambda: exchange.requests["POST /orders"] >= 2, "a second request")
        await asyncio.sleep(0.5)

        assert worker.heard == []
        assert len(exchange.orders) == 1

    async def test_an_order_that_the_venue_cannot_show_yet(self, exchange: Exchange, hire: Hire) -> None:
        """Taken, not answered, not found twice; two more attempts are refused as repeats, then it is found."""
        exchange.faults.lose_answer, exchange.faults.hide = 1, 2
        worker, order = await hire(), an_order()

        await worker.venue.submit(order)

        assert worker.heard == []
        assert exchange.requests["POST /orders"] == 3
        assert len(exchange.orders) == 1

    async def test_a_used_id_that_the_venue_cannot_show_yet(self, exchange: Exchange, hire: Hire) -> None:
        """Another worker has placed it: refused as used and not found at first, it is no refusal but our order."""
        first, second = await hire(), await hire()
        await first.venue.submit(an_order())
        exchange.faults.hide = 1

        await second.venue.submit(an_order())

        assert second.heard == []
        assert len(exchange.orders) == 1

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    async def test_statuses_that_pass(self, exchange: Exchange, hire: Hire, status: int) -> None:
        """Too many requests and the server's own faults are tried again, and say nothing to the listener."""
        worker, order = await hire(), an_order()
        exchange.faults.status = [status]

        await worker.venue.submit(order)

        assert worker.heard == []
        assert len(exchange.orders) == 1

    @pytest.mark.parametrize("status", [500, 504])
    async def test_a_fault_after_the_order_was_taken(self, exchange: Exchange, hire: Hire, status: int) -> None:
        """The server fails when it has the order already: it is found, and not sent again."""
        exchange.faults.status_after = [status]
        worker, order = await hire(), an_order()

        await worker.venue.submit(order)

        assert worker.heard == []
        assert exchange.requests["POST /orders"] == 1

    async def test_a_rate_limit_that_stays(self, exchange: Exchange, hire: Hire) -> None:
        """After the last attempt the order is refused: 429 comes before an order is made, so it cannot exist."""
        worker, order = await hire(), an_order()
        exchange.faults.status = [429] * 50

        await worker.venue.submit(order)

        ((order_id, refusal),) = worker.heard
        assert order.order_id == order_id
        assert isinstance(refusal, Refusal)
        assert refusal.code == "VENUE_RATE_LIMITED"
        assert exchange.requests["POST /orders"] == 4
        assert exchange.orders == {}

    async def test_a_venue_that_stays_silent_after_taking_the_order(self, exchange: Exchange, hire: Hire) -> None:
        """Nobody may say that it was refused: the worker ends, and the next one finds the order by its id."""
        exchange.faults.lose_answer, exchange.faults.hide = 1, 100
        worker, order = await hire(), an_order()

        with pytest.raises(UnavailableError, match=f"not known whether Alpaca has {order.order_id}"):
            await worker.venue.submit(order)

        assert worker.heard == []
        exchange.faults.hide = 0
        again, order_again = await hire(), an_order()
        order_again.dispatch_epoch = 2
        await again.venue.submit(order_again)
        assert len(exchange.orders) == 1

    async def test_no_connection_at_all(self, exchange: Exchange, hire: Hire) -> None:
        """When nothing can have been sent, the order is refused after the last attempt."""
        worker, order = await hire(), an_order()
        await exchange.stop()

        await worker.venue.submit(order)

        (refusal,) = worker.outcomes()
        assert isinstance(refusal, Refusal)
        assert refusal.code == "VENUE_UNAVAILABLE"
        await exchange.start()

    async def test_buying_power(self, exchange: Exchange, hire: Hire) -> None:
        """403: refused at once, with the venue's words, and not tried again."""
        exchange.buying_power = Decimal(10)
        worker, order = await hire(), an_order(limit_price="100")

        await worker.venue.submit(order)

        (refusal,) = worker.outcomes()
        assert isinstance(refusal, Refusal)
        assert refusal.code == "VENUE_BUYING_POWER_INSUFFICIENT"
        assert "insufficient buying power" in refusal.text
        assert exchange.requests["POST /orders"] == 1

    async def test_another_order_under_our_id(self, exchange: Exchange, hire: Hire) -> None:
        """What the venue has under the id must be what was asked for: anything else is refused, not followed."""
        worker, order = await hire(), an_order()
        exchange._make({"client_order_id": order.order_id, "symbol": "MSFT", "qty": "10", "side": "buy", **MARKET})

        await worker.venue.submit(order)

        (refusal,) = worker.outcomes()
        assert isinstance(refusal, Refusal)
        assert refusal.code == "VENUE_ORDER_CONFLICT"

    async def test_an_order_executed_in_part_elsewhere(self, exchange: Exchange, hire: Hire) -> None:
        """The ledger has executions, the venue has no such order: it is never begun anew."""
        worker = await hire()
        order = working(terms(quantity="10"), leaves="6")

        await worker.venue.submit(order)

        (refusal,) = worker.outcomes()
        assert isinstance(refusal, Refusal)
        assert refusal.code == "VENUE_ORDER_MISSING"
        assert exchange.orders == {}

    async def test_numbers_go_out_as_strings(self, exchange: Exchange, hire: Hire) -> None:
        """No float on the way out: the digits are those of the terms."""
        worker, order = await hire(), an_order(quantity="7", limit_price="101.10")

        await worker.venue.submit(order)

        (body,) = exchange.bodies
        assert (body["qty"], body["limit_price"]) == ("7", "101.1")


MARKET = {"type": "market", "time_in_force": "gtc"}


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


class TestFailure:
    """A defect is not swallowed: the worker ends, and its orders are dispatched anew."""

    @pytest.mark.parametrize("before_the_answer", [False, True])
    async def test_a_listener_that_fails(self, exchange: Exchange, hire: Hire, before_the_answer: bool) -> None:
        """What the desk raises on an update, or on one that was kept back, comes out at the next tick."""
        worker, order = await hire(), an_order()

        def fail(order_id: str, outcome: Outcome) -> None:
            raise AssertionError("a defect")

        worker.venue._listener = fail
        if before_the_answer:
            exchange._make({**MARKET, "client_order_id": order.order_id, "symbol": "AAPL", "qty": "10", "side": "buy"})
            await exchange.execute(order.order_id, "10", "100")
            await worker.venue.submit(order)
        else:
            await worker.venue.submit(order)
            await exchange.execute(order.order_id, "10", "100")
        await eventually(lambda: worker.venue._follower.failure is not None, "the failure noted")

        with pytest.raises(UnavailableError, match="following orders at Alpaca has failed") as caught:
            worker.venue.evaluate(order, tick_at(1))

        assert str(caught.value.__cause__) == "a defect"


class TestStart:
    """A venue that cannot be reached says so at once."""

    async def test_wrong_keys(self, exchange: Exchange) -> None:
        """The error names the settings, not what is in them."""
        settings = settings_for(exchange, alpaca_secret_key="guessed-wrong")
        venue = AlpacaVenue(access_of(settings), settings)

        with pytest.raises(UnavailableError, match="refuses ALPACA_API_KEY and ALPACA_SECRET_KEY") as caught:
            await venue.start(lambda order_id, outcome: None)

        await venue.stop()
        assert "guessed-wrong" not in str(caught.value)

    async def test_nobody_there(self, exchange: Exchange) -> None:
        """The address is named."""
        settings = settings_for(exchange)
        await exchange.stop()
        venue = AlpacaVenue(access_of(settings), settings)

        with pytest.raises(UnavailableError, match=exchange.stream_url):
            await venue.start(lambda order_id, outcome: None)

        await venue.stop()
        await exchange.start()

    async def test_records_that_cannot_be_read(self, exchange: Exchange) -> None:
        """A stream without the REST API is no venue."""
        settings = settings_for(exchange)
        exchange.faults.status = [503] * 50
        venue = AlpacaVenue(access_of(settings), settings)

        with pytest.raises(UnavailableError, match="does not answer GET /orders"):
            await venue.start(lambda order_id, outcome: None)

        await venue.stop()
