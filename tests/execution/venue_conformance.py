"""What every venue adapter must do. Subclass, and give `venue`, `quiet` (a tick nobody can trade on) and `busy`."""

from __future__ import annotations

from decimal import Decimal

import pytest

from execution.order import TickAt, WorkingOrder
from execution.venue import Cancellation, Execution, Outcome, Refusal, Venue
from tests.execution.examples import terms, working


class VenueConformance:
    """Given a connected venue and a listener that writes down what it hears."""

    @pytest.fixture
    def venue(self) -> Venue:
        raise NotImplementedError

    @pytest.fixture
    def busy(self) -> TickAt:
        """A tick at 100 on which ten units can be had."""
        raise NotImplementedError

    @pytest.fixture
    def heard(self) -> list[tuple[str, Outcome]]:
        return []

    @pytest.fixture
    async def connected(self, venue: Venue, heard: list[tuple[str, Outcome]]) -> Venue:
        await venue.start(lambda order_id, outcome: heard.append((order_id, outcome)))
        return venue

    def test_it_has_a_name(self, venue: Venue) -> None:
        """Reports name the venue."""
        assert venue.name

    async def test_a_good_order_is_taken_in_silence(self, connected: Venue, heard: list[tuple[str, Outcome]]) -> None:
        """Submitting says nothing as long as nothing happens, and may be repeated."""
        order = working(terms())

        await connected.submit(order)
        await connected.submit(order)

        assert heard == []

    async def test_an_order_meets_its_tick(
        self, connected: Venue, busy: TickAt, heard: list[tuple[str, Outcome]]
    ) -> None:
        """An execution names the order, is part of it, and carries an id and the tick's market time."""
        order = working(terms(quantity="10"))
        await connected.submit(order)

        connected.evaluate(order, busy)

        ((order_id, outcome),) = heard
        assert isinstance(outcome, Execution)
        assert order.order_id == order_id
        assert 0 < outcome.quantity <= order.leaves
        assert outcome.price > 0
        assert outcome.fee >= 0
        assert outcome.execution_id
        assert busy.ref.market_time_us == outcome.market_time_us

    async def test_the_same_tick_gives_the_same_execution(
        self, connected: Venue, busy: TickAt, heard: list[tuple[str, Outcome]]
    ) -> None:
        """Another worker that evaluates the order again says the very same, so that nothing counts twice."""
        for _ in range(2):
            order = working(terms(quantity="10"))
            await connected.submit(order)
            connected.evaluate(order, busy)

        assert heard[0] == heard[1]

    async def test_a_limit_is_kept(self, connected: Venue, busy: TickAt, heard: list[tuple[str, Outcome]]) -> None:
        """A limit of one cent is not met at a hundred."""
        order = working(terms(limit_price="0.01"))
        await connected.submit(order)

        connected.evaluate(order, busy)

        assert heard == []

    async def test_a_cancel_is_answered(self, connected: Venue, heard: list[tuple[str, Outcome]]) -> None:
        """Cancelling says that the rest will not be executed."""
        order = working(terms())
        await connected.submit(order)

        await connected.cancel(order)

        ((order_id, outcome),) = heard
        assert order.order_id == order_id
        assert isinstance(outcome, Cancellation)

    @pytest.mark.parametrize(
        "order",
        [
            working(terms(), leaves="0"),
            working(terms(), leaves="-1"),
            working(terms(), leaves="NaN"),
            working(terms(limit_price=None)),
            working(terms(limit_price="0")),
            working(terms(protection_price="-5")),
            working(terms(limit_price="Infinity")),
        ],
    )
    async def test_impossible_terms_are_refused(
        self, connected: Venue, order: WorkingOrder, heard: list[tuple[str, Outcome]]
    ) -> None:
        """An order that no market can execute is refused with a code and a reason, not kept for ever."""
        await connected.submit(order)

        ((order_id, outcome),) = heard
        assert order.order_id == order_id
        assert isinstance(outcome, Refusal)
        assert outcome.code.startswith("ORDER_")
        assert outcome.text

    async def test_fractions_add_up(self, connected: Venue, busy: TickAt, heard: list[tuple[str, Outcome]]) -> None:
        """What an execution takes is never more than what is left, down to one unit."""
        order = working(terms(quantity="1000000"), leaves="1")
        await connected.submit(order)

        connected.evaluate(order, busy)

        ((_, outcome),) = heard
        assert isinstance(outcome, Execution)
        assert Decimal(1) == outcome.quantity
