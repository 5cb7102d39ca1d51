"""The orders of whole symbols, for venues where orders of a symbol take from each other (decision 0032).

An order comes to whichever worker the queue gives it. If the symbol's lease is free, that worker takes it, and first
makes sure of what was before (execution.takeover); if another has it, the entry is handed on, never executed. Entries
wait here meanwhile and stay pending. A message to another worker may be lost: the entry is then idle, is claimed, and
goes back to the ledger like that of any dead worker.
Verification: tests/execution, test_leases.py, test_symbols.py, test_symbols_end_to_end.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from redis.exceptions import RedisError

from domain.dispatch import Dispatch
from execution.leases import SymbolLeases
from execution.order import WorkingOrder
from execution.queue import Entry
from runtime import metrics

log = logging.getLogger(__name__)
IDLE_S = 60.0
"""So long a symbol is kept that has no orders."""
_LOOKS_A_LEASE = 4
HandOn = Callable[[str, Sequence[Entry]], Awaitable[None]]
"""Give entries of ours to another worker. Raises redis' own errors."""
TakeOver = Callable[[str, Callable[[], Mapping[str, int]]], Awaitable[Mapping[int, Decimal]]]
"""execution.takeover.Takeover.of"""


class Floor(Protocol):
    """Where the orders are worked (execution.desk.Desk)."""

    held: dict[str, WorkingOrder]

    async def take_together(self, entries: Iterable[Entry]) -> None:
        """Work new orders of one symbol."""

    def let_go(self, symbol: str) -> None:
        """Hand the symbol's orders back to the ledger."""

    def give_back(self, entry: Entry, dispatch: Dispatch, reason: str) -> None:
        """Hand an order back that was never held."""

    def release(self, *entry_ids: str) -> None:
        """These entries are done with."""


class Sharing(Protocol):
    """The venue (execution.venue.MarketDriven)."""

    def take_over(self, symbol: str, given: Mapping[int, Decimal]) -> None:
        """From here on its orders meet ticks here."""


class _Kept(NamedTuple):
    entry: Entry
    dispatch: Dispatch


class SymbolDesk:
    """An execution.desk.Symbols. run() for ever."""

    def __init__(
        self, leases: SymbolLeases, floor: Floor, venue: Sharing, take_over: TakeOver, hand_on: HandOn, worker_id: str
    ) -> None:
        self._leases = leases
        self._floor = floor
        self._venue = venue
        self._take_over = take_over
        self._hand_on = hand_on
        self._worker_id = worker_id
        self._kept: dict[str, dict[str, _Kept]] = defaultdict(dict)
        self._open: set[str] = set()
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._busy_s: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._period_s = leases.ttl_s / _LOOKS_A_LEASE

    # What the desk asks

    def owns(self, symbol: str) -> bool:
        """Whether the symbol's orders may meet a tick here."""
        return symbol in self._open and self._leases.is_mine(symbol)

    def admits(self, entry: Entry, dispatch: Dispatch) -> bool:
        """Whether to execute the order now; if not, the entry is kept until the symbol is ours, or handed on."""
        symbol, order_id = dispatch.order.symbol, dispatch.order.order_id
        if self.owns(symbol):
            return True
        former = self._kept[symbol].get(order_id)
        if former is not None and former.entry.id != entry.id:
            self._floor.release(former.entry.id)
        self._kept[symbol][order_id] = _Kept(entry, dispatch)
        self._wake.set()
        return False

    def keeps(self) -> list[str]:
        """The entries that wait here."""
        return [kept.entry.id for orders in self._kept.values() for kept in orders.values()]

    def forget(self, entry_ids: Collection[str]) -> None:
        """These are pending no longer: the ledger dispatches their orders again."""
        for orders in self._kept.values():
            for order_id in [order_id for order_id, kept in orders.items() if kept.entry.id in entry_ids]:
                del orders[order_id]

    # The loop

    async def run(self) -> None:
        """Hold the leases, take what is free, hand on what is another's. Raises what a takeover could not get over."""
        renewed_s = time.monotonic()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._period_s):
                        await self._wake.wait()
                self._wake.clear()
                try:
                    async with asyncio.timeout(self._leases.ttl_s):
                        if time.monotonic() - renewed_s >= self._period_s:
                            renewed_s = time.monotonic()
                            await self._leases.renew()
                            await self._give_back_idle()
                        await self._settle_kept()
                except (RedisError, OSError, TimeoutError) as error:
                    log.warning("symbols may lapse, Redis does not answer: %s", error)
                self._look_after()
        finally:
            for task in self._opening.values():
                task.cancel()
            await asyncio.gather(*self._opening.values(), return_exceptions=True)

    def give_back_kept(self) -> None:
        """This worker stops: what waits here goes back to the ledger."""
        for kept in [kept for orders in self._kept.values() for kept in orders.values()]:
            self._floor.give_back(kept.entry, kept.dispatch, "worker_stopped")
        self._kept.clear()

    async def leave(self) -> None:
        """Let others have the symbols; Kafka has all that was reported of them. Raises redis' own errors."""
        self._open.clear()
        await self._leases.give_back(self._leases.symbols)

    async def _settle_kept(self) -> None:
        """See whose the orders are that wait here."""
        for symbol in [symbol for symbol, orders in self._kept.items() if orders and symbol not in self._opening]:
            holder: str | None = self._worker_id
            if not self.owns(symbol):
                self._lose(symbol)
                holder = await self._leases.take(symbol)
            if holder == self._worker_id:
                self._opening[symbol] = asyncio.create_task(self._open_up(symbol), name=f"take over {symbol}")
            elif holder is not None:
                await self._pass_on(symbol, holder)

    async def _pass_on(self, symbol: str, holder: str) -> None:
        passed = dict(self._kept[symbol])
        await self._hand_on(holder, [kept.entry for kept in passed.values()])
        self._drop(symbol, passed)
        metrics.execution_orders_handed_on_total.inc(len(passed))

    async def _open_up(self, symbol: str) -> None:
        """Take the symbol over, if it is not open yet, and work what waits."""
        if symbol not in self._open:
            given = await self._take_over(symbol, lambda: self._come(symbol))
            if not self._leases.is_mine(symbol):
                return
            self._venue.take_over(symbol, given)
            self._open.add(symbol)
            log.info("works %s", symbol)
        self._busy_s[symbol] = time.monotonic()
        taken = dict(self._kept[symbol])
        await self._floor.take_together([kept.entry for kept in taken.values()])
        self._drop(symbol, taken)

    def _drop(self, symbol: str, done: Mapping[str, _Kept]) -> None:
        """These wait no longer, unless the order has come again or could not be worked after all."""
        for order_id, kept in done.items():
            if self._kept[symbol].get(order_id) is kept:
                del self._kept[symbol][order_id]

    def _come(self, symbol: str) -> dict[str, int]:
        return {order_id: kept.dispatch.dispatch_epoch for order_id, kept in self._kept[symbol].items()}

    def _look_after(self) -> None:
        """Let go of what is lost; raise what has failed."""
        for symbol, task in list(self._opening.items()):
            if task.done():
                del self._opening[symbol]
                task.result()
                self._wake.set()
        for symbol in [symbol for symbol in self._open if not self._leases.is_mine(symbol)]:
            self._lose(symbol)
        metrics.execution_symbols.set(len(self._open))

    def _lose(self, symbol: str) -> None:
        if symbol in self._open:
            self._open.discard(symbol)
            self._floor.let_go(symbol)
            metrics.execution_symbols_lost_total.inc()
            log.warning("the lease of %s is lost: its orders go back to the ledger", symbol)

    async def _give_back_idle(self) -> None:
        """Others may have what has had no orders for a while."""
        now_s = time.monotonic()
        in_use = {order.terms.symbol for order in self._floor.held.values()} | self._opening.keys()
        self._busy_s.update(dict.fromkeys(in_use & self._open, now_s))
        idle = [s for s in self._open if now_s - self._busy_s[s] > IDLE_S and not self._kept.get(s)]
        self._open.difference_update(idle)
        await self._leases.give_back(idle)
