"""Alpaca's adapter, held to what every venue promises, against a broker whose market the tests script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.market import TickAt
from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from execution.alpaca.terms import body_of
from execution.order import WorkingOrder
from execution.venue import Venue
from tests.execution.alpaca.conftest import drained, settings_for
from tests.execution.alpaca.exchange import Exchange
from tests.execution.examples import tick_at, working
from tests.execution.venue_conformance import Before, Settled, Trade, VenueConformance


class TestAlpacaVenue(VenueConformance):
    """The adapter conforms."""

    @pytest.fixture
    async def venue(self, exchange: Exchange) -> AsyncIterator[Venue]:
        exchange.opened_at = datetime(1970, 1, 1, tzinfo=UTC)  # the day of the ticks that the tests use
        settings = settings_for(exchange)
        made = AlpacaVenue(access_of(settings), settings)
        yield made
        await made.stop()

    @pytest.fixture
    def busy(self) -> TickAt:
        return tick_at(5, "100", "1000")

    @pytest.fixture
    def trade(self, exchange: Exchange) -> Trade:
        """An open order is executed whole at the tick's price and time, where its limit allows."""

        async def execute(order: WorkingOrder, tick: TickAt) -> None:
            there = exchange.order(order.order_id)
            limit = there["limit_price"]
            if there["status"] == "filled" or (limit is not None and Decimal(limit) < tick.tick.price):
                return
            moment = datetime.fromtimestamp(tick.ref.market_time_us / 1_000_000, UTC)
            left = Decimal(there["qty"]) - Decimal(there["filled_qty"])
            await exchange.execute(
                order.order_id, str(left), str(tick.tick.price), at=moment.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
            )

        return execute

    @pytest.fixture
    def settled(self, exchange: Exchange, venue: AlpacaVenue) -> Settled:
        async def wait() -> None:
            await drained(exchange, venue)

        return wait

    @pytest.fixture
    def executed_before(self, exchange: Exchange) -> Before:
        async def place(order: WorkingOrder) -> None:
            body = body_of(working(order.terms))
            assert isinstance(body, dict)
            exchange._make(body)
            await exchange.execute(order.order_id, str(order.terms.quantity - order.leaves), "99")

        return place
