"""What every venue adapter must do. Subclass, and give `venue` and `busy`, the tick on which it trades.

A venue that matches by itself gives three more: `trade` makes its market trade an order on a tick, `settled` waits
until it has said all that it has to say, `executed_before` puts an order there of which part is executed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from domain.market import TickAt
from execution.order import WorkingOrder
from execution.venue import Cancellation, Execution, Outcome, Refusal, Venue
from tests.execution.examples import terms, working

Trade = Callable[[WorkingOrder, TickAt], Awaitable[None]]
Settled = Callable[[], Awaitable[None]]
Before = Callable[[WorkingOrder], Awaitable[None]]


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

    @pytest.fixture
    def trade(self, connected: Venue) -> Trade:
        """Let an order meet a tick. Of a venue that matches by itself: make its market trade it, if its terms allow."""

        async def meet(order: WorkingOrder, tick: TickAt) -> None:
            connected.evaluate(order, tick)

        return meet

    @pytest.fixture
    def settled(self) -> Settled:
        """Wait until the venue has said what follows from what was done; one that answers at once has."""

        async def at_once() -> None:
            return None

        return at_once

    @pytest.fixture
    def executed_before(self) -> Before:
        """See to it that the venue knows what was executed of an order before this worker got it."""

        async def knows_nothing(_: WorkingOrder) -> None:
            return None

        return knows_nothing

    def test_it_has_a_name(self, venue: Venue) -> None:
        """Reports name the venue."""
        assert venue.name

    async def test_a_good_order_is_taken_in_silence(
        self, connected: Venue, settled: Settled, heard: list[tuple[str, Outcome]]
    ) -> None:
        """Submitting says nothing as long as nothing happens, and may be repeated."""
        order = working(terms())

        await connected.submit(order)
        await connected.submit(order)
        await settled()

        assert heard == []

    async def test_an_order_meets_its_tick(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[tuple[str, Outcome]]
    ) -> None:
        """An execution names the order, is part of it, and carries an id and the tick's market time."""
        order = working(terms(quantity="10"))
        await connected.submit(order)

        await trade(order, busy)
        await settled()

        ((order_id, outcome),) = heard
        assert isinstance(outcome, Execution)
        assert order.order_id == order_id
        assert 0 < outcome.quantity <= order.leaves
        assert outcome.price > 0
        assert outcome.fee >= 0
        assert outcome.execution_id
        assert busy.ref.market_time_us == outcome.market_time_us

    async def test_the_same_tick_gives_the_same_execution(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[tuple[str, Outcome]]
    ) -> None:
        """Another worker that evaluates the order again says the very same, so that nothing counts twice."""
        for _ in range(2):
            order = working(terms(quantity="10"))
            await connected.submit(order)
            await trade(order, busy)
            await settled()

        assert len(heard) == 2
        assert heard[0] == heard[1]

    async def test_a_limit_is_kept(
        self, connected: Venue, busy: TickAt, trade: Trade, settled: Settled, heard: list[tuple[str, Outcome]]
    ) -> None:
        """A limit of one cent is not met at a hundred."""
        order = working(terms(limit_price="0.01"))
        await connected.submit(order)

        await trade(order, busy)
        await settled()

        assert heard == []

    async def test_a_cancel_is_answered(
        self, connected: Venue, settled: Settled, heard: list[tuple[str, Outcome]]
    ) -> None:
        """Cancelling says that the rest will not be executed."""
        order = working(terms())
        await connected.submit(order)

        await connected.cancel(order)
        await settled()

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

    async def test_fractions_add_up(
        self,
        connected: Venue,
        busy: TickAt,
        trade: Trade,
        settled: Settled,
        executed_before: Before,
        heard: list[tuple[str, Outcome]],
    ) -> None:
        """What an execution takes is never more than what is left, down to one unit."""
        order = working(terms(quantity="1000000"), leaves="1")
        await executed_before(order)
        await connected.submit(order)

        await trade(order, busy)
        await settled()

        ((_, outcome),) = heard
        assert isinstance(outcome, Execution)
        assert Decimal(1) == outcome.quantity
