"""Following orders at Alpaca: updates of the stream, and the venue's own records wherever the stream may have missed.

What an order's `filled_qty` says beyond what was told is read from the account's activities before anything else is
told of that order, so no execution is missed and none counts twice (execution.alpaca.working). Whatever is in doubt
makes an order unsettled: it is read again, with growing waits, until it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any

from domain.errors import UnavailableError
from domain.numbers import ZERO
from execution.alpaca.backoff import Backoff
from execution.alpaca.broker import Broker
from execution.alpaca.wire import Fill, Update, VenueStatus, order_id_of, update_of
from execution.alpaca.working import ENDED, Contradiction, Working, ending_of
from execution.order import WorkingOrder
from execution.venue import (
    AmendmentListener,
    Bust,
    Cancellation,
    Correction,
    Execution,
    Expiry,
    Listener,
    Outcome,
    Refusal,
    Replacement,
    ReplaceRefusal,
)
from runtime import metrics

log = logging.getLogger(__name__)
_AMENDED_MAX = 10_000
_REPLACED_BY_OTHERS = "replaced at the venue by somebody else"
_REPLACED_WHILE_FILLING = "executed while it was replaced"


class Follower:
    """The orders of this worker at the venue, by order id and by the venue's ids. Touched on the event loop only."""

    def __init__(
        self, broker: Broker, backoff: Backoff, sweep_s: float, hear: Listener, amend: AmendmentListener
    ) -> None:
        self._broker = broker
        self._backoff = backoff
        self._sweep_s = sweep_s
        self._hear = hear
        self._amend = amend
        self._of_venue: dict[str, Working] = {}
        self._gap = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.held: dict[str, Working] = {}
        self.failure: BaseException | None = None
        self._amended: deque[str] = deque(maxlen=_AMENDED_MAX)
        """Executions that are others now, or void: whether the records still list them is not published."""

    # Which orders are followed

    def hold(self, order: WorkingOrder) -> Working:
        """Follow an order from what the ledger knows of it; who followed it before in this worker is replaced."""
        former = self.held.get(order.order_id)
        if former is not None:
            self._forget(former)
        known = order.terms.quantity - order.leaves
        working = Working(order=order, terms=order.terms, told=known, said=known)
        self.held[order.order_id] = working
        return working

    def link(self, working: Working, status: VenueStatus) -> None:
        """The venue's order works for ours, and begins to count at nothing."""
        working.offsets.setdefault(status.venue_order_id, ZERO)
        self._of_venue[status.venue_order_id] = working

    async def adopt(self, working: Working, status: VenueStatus) -> None:
        """Go on with what the venue has: tell what was executed and how it ended, follow what replaced it."""
        self.link(working, status)
        working.current = status.venue_order_id
        await self._refresh(working, status)

    def _forget(self, working: Working) -> None:
        if self.held.get(working.order_id) is working:
            del self.held[working.order_id]
        for venue_order_id in working.offsets:
            if self._of_venue.get(venue_order_id) is working:
                del self._of_venue[venue_order_id]
        working.unsettled = False

    # What is told

    def tell(self, working: Working, outcome: Outcome) -> None:
        """Tell the listener, or keep it back while the order is being placed."""
        if working.silent or working.kept_back:
            working.kept_back.append(outcome)
        else:
            self._say(working, outcome)

    def speak(self, working: Working) -> None:
        """The order is placed: what was kept back is told once the caller has heard that it is."""
        working.silent = False
        if working.kept_back:
            self.run(self._say_kept_back(working), f"alpaca tell {working.order_id}")

    async def _say_kept_back(self, working: Working) -> None:
        """A task of its own, which begins after the caller has gone on."""
        outcomes, working.kept_back = working.kept_back, []
        for outcome in outcomes:
            self._say(working, outcome)

    def _say(self, working: Working, outcome: Outcome) -> None:
        """Nothing is said of an order that the worker has dropped or handed over: somebody else follows it."""
        if self.held.get(working.order_id) is not working:
            return
        if working.order.ended:
            self._forget(working)
            return
        if isinstance(outcome, Execution):
            working.said += outcome.quantity
        if isinstance(outcome, Cancellation | Expiry | Refusal) or working.said == working.terms.quantity:
            self._forget(working)
        self._hear(working.order_id, outcome)

    # Updates of the stream

    def on_message(self, data: Any) -> None:
        """One update. Raises Unreadable."""
        update = update_of(data)
        if update.event in ("trade_bust", "trade_correct"):
            self._on_amendment(update)
            return
        working = self._of_venue.get(update.order.venue_order_id) or self.held.get(
            order_id_of(update.order.client_order_id)
        )
        if working is None:
            return  # placed by somebody else, or done with
        self.link(working, update.order)
        change = working.change
        # An execution of the replacement is told after the replacement, whose terms it belongs to: see _take_over.
        if update.fill is not None and (change is None or update.order.venue_order_id != change.venue_order_id):
            self._take(working, update.fill)
        if change is not None and (
            update.event == "order_replace_rejected"
            or (update.order.venue_order_id == change.venue_order_id and update.event == "rejected")
        ):
            self._refuse_change(working, update.reason)
        elif update.event == "order_cancel_rejected":
            self.unsettle(working)
        self._conclude(working, update.order, update.reason)

    def _take(self, working: Working, fill: Fill) -> int:
        """Tell what this execution makes tellable; how many those are."""
        try:
            executions = working.take(fill)
        except Contradiction as error:
            metrics.venue_contradictions_total.inc()
            log.error("the venue contradicts itself: %s", error, extra={"order_id": working.order_id})
            return 0
        for execution in executions:
            self.tell(working, execution)
        return len(executions)

    def _on_amendment(self, update: Update) -> None:
        previous, execution_id = update.previous_execution_id, update.execution_id
        order_id = order_id_of(update.order.client_order_id)
        kind = update.event
        metrics.venue_amendments_total.labels(kind).inc()
        if previous is None or execution_id is None:
            log.error("a %s names no execution: reconcile by hand", kind, extra={"order_id": order_id})
            return
        self._amended.append(previous)
        working = self.held.get(order_id)
        if kind == "trade_bust":
            if working is not None:
                working.amend(previous, execution_id, ZERO)
            self._amend(order_id, Bust(execution_id, previous, update.at_us))
        elif update.quantity is None or update.price is None:
            log.error("a %s says neither quantity nor price: reconcile by hand", kind, extra={"order_id": order_id})
        else:
            if working is not None:
                working.amend(previous, execution_id, update.quantity)
            self._amend(order_id, Correction(execution_id, previous, update.quantity, update.price, update.at_us))

    def _conclude(self, working: Working, status: VenueStatus, reason: str | None = None) -> None:
        """What follows from an order's status: it is behind, it was replaced, it has ended, or nothing."""
        if working.total(status) > working.told:
            self.unsettle(working)
        elif status.venue_order_id == working.current or working.current is None:
            if status.status == "replaced":
                self.unsettle(working)
            elif (ending := ending_of(working, status, reason)) is not None:
                self.tell(working, ending)

    def _refuse_change(self, working: Working, reason: str | None) -> None:
        change, working.change = working.change, None
        assert change is not None, "a replacement is refused that was asked for"
        text = f"Alpaca did not replace the order: {reason or 'no reason given'}"
        self.tell(working, ReplaceRefusal(change.revision, "VENUE_REPLACE_REFUSED", text[:300]))

    # The venue's own records

    async def _refresh(self, working: Working, status: VenueStatus) -> None:
        """Bring what is told up to a status that was read; the caller holds the order's lock."""
        await self._fetch(working, status)
        while status.status == "replaced" and status.replaced_by is not None:
            status = await self._take_over(working, status)
            await self._fetch(working, status)
        self._conclude(working, status)
        if working.cancel_wanted and status.status not in ENDED and status.status != "pending_cancel":
            await self.ask_to_cancel(working)

    async def _fetch(self, working: Working, status: VenueStatus) -> None:
        if working.total(status) <= working.told:
            return
        for fill in await self._broker.fills(status.submitted_at_us, status.venue_order_id):
            recovered = 0 if fill.execution_id in self._amended else self._take(working, fill)
            metrics.venue_executions_recovered_total.inc(recovered)

    async def _take_over(self, working: Working, old: VenueStatus) -> VenueStatus:
        """Go on with the order that replaced one. Where it was executed in between, its count may begin anew."""
        assert old.replaced_by is not None, "the replaced order names its successor"
        new = await self._broker.order(old.replaced_by)
        begun = working.offsets[old.venue_order_id]
        counts_on = new.filled_quantity >= old.filled_quantity
        working.offsets[new.venue_order_id] = begun if counts_on else begun + old.filled_quantity
        self._of_venue[new.venue_order_id] = working
        working.current = new.venue_order_id
        change = working.change
        if change is not None and change.venue_order_id == new.venue_order_id:
            working.terms, working.change = change.terms, None
            self.tell(working, Replacement(change.revision, keeps_priority=False))
        elif order_id_of(new.client_order_id) != working.order_id:
            self._give_up(working, _REPLACED_BY_OTHERS)
        would_be = working.offsets[new.venue_order_id] + (new.quantity or old.filled_quantity)
        if old.filled_quantity > 0 and would_be > working.terms.quantity:
            self._give_up(working, _REPLACED_WHILE_FILLING)
        return new

    def _give_up(self, working: Working, why: str) -> None:
        """The venue works terms that the ledger does not know: what is left must not be executed."""
        metrics.venue_contradictions_total.inc()
        log.error("cancelling what is left: %s", why, extra={"order_id": working.order_id})
        working.cancel_wanted, working.cancel_reason = True, why

    async def ask_to_cancel(self, working: Working) -> None:
        """Ask for a cancellation; whatever the answer, the order is read until it has ended."""
        assert working.current is not None, "the venue has the order"
        try:
            answer = await self._broker.cancel(working.current)
        except UnavailableError as error:
            log.warning("a cancellation is not through yet: %s", error, extra={"order_id": working.order_id})
            self.unsettle(working)
            return
        if not answer.is_success:
            log.info("not cancelled: %s", answer.message, extra={"order_id": working.order_id})
            self.unsettle(working)

    async def reread(self, working: Working) -> None:
        """Ask the venue how the order is. Raises UnavailableError. The caller holds the order's lock."""
        if working.current is None:
            return
        await self._refresh(working, await self._broker.order(working.current))
        change = working.change
        if change is not None and self.held.get(working.order_id) is working:
            status = await self._broker.order(change.venue_order_id)
            if working.change is change and status.status == "rejected":
                self._refuse_change(working, None)
            elif working.change is change:
                self.unsettle(working)

    def unsettle(self, working: Working) -> None:
        """Read the order again, soon."""
        working.unsettled = True
        if working.settling is None or working.settling.done():
            working.settling = self.run(self._settle(working), f"alpaca settle {working.order_id}")

    async def _settle(self, working: Working) -> None:
        attempt = 0
        while working.unsettled and not working.order.ended:
            attempt += 1
            await asyncio.sleep(self._backoff.wait_s(working.order_id, attempt))
            async with working.lock:
                await self._settle_once(working)

    async def _settle_once(self, working: Working) -> None:
        if not working.unsettled:
            return
        working.unsettled = False
        try:
            await self.reread(working)
        except UnavailableError as error:
            log.warning("cannot be read yet: %s", error, extra={"order_id": working.order_id})
            working.unsettled = True

    # All orders at once

    def on_gap(self) -> None:
        """The stream may have missed something: read all orders now."""
        self._gap.set()

    async def watch(self) -> None:
        """Compare all orders with the venue's records after every gap, and now and then without. Runs for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_s):
                    await self._gap.wait()
            self._gap.clear()
            attempt = 0
            while not await self._sweep():
                attempt += 1
                await asyncio.sleep(self._backoff.wait_s("sweep", attempt))

    async def _sweep(self) -> bool:
        """Whether the venue answered for every order."""
        workings = [working for working in self.held.values() if working.current is not None]
        if not workings:
            return True
        try:
            is_open = {status.venue_order_id: status for status in await self._broker.open_orders()}
            for working in workings:
                async with working.lock:
                    if working.order.ended:
                        self._forget(working)
                    if self.held.get(working.order_id) is not working or working.current is None:
                        continue
                    status = is_open.get(working.current) or await self._broker.order(working.current)
                    await self._refresh(working, status)
        except UnavailableError as error:
            log.warning("the venue's records cannot be read yet: %s", error)
            return False
        return True

    # Tasks

    def run(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task whose failure is kept, so that the venue can end the worker with it."""
        task = asyncio.create_task(work, name=name)
        self.watch_over(task)
        return task

    def watch_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("%s has failed", task.get_name(), exc_info=error)
            self.failure = self.failure or error

    async def stop(self) -> None:
        """End all tasks; the orders stay at the venue."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.held.clear()
        self._of_venue.clear()
