"""Which orders meet which ticks: every later tick of an order's symbol, each once, in offset order.

An order whose position lies in the window catches up at once and then follows the market. One whose position lies
before it reads the old ticks back first. Either way it meets the same ticks in the same order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from domain.errors import UnavailableError
from domain.market import TickAt
from execution.order import WorkingOrder
from execution.venue import MarketDriven, Venue
from execution.window import TickWindow

log = logging.getLogger(__name__)
_PAUSE_EVERY = 200
_RETRY_S = 0.5


class History(Protocol):
    """Where old ticks come from (execution.ticks.TickHistory)."""

    def read(self, partition: int, start: int, end: int) -> tuple[list[TickAt], int]:
        """Some ticks at offsets [start, end) and the offset to go on from. Blocks; raises UnavailableError."""


class Evaluation:
    """Open orders by symbol. evaluated: called after an order has met a tick. pause: lets others run.

    settle: awaited before the next order meets a tick; what one order's fill means for others is done there. owns:
    asked before orders share a tick; where it is False they have been let go of.
    """

    def __init__(
        self,
        venue: Venue,
        window: TickWindow,
        history: History,
        evaluated: Callable[[WorkingOrder], None],
        pause: Callable[[], Awaitable[None]],
        settle: Callable[[], Awaitable[None]],
        owns: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._venue = venue
        self._market_driven = venue if isinstance(venue, MarketDriven) else None
        self._sharing = self._market_driven if self._market_driven and self._market_driven.shares_liquidity else None
        self._window = window
        self._history = history
        self._evaluated = evaluated
        self._pause = pause
        self._settle = settle
        self._owns = owns
        self._live: dict[str, dict[str, WorkingOrder]] = defaultdict(dict)
        self._late: dict[int, list[WorkingOrder]] = defaultdict(list)
        self._is_late = asyncio.Event()

    async def join(self, order: WorkingOrder) -> None:
        """Let the order meet all ticks after its position, and from now on the new ones."""
        if not self._window.covers(order.position):
            assert order.position is not None, "an order without a position needs no old ticks"
            self._late[order.position.partition].append(order)
            self._is_late.set()
            return
        await self._follow(order)

    async def join_together(self, orders: Sequence[WorkingOrder]) -> None:
        """As join, for orders of one symbol, which meet each tick together where they share it."""
        placed = [order for order in orders if order.position is not None]
        if self._sharing is None or len(placed) < len(orders):
            for order in orders:
                await self.join(order)
        elif all(self._window.covers(order.position) for order in placed):
            await self._follow_together(self._sharing, placed)
        else:
            for order in placed:
                assert order.position is not None, "it has a place"
                self._late[order.position.partition].append(order)
            self._is_late.set()

    def leave(self, order: WorkingOrder) -> None:
        """The order meets no more ticks."""
        live = self._live[order.terms.symbol]
        if live.get(order.order_id) is order:
            del live[order.order_id]

    async def on_tick(self, tick: TickAt) -> None:
        """Take a new tick and let every order of its symbol meet it."""
        self._window.add(tick)
        orders = list(self._live.get(tick.tick.symbol, {}).values())
        if self._sharing is not None:
            await self._meet_together(self._sharing, orders, tick)
        else:
            for count, order in enumerate(orders, start=1):
                await self._meet(order, tick)
                if count % _PAUSE_EVERY == 0:
                    await self._pause()
        if self._market_driven is not None:
            self._market_driven.due(tick.ref.market_time_us, partial(self._is_current, tick))

    def tell_time(self, now_us: int) -> None:
        """It is this market time, and every tick up to it has been met: what is overdue ends without a tick."""
        if self._market_driven is not None:
            self._market_driven.due(now_us, self._is_live)

    @property
    def next_due_us(self) -> int | None:
        """The first market time after which `tell_time` may end an order; None: never, as it is."""
        return None if self._market_driven is None else self._market_driven.next_due_us

    async def catch_up(self) -> None:
        """Read old ticks back for the orders that need them. Runs for ever."""
        while True:
            await self._is_late.wait()
            self._is_late.clear()
            for partition in list(self._late):
                orders = self._late.pop(partition)
                await self._read_back(partition, orders)

    async def _read_back(self, partition: int, orders: list[WorkingOrder]) -> None:
        by_symbol: dict[str, list[WorkingOrder]] = defaultdict(list)
        for order in orders:
            by_symbol[order.terms.symbol].append(order)
        position = min(order.position.offset + 1 for order in orders if order.position is not None)
        log.info("reading %s back from offset %s for %s orders", partition, position, len(orders))
        while position < self._window.start(partition) and not all(order.ended for order in orders):
            try:
                ticks, position = await asyncio.to_thread(
                    self._history.read, partition, position, self._window.start(partition)
                )
            except UnavailableError as error:
                log.warning("old ticks cannot be read yet: %s", error)
                await asyncio.sleep(_RETRY_S)
                continue
            for tick in ticks:
                coming = by_symbol.get(tick.tick.symbol, [])
                if self._sharing is not None:
                    await self._meet_together(self._sharing, coming, tick)
                    continue
                for order in coming:
                    await self._meet(order, tick)
            await self._pause()
        if self._sharing is not None:
            for coming in by_symbol.values():
                await self._follow_together(self._sharing, coming)
            return
        for order in orders:
            if not order.ended:
                await self._follow(order)

    async def _follow(self, order: WorkingOrder) -> None:
        """The window holds all ticks that the order has not met. More may come while it meets them."""
        while order.position is not None and not order.ended:
            later = self._window.after(order.terms.symbol, order.position)
            if not later:
                break
            for tick in later:
                await self._meet(order, tick)
        if not order.ended:
            self._live[order.terms.symbol][order.order_id] = order

    async def _follow_together(self, venue: MarketDriven, orders: Sequence[WorkingOrder]) -> None:
        """As _follow, for orders of one symbol: each tick is met by all that come before it, the oldest tick first."""
        while placed := [order for order in orders if order.position is not None and not order.ended]:
            first = min((order.position for order in placed if order.position), key=lambda position: position.offset)
            later = self._window.after(placed[0].terms.symbol, first)
            if not later:
                break
            for tick in later:
                await self._meet_together(venue, placed, tick)
        for order in orders:
            if not order.ended:
                self._live[order.terms.symbol][order.order_id] = order

    async def _meet(self, order: WorkingOrder, tick: TickAt) -> None:
        if order.ended or not order.comes_before(tick):
            return
        if self._sharing is not None and not self._owns(order.terms.symbol):
            return
        order.position = tick.ref
        if order.is_active_at(tick):
            self._venue.evaluate(order, tick)
        self._evaluated(order)
        await self._settle()

    async def _meet_together(self, venue: MarketDriven, orders: Sequence[WorkingOrder], tick: TickAt) -> None:
        """Let the symbol's orders share the tick. They are all evaluated before anybody else gets a turn."""
        if orders and not self._owns(tick.tick.symbol):
            return
        orders = [order for order in orders if not order.ended]
        coming = [order for order in orders if order.comes_before(tick)]
        for order in coming:
            order.position = tick.ref
        active = {order.order_id: order for order in coming if order.is_active_at(tick)}
        others = [order for order in orders if order.order_id not in active]
        venue.evaluate_together(list(active.values()), others, tick)
        for order in coming:
            self._evaluated(order)
        await self._settle()

    def _is_current(self, tick: TickAt, order: WorkingOrder) -> bool:
        """Whether no tick of the order's symbol up to this one's market time is still to come: the ticks of one
        partition come in order of time.
        """
        is_there = order.position is not None and order.position.partition == tick.ref.partition
        return is_there and self._is_live(order)

    def _is_live(self, order: WorkingOrder) -> bool:
        """Whether it has met every tick that was given here."""
        return self._live.get(order.terms.symbol, {}).get(order.order_id) is order
