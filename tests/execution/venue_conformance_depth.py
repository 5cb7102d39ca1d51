"""What every venue adapter must do with stops, times in force and replacements. Subclass as venue_conformance says.

`trade` and `settled` are as there: a subclass whose venue matches by itself moves that venue's market instead.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from domain.market import TickAt
from domain.terms import OrderTerms
from execution.order import WorkingOrder
from execution.venue import Execution, Expiry, Outcome, Refusal, Replacement, ReplaceRefusal, Trigger, Venue
from tests.execution.examples import terms, working
from tests.execution.venue_conformance import Settled, Trade


class VenueConformanceDepth:
    """Given a connected venue and a listener that writes down what it hears and keeps the order as a desk does."""

    @pytest.fixture
    def venue(self) -> Venue:
        raise NotImplementedError

    @pytest.fixture
    def busy(self) -> TickAt:
        """A tick at 100 on which ten units can be had."""
        raise NotImplementedError

    @pytest.fixture
    def trade(self, connected: Venue) -> Trade:
        async def meet(order: WorkingOrder, tick: TickAt) -> None:
            order.position = tick.ref
            connected.evaluate(order, tick)

        return meet

    @pytest.fixture
    def settled(self) -> Settled:
        async def at_once() -> None:
            return None

        return at_once

    @pytest.fixture
    def heard(self) -> list[Outcome]:
        return []

    @pytest.fixture
    async def connected(self, venue: Venue, heard: list[Outcome]) -> Venue:
        await venue.start(lambda _, outcome: heard.append(outcome))
        return venue

    async def place(self, venue: Venue, made: OrderTerms) -> WorkingOrder:
        order = working(made)
        await venue.submit(order)
        return order

    async def test_a_stop_is_told_before_what_it_causes(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """Met at 100: the trigger with its price and time first, then the execution."""
        made = msgspec.structs.replace(terms(quantity="10"), order_type="STOP", stop_price=Decimal(100))

        await trade(await self.place(connected, made), busy)
        await settled()

        trigger, execution = heard
        assert isinstance(trigger, Trigger)
        assert isinstance(execution, Execution)
        assert (trigger.price, trigger.market_time_us) == (Decimal(100), busy.ref.market_time_us)

    async def test_a_stop_that_is_not_met_is_silent(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """A purchase at 200 has nothing to do with a market at 100."""
        made = msgspec.structs.replace(terms(quantity="10"), order_type="STOP", stop_price=Decimal(200))

        await trade(await self.place(connected, made), busy)
        await settled()

        assert heard == []

    async def test_what_cannot_be_had_at_once_expires(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """An immediate purchase at one cent ends with its reason and the market's time, and executes nothing."""
        made = msgspec.structs.replace(terms(limit_price="0.01"), time_in_force="IOC")

        await trade(await self.place(connected, made), busy)
        await settled()

        assert heard == [Expiry("nothing_immediate", busy.ref.market_time_us)]

    async def test_an_order_past_its_date_expires(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """The market has come to its date: it expires with that date as its time, and executes nothing."""
        ends = busy.ref.market_time_us
        made = msgspec.structs.replace(terms(quantity="10"), time_in_force="GTD", expire_at_us=ends)

        await trade(await self.place(connected, made), busy)
        await settled()

        assert heard == [Expiry("date_reached", ends)]

    async def test_post_only_never_takes(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """A purchase up to 105 would trade at 100 when it arrives: refused, with the code that every venue uses."""
        made = msgspec.structs.replace(terms(limit_price="105"), post_only=True)

        await trade(await self.place(connected, made), busy)
        await settled()

        (outcome,) = heard
        assert isinstance(outcome, Refusal)
        assert outcome.code == "ORDER_POST_ONLY_WOULD_TAKE"

    async def test_a_replacement_is_answered_and_counts(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """The answer names the revision; a limit moved out of reach is kept from then on."""
        made = terms(limit_price="105", quantity="10")
        order = await self.place(connected, made)
        new = msgspec.structs.replace(made, limit_price=Decimal("0.01"))

        await connected.replace(order, new, 3)
        order.terms = new
        await trade(order, busy)
        await settled()

        (outcome,) = heard
        assert isinstance(outcome, Replacement)
        assert outcome.revision == 3
        assert not outcome.keeps_priority

    async def test_a_smaller_order_stays_within_what_is_left(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """One unit is wanted instead of ten: one is executed."""
        made = terms(quantity="10")
        order = await self.place(connected, made)
        new = msgspec.structs.replace(made, quantity=Decimal(1))

        await connected.replace(order, new, 1)
        order.terms, order.leaves = new, Decimal(1)
        await trade(order, busy)
        await settled()

        assert [outcome.quantity for outcome in heard if isinstance(outcome, Execution)] == [Decimal(1)]

    async def test_a_replacement_that_cannot_be_leaves_the_order_as_it_is(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[Outcome]
    ) -> None:
        """A limit of zero is refused with the revision and a code, and the old terms execute."""
        made = terms(limit_price="105", quantity="10")
        order = await self.place(connected, made)

        await connected.replace(order, msgspec.structs.replace(made, limit_price=Decimal(0)), 2)
        await trade(order, busy)
        await settled()

        refused, execution = heard
        assert isinstance(refused, ReplaceRefusal)
        assert (refused.revision, refused.code) == (2, "ORDER_PRICE_INVALID")
        assert isinstance(execution, Execution)
