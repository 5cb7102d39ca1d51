"""The engine: takes orders from the queue, lets them meet their ticks at a venue, reports to the ledger.

It holds no truth. Whatever it loses, the ledger dispatches again under a higher epoch; whatever it reports under a
lower epoch, the ledger refuses. All state is touched on the event loop only. execution.desk tells what one order goes
through; this module runs the loops around it.

Boundaries: it does not decide whether an order is allowed, does not compute books, and keeps nothing over a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from domain.errors import UnavailableError
from execution import watermarks
from execution.amendments import Amendments
from execution.channel import Channel
from execution.desk import Desk
from execution.leases import SymbolLeases
from execution.queue import Entry, OrderQueue, is_wiped
from execution.realtime import MarketClock
from execution.reconcile.reconciler import Reconciler, counterpart
from execution.reports import Reporter
from execution.symbols import SymbolDesk
from execution.takeover import Takeover
from execution.ticks import TickHistory, TickSource
from execution.venue import Amending, MarketDriven, Venue
from execution.window import TickWindow
from runtime import metrics
from runtime.settings import Settings

log = logging.getLogger(__name__)
TICKS_KEPT = 10_000
_READ_MAX = 500
_READ_BLOCK_MS = 200
_BACKOFF_S_MIN, _BACKOFF_S_MAX = 0.05, 2.0
_STOP_S = 4.0
_FORGET_EVERY = 60
_CANCEL_AGAIN_S = 0.2
_BEAT_S = 0.2
_LOST = (RedisConnectionError, RedisTimeoutError, OSError, asyncio.TimeoutError)
T = TypeVar("T")


def new_worker_id() -> str:
    """Unique for every start: host, process, random."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class Engine:
    """One worker. run() until told to stop."""

    def __init__(self, settings: Settings, venue: Venue, worker_id: str | None = None) -> None:
        self.worker_id = worker_id or new_worker_id()
        self._venue = venue
        self._queue = OrderQueue(settings, self.worker_id)
        self._reporter = Reporter(settings)
        self._window = TickWindow(TICKS_KEPT)
        self._source = TickSource(settings, self._window, history=TICKS_KEPT)
        self._history = TickHistory(settings)
        self._channel = Channel(settings, self._queue.redis)
        self.desk = Desk(self.worker_id, venue, self._window, self._reporter, self._history)
        self._beside: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        if settings.market_real_time:
            late_us = settings.market_tick_late_ms_max * 1_000
            self._beside["clock"] = MarketClock(self.desk.evaluation, self._window, self._history, late_us).run
        if isinstance(venue, Amending):
            amendments = Amendments(settings, self._reporter, self.desk, self.worker_id, venue.name)
            venue.on_amendment = amendments.hear
            self._beside["amendments"] = amendments.run
        self._symbols: SymbolDesk | None = None
        if isinstance(venue, MarketDriven) and venue.shares_liquidity:
            leases = SymbolLeases(self._queue.redis, self.worker_id, settings.claim_idle_ms)
            taking = Takeover(settings, self._reporter, self.worker_id, venue.name).of
            self._symbols = SymbolDesk(leases, self.desk, venue, taking, self._hand_on, self.worker_id)
            self.desk.symbols = self._symbols
            self._beside["symbols"] = self._symbols.run
        self._reconciler: Reconciler | None = None
        against = counterpart(settings, venue, self._queue.redis)
        if against is not None:
            self._reconciler = Reconciler(settings, against, self._queue.redis, self._reporter, self.worker_id)
            self._beside["reconcile"] = self._reconciler.run
        self._period_s = min(1.0, settings.claim_idle_ms / 4_000)
        self._stopping = asyncio.Event()
        self._caught_up = asyncio.Event()

    async def run(self, stop: asyncio.Event, ready: Callable[[bool], None], beat: Callable[[], None]) -> None:
        """Work until `stop`; then hand over what is held. Raises what stopped a loop, to be started anew."""
        await self._venue.start(self.desk.on_outcome)
        self._reporter.start()
        loops = [
            asyncio.create_task(loop, name=name)
            for name, loop in (
                ("market", self._follow_market()),
                ("intake", self._take_orders(ready)),
                ("beat", _beat(beat)),
                ("settle", self._settle()),
                ("keep", self._keep_house()),
                ("channel", self._hear()),
                ("catch up", self.desk.catch_up()),
                *((name, self._run_beside(loop)) for name, loop in self._beside.items()),
                ("stop", _wait(stop)),
                ("reports", _outcome(self._reporter.failure)),
            )
        ]
        try:
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            ready(False)
            for task in loops:
                if task.done():
                    task.result()
            await self._hand_over(loops)
        finally:
            await _cancel(loops)
            await self._close()

    async def _take_orders(self, ready: Callable[[bool], None]) -> None:
        await self._caught_up.wait()
        await self._redis(self._queue.open)
        ready(True)
        log.info("the engine takes orders", extra={"worker_id": self.worker_id})
        while not self._stopping.is_set():
            await self._reporter.room()
            for entry in await self._redis(lambda: self._queue.read(_READ_MAX, _READ_BLOCK_MS)):
                await self.desk.take(entry)
            await self._publish_cancels()

    async def _follow_market(self) -> None:
        await self._retry(self._source.start)
        while True:
            batch = await self._source.batch()
            for tick in batch.ticks:
                await self._reporter.room()
                await self.desk.on_tick(tick)
            self._window.have_met(batch.until)
            if batch.caught_up:
                self._caught_up.set()

    async def _settle(self) -> None:
        """Bring to Redis what has changed: finished entries, watermarks."""
        while True:
            await self.desk.changed.wait()
            self.desk.changed.clear()
            await self.desk.exclude()
            await self._redis(self._settle_once)

    async def _settle_once(self) -> None:
        desk = self.desk
        marks = desk.marks.due()
        desk.fence(await watermarks.write(self._queue.redis, marks))
        desk.marks.written(marks)
        released = list(desk.released)
        await self._queue.release(released)
        desk.released.difference_update(released)

    async def _keep_house(self) -> None:
        """Touch what is held, take over what dead workers held, say again how far each order is."""
        await self._caught_up.wait()
        rounds = 0
        while True:
            await self._redis(self._touch)
            for entry in await self._redis(self._queue.claim):
                await self.desk.take_over(entry)
            await self.desk.press_cancels()
            await self._publish_cancels()
            self.desk.mark_all()
            if rounds % _FORGET_EVERY == 0:
                await self._redis(self._queue.forget_dead_consumers)
            rounds += 1
            await asyncio.sleep(self._period_s)

    async def _touch(self) -> None:
        held = self.desk.entries()
        touched = await self._queue.touch(held)
        if touched.wiped:
            log.warning("Redis was wiped; going on with %s orders from memory", len(self.desk.held))
            await self._queue.open()
            self.desk.forget_entries(held)
        else:
            self.desk.on_missing(touched.missing)

    async def _publish_cancels(self) -> None:
        for entry in self.desk.cancels_to_publish():
            with contextlib.suppress(*_LOST):  # said again until it is answered
                await self._channel.publish(entry)

    async def _hand_on(self, worker_id: str, entries: Sequence[Entry]) -> None:
        """Give entries to the worker that has their symbol. Raises redis' own errors."""
        await self._queue.hand_on([entry.id for entry in entries], worker_id)
        for entry in entries:
            await self._channel.publish(entry, to=worker_id)

    async def _hear(self) -> None:
        await self._caught_up.wait()
        await self._channel.listen(self._on_heard)

    async def _on_heard(self, entry: Entry, to: str) -> None:
        if to == self.worker_id:
            await self.desk.take(entry)
        elif not to:
            await self.desk.on_cancel_heard(entry)

    async def _run_beside(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What only some settings or venues have."""
        await self._caught_up.wait()
        await loop()

    async def _hand_over(self, loops: list[asyncio.Task[Any]]) -> None:
        """Ask for a new dispatch of all that is held, so that nobody has to wait until this worker looks dead."""
        intake = [task for task in loops if task.get_name() == "intake"]
        await asyncio.wait(intake, timeout=_STOP_S / 4)  # what it has been given is to be worked
        await _cancel([task for task in loops if task.get_name() not in ("settle", "reports")])
        self.desk.hand_over_all("worker_stopped")
        if self._symbols is not None:
            self._symbols.give_back_kept()
        is_drained = await self._reporter.drain(_STOP_S)
        if not is_drained:
            log.warning("Kafka has not taken %s reports; their orders stay in the queue", self._reporter.waiting)
        with contextlib.suppress(RedisError, *_LOST):  # what is left pending is claimed by another worker
            await asyncio.wait_for(self._settle_once(), _STOP_S / 2)
            if self._symbols is not None and is_drained:
                await asyncio.wait_for(self._symbols.leave(), _STOP_S / 4)
            if self._reconciler is not None:
                await asyncio.wait_for(self._reconciler.leave(), _STOP_S / 4)
        log.info("the engine has stopped", extra={"worker_id": self.worker_id})

    async def _close(self) -> None:
        await self._venue.stop()
        await self._source.stop()
        await self._reporter.stop()
        await asyncio.to_thread(self._history.close)
        with contextlib.suppress(RedisError, *_LOST):
            await self._queue.close()

    async def _redis(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until Redis answers; make stream and group again when they are gone. Other errors are raised."""
        delay_s = _BACKOFF_S_MIN
        while True:
            try:
                return await call()
            except _LOST as error:
                log.warning("Redis does not answer, trying again in %.2f s: %s", delay_s, error)
                metrics.execution_redis_retries_total.inc()
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _BACKOFF_S_MAX)
            except RedisError as error:
                if not is_wiped(error):
                    raise
                await self._reopen()

    async def _reopen(self) -> None:
        with contextlib.suppress(*_LOST):
            await self._queue.open()

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until Kafka is there."""
        delay_s = _BACKOFF_S_MIN
        while True:
            try:
                return await call()
            except UnavailableError as error:
                log.warning("waiting for Kafka: %s", error)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _BACKOFF_S_MAX)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel until it is done: asyncio.wait_for of Python 3.11, which the Redis client uses, may swallow a cancel."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


async def _beat(beat: Callable[[], None]) -> None:
    """The event loop turns; that Redis or Kafka is away is no reason to be restarted."""
    while True:
        beat()
        await asyncio.sleep(_BEAT_S)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _outcome(future: asyncio.Future[None] | None) -> None:
    assert future is not None, "the reporter was not started"
    await future
