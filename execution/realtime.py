"""The clock, where the market is now (`MARKET_REAL_TIME`): it ends orders whose time is over although no tick says so.

Ticks come in order of time, so a tick tells the time as well; but a market may fall silent. Then it is late enough for
an order when, by the wall clock, its time was over `market_tick_late_ms_max` ago, and everything that was on
`market.ticks` after that has been met. So a worker that slept, or is behind, first meets what was printed meanwhile.

Boundaries: a replay's time is its ticks' alone, and so is the lockstep's promise of equal results; the feed refuses to
run in real time. A print that comes later than the grace, of before the order's end, finds it ended. Wall clocks are
taken to agree with the market's to well below the grace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from domain.errors import UnavailableError
from execution.window import TickWindow
from runtime.clock import now_us

log = logging.getLogger(__name__)
_LOOK_S = 0.25


class Ends(Protocol):
    """Who knows how long the market's topic is (execution.ticks.TickHistory)."""

    def ends(self, partitions: Collection[int]) -> dict[int, int]:
        """The offset after the last record of each. Blocks; raises UnavailableError."""


class Expirable(Protocol):
    """The orders that are evaluated (execution.evaluation.Evaluation)."""

    @property
    def next_due_us(self) -> int | None:
        """The first market time after which one of them may end by the time alone."""

    def tell_time(self, now_us: int) -> None:
        """End those whose time is over."""


class _Wait(NamedTuple):
    """time_us: what is to be told once each partition is met up to its end."""

    time_us: int
    ends: dict[int, int]


class MarketClock:
    """late_us: how long after its market time a tick may come. clock: microseconds UTC."""

    def __init__(
        self, orders: Expirable, window: TickWindow, market: Ends, late_us: int, clock: Callable[[], int] = now_us
    ) -> None:
        self._orders = orders
        self._window = window
        self._market = market
        self._late_us = late_us
        self._clock = clock
        self._waits: _Wait | None = None

    async def run(self) -> None:
        """Tell the time, for ever."""
        while True:
            try:
                await self.look()
            except UnavailableError as error:
                log.warning("orders may be overdue: %s", error)
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """End what is overdue if all is met that is on the market by now, else with a later look.

        Raises UnavailableError.
        """
        if self._waits is None:
            time_us, due_us = self._clock() - self._late_us, self._orders.next_due_us
            if due_us is None or due_us >= time_us:
                return
            self._waits = _Wait(time_us, await asyncio.to_thread(self._market.ends, self._window.partitions))
        if all(self._window.done(partition) >= end for partition, end in self._waits.ends.items()):
            self._orders.tell_time(self._waits.time_us)
            self._waits = None
