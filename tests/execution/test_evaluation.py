"""Which orders meet which ticks, and when silence ends one: the way from a tick to the paper venue, without servers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from domain.market import Tick, TickAt, TickRef
from execution.evaluation import Evaluation
from execution.order import WorkingOrder
from execution.paper import PaperVenue
from execution.venue import Execution, Expiry, Outcome
from execution.window import TickWindow
from tests.execution.examples import NO_COSTS, terms, working
from tests.execution.paper_desk import us


def tick(symbol: str, offset: int, time: str, partition: int = 0, volume: str = "100") -> TickAt:
    made = Tick(symbol=symbol, market_time_us=us(time), price=Decimal(100), volume=Decimal(volume))
    return TickAt(TickRef(partition=partition, offset=offset, market_time_us=made.market_time_us), made)


class Trail:
    """An evaluation with a paper venue behind it; the orders are kept as a desk keeps them."""

    def __init__(self, *, shared: bool = False) -> None:
        self.heard: list[tuple[str, Outcome]] = []
        self.evaluated: list[str] = []
        self.venue = PaperVenue(NO_COSTS, shared_liquidity=shared)
        self.window = TickWindow(100)
        for partition in (0, 1):
            self.window.open(partition, 0)
        self.evaluation = Evaluation(self.venue, self.window, self, self._on_evaluated, self._pause, self._pause)
        self._orders: dict[str, WorkingOrder] = {}

    async def join(self, name: str, symbol: str = "AAPL", after: TickAt | None = None, **more: Any) -> WorkingOrder:
        order = working(msgspec.structs.replace(terms(name, symbol=symbol), **more))
        order.position = order.active_after = None if after is None else after.ref
        self._orders[order.order_id] = order
        await self.venue.start(self._listen)
        await self.venue.submit(order)
        await self.evaluation.join(order)
        return order

    async def see(self, *ticks: TickAt) -> None:
        for one in ticks:
            await self.evaluation.on_tick(one)

    def read(self, partition: int, start: int, end: int) -> tuple[list[TickAt], int]:
        raise AssertionError("these tests keep all ticks in the window")

    def _listen(self, order_id: str, outcome: Outcome) -> None:
        order = self._orders[order_id]
        assert not order.ended
        self.heard.append((order.terms.client_order_id, outcome))
        if isinstance(outcome, Execution):
            order.leaves -= outcome.quantity
        if isinstance(outcome, Expiry) or not order.leaves:
            order.ended = "finished"
            self.evaluation.leave(order)

    def _on_evaluated(self, order: WorkingOrder) -> None:
        self.evaluated.append(order.terms.client_order_id)

    async def _pause(self) -> None:
        """Nobody else runs."""


START = tick("AAPL", 0, "2012-01-11T15:00")
DAY: Any = {"time_in_force": "DAY", "order_type": "LIMIT", "limit_price": Decimal(1)}


def amounts(trail: Trail) -> list[tuple[str, int]]:
    return [(name, int(said.quantity)) for name, said in trail.heard if isinstance(said, Execution)]


async def test_orders_share_a_tick_when_the_venue_says_so() -> None:
    """100 traded: two orders of 100 get it all and nothing; alone with it each gets it all. All count as evaluated."""
    for shared, expected in [(True, [100]), (False, [100, 100])]:
        trail = Trail(shared=shared)
        await trail.see(START)
        for name in ("a", "b"):
            await trail.join(name, after=START)

        await trail.see(tick("AAPL", 1, "2012-01-11T15:01"))

        assert [amount for _, amount in amounts(trail)] == expected
        assert sorted(trail.evaluated) == ["a", "b"]


async def test_who_has_met_a_tick_already_does_not_meet_it_again() -> None:
    """An order that joined late stands in the same book, and meets only what came after its place."""
    trail = Trail(shared=True)
    first, second = tick("AAPL", 1, "2012-01-11T15:01", volume="30"), tick("AAPL", 2, "2012-01-11T15:02", volume="150")
    await trail.see(START)
    await trail.join("early", after=START)
    await trail.see(first)
    await trail.join("late", after=first)

    await trail.see(second)

    assert amounts(trail) == [("early", 30), ("early", 70), ("late", 80)]


async def test_latency_keeps_an_order_from_a_shared_tick() -> None:
    """It is on its way until 15:02; the tick of 15:01 is met, and gives it nothing."""
    trail = Trail(shared=True)
    await trail.see(START)
    await trail.join("slow", after=START, active_from_us=us("2012-01-11T15:01:30"))

    await trail.see(tick("AAPL", 1, "2012-01-11T15:01"), tick("AAPL", 2, "2012-01-11T15:02"))

    assert trail.evaluated == ["slow", "slow"]
    assert [said.market_time_us for _, said in trail.heard] == [us("2012-01-11T15:02")]


async def test_another_symbol_tells_the_time() -> None:
    """AAPL falls silent; MSFT's print of the next morning on the same partition shows that AAPL's day is over."""
    trail = Trail()
    await trail.see(START)
    await trail.join("one", after=START, **DAY)

    await trail.see(tick("MSFT", 1, "2012-01-11T22:30"))
    assert trail.heard == []

    await trail.see(tick("MSFT", 2, "2012-01-12T14:30"))
    assert trail.heard == [("one", Expiry("day_over", us("2012-01-11T21:00")))]


async def test_another_partition_does_not() -> None:
    """Its ticks may be ahead: a print of AAPL's own day may still come, and is met."""
    trail = Trail()
    await trail.see(START)
    order = await trail.join("one", after=START, **DAY | {"limit_price": Decimal(100)})

    await trail.see(tick("MSFT", 0, "2012-01-12T14:30", partition=1), tick("AAPL", 1, "2012-01-11T21:00"))

    assert amounts(trail) == [("one", 100)]
    assert order.ended == "finished"


async def test_an_order_that_is_behind_is_not_ended_by_the_time() -> None:
    """It still has old ticks to read back, among them perhaps a print of its own day."""
    trail = Trail()
    trail.window = TickWindow(1)
    trail.window.open(0, 0)
    trail.evaluation = Evaluation(trail.venue, trail.window, trail, trail._on_evaluated, trail._pause, trail._pause)
    await trail.see(START, tick("MSFT", 1, "2012-01-11T15:01"), tick("MSFT", 2, "2012-01-11T15:02"))
    await trail.join("late", after=START, **DAY)

    await trail.see(tick("MSFT", 3, "2012-01-12T14:30"))

    assert trail.heard == []
