"""Goal: no fault of the broker or the way to it makes an order twice, loses one, or loses or doubles an execution.

Method: one fault a test, switched on in the broker of the tests; what the listener hears and what the broker was asked
is compared with what was scripted.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.errors import UnavailableError
from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from execution.venue import Execution, Outcome, Refusal
from tests.execution.alpaca.conftest import Hire, settings_for
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import MARKET, an_order
from tests.execution.examples import terms, tick_at, working
from tests.execution.floor import eventually


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
        worker, order = await hire(), an_order()

        await worker.venue.submit(order)
        await eventually(lambda: len(exchange.orders) == 1, "the second request was taken")
        refused = exchange.refused
        exchange.let_go()
        await eventually(lambda: exchange.refused > refused, "the first was refused")

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
