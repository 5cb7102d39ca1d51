"""What one worker does with its orders: take, acknowledge, execute, cancel, hand over.

No servers here but through what it is given: reports go to the reporter; what has to be written to Redis (`released`,
watermarks) is collected for execution.engine, so that many orders share one round trip.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from domain import ids
from domain.dispatch import Dispatch
from domain.errors import UnreadableInput
from domain.reports import Report, ReportAcknowledged, RequestRedispatch
from domain.terms import OrderTerms
from execution import outcomes
from execution.epochs import Epochs
from execution.evaluation import Evaluation, History
from execution.order import Ended, WorkingOrder, active_after, working_order
from execution.queue import Entry
from execution.reports import Sender
from execution.venue import (
    Execution,
    Outcome,
    Refusal,
    Replacement,
    ReplaceRefusal,
    Venue,
)
from execution.watermarks import Mark, MarkBook
from execution.window import TickWindow
from runtime import metrics
from runtime.clock import now_us

log = logging.getLogger(__name__)
CANCEL_GRACE_S = 1.0


class _Foreign(NamedTuple):
    """A CANCEL that this worker was given for an order that it does not hold. since_s: monotonic time."""

    entry: Entry
    dispatch: Dispatch
    since_s: float


class Desk:
    """The orders of one worker. `held` are all that have not ended, and those whose last reports wait for Kafka."""

    def __init__(self, worker_id: str, venue: Venue, window: TickWindow, sender: Sender, history: History) -> None:
        self._worker_id = worker_id
        self._venue = venue
        self._window = window
        self._sender = sender
        self._epochs = Epochs()
        self._foreign: dict[str, _Foreign] = {}
        self._excluded: list[tuple[WorkingOrder, Decimal]] = []
        self._to_publish: list[Entry] = []
        self.evaluation = Evaluation(venue, window, history, self._on_evaluated, self._pause, self.exclude)
        self.held: dict[str, WorkingOrder] = {}
        self.marks = MarkBook()
        self.released: set[str] = set()
        self.changed = asyncio.Event()
        self.on_tick = self.evaluation.on_tick
        self.catch_up = self.evaluation.catch_up

    # Entries of the queue

    async def take(self, entry: Entry) -> None:
        """Work a new entry. One that cannot be read is logged, counted and released."""
        dispatch = self._read(entry)
        if dispatch is None:
            return
        if dispatch.kind == "EXECUTE":
            await self._execute(entry, dispatch)
        else:
            await self._ask(entry, dispatch, mine=True)

    async def take_over(self, entry: Entry) -> None:
        """Deal with a dead worker's entry: an order goes back to the ledger, a wish is as good as new."""
        dispatch = self._read(entry)
        if dispatch is None or entry.id in self._foreign:
            return
        if dispatch.kind != "EXECUTE":
            await self._ask(entry, dispatch, mine=True)
            return
        if not self._see(dispatch):
            self._release(entry.id)
            return
        held = self.held.get(dispatch.order.order_id)
        if held is None and self._epochs.was_taken(dispatch.order.order_id, dispatch.dispatch_epoch):
            self._release(entry.id)  # it has ended here, and Redis has been slow to hear of it
        elif held is None:
            self._ask_for_redispatch(entry, dispatch, "worker_lost")
        elif held.entry != entry.id:
            # Two workers had the order under one epoch; which of them the ledger knows is not known here.
            held.cancel_entries.append(entry.id)
            self._hand_over(held, "worker_lost")

    def entries(self) -> list[str]:
        """All entries that this worker keeps pending."""
        return [*self._foreign, *(entry for order in self.held.values() for entry in order.entries)]

    def on_missing(self, missing: Iterable[str]) -> None:
        """These entries of ours are pending no longer: somebody thought us dead, or has answered a CANCEL."""
        gone = set(missing)
        if not gone:
            return
        for entry_id in gone:
            self._foreign.pop(entry_id, None)
        for order in list(self.held.values()):
            if not order.ended and order.entry in gone:
                self._hand_over(order, "entry_lost")

    def forget_entries(self, entry_ids: Iterable[str]) -> None:
        """The queue has lost these entries; their orders go on from memory, until the ledger dispatches them anew."""
        gone = set(entry_ids)
        for entry_id in gone:
            self._foreign.pop(entry_id, None)
        for order in self.held.values():
            order.cancel_entries = [entry_id for entry_id in order.cancel_entries if entry_id not in gone]
            order.replace_entries = [entry_id for entry_id in order.replace_entries if entry_id not in gone]
            if order.entry in gone:
                order.entry = None

    def hand_over_all(self, reason: str) -> None:
        """Ask the ledger to dispatch everything that is held to somebody else."""
        for order in list(self.held.values()):
            if order.ended in ("", "amended"):
                self._hand_over(order, reason)

    # Cancels of orders that others hold

    def cancels_to_publish(self) -> list[Entry]:
        """The CANCELs that all workers must hear of now."""
        entries, self._to_publish = self._to_publish, []
        return entries

    async def press_cancels(self) -> None:
        """Say the unanswered ones again; after CANCEL_GRACE_S ask for a redispatch, which fences the silent worker."""
        for foreign in list(self._foreign.values()):
            if time.monotonic() - foreign.since_s > CANCEL_GRACE_S:
                del self._foreign[foreign.entry.id]
                self._ask_for_redispatch(foreign.entry, foreign.dispatch, "cancel_unanswered")
            else:
                await self._ask(foreign.entry, foreign.dispatch, mine=True)

    async def on_cancel_heard(self, entry: Entry) -> None:
        """Another worker was given a CANCEL; answer it if the order is ours."""
        if entry.id in self._foreign:
            return
        dispatch = self._read(entry)
        if dispatch is not None:
            await self._ask(entry, dispatch, mine=False)

    # Watermarks

    def mark_all(self) -> None:
        """Write every watermark again: Redis may have lost them, and they are the sign that somebody has the order."""
        for order in self.held.values():
            if not order.ended:
                self.marks.note(order)
        self.changed.set()

    def fence(self, outdated: Sequence[Mark]) -> None:
        """Another worker has these orders under a higher epoch: drop them."""
        for mark in outdated:
            order = self.held.get(mark.order_id)
            if order is not None and order.dispatch_epoch == mark.epoch:
                self._drop(order)

    # Executions that are others now

    def stop_counting(self, order_id: str) -> None:
        """Say nothing more of the order under this dispatch: what is left of it is for the ledger to say."""
        order = self.held.get(order_id)
        if order is not None and not order.ended:
            self._end(order, "amended")

    def dispatch_again(self, order_id: str) -> None:
        """Ask the ledger for a fresh dispatch, if the order is held and not done."""
        order = self.held.get(order_id)
        if order is not None and order.ended in ("", "amended"):
            self._hand_over(order, "amended")

    # What the venue says

    def on_outcome(self, order_id: str, outcome: Outcome) -> None:
        """Report what happened to an order. An outcome of an order that is not worked here is a mistake: it raises."""
        order = self.held.get(order_id)
        if order is None or order.ended:
            raise RuntimeError(f"expected an outcome of an order that is worked, it was of {order_id}: {outcome}")
        if isinstance(outcome, Refusal):
            metrics.orders_rejected_total.labels(outcome.code).inc()
        outcomes.apply(order, outcome)
        report = outcomes.report_of(order, outcome, self._venue.name, self._worker_id)
        answered = isinstance(outcome, Replacement | ReplaceRefusal) and outcome.revision == order.revision
        self._report(order, report, list(order.replace_entries) if answered else ())
        if isinstance(outcome, outcomes.ENDS) or (isinstance(outcome, Execution | Replacement) and order.leaves <= 0):
            self._end(order, "finished")
        log.info("%s", outcomes.text_of(outcome), extra=_about(order))
        if isinstance(outcome, Execution) and order.terms.is_exclusive:
            self._excluded.append((order, outcome.quantity))
            self.changed.set()

    async def exclude(self) -> None:
        """Tell the venue what a fill means for the other legs of a group that are held here, before the ledger does."""
        while self._excluded:
            filled, quantity = self._excluded.pop(0)
            for other in list(self.held.values()):
                if other is filled or other.terms.group_id != filled.terms.group_id or not other.terms.is_exclusive:
                    continue
                rest = (other.asked or other.terms).of_quantity((other.asked or other.terms).quantity - quantity)
                if filled.terms.group_kind == "OCO" or other.leaves <= quantity:
                    await self._cancel_at_venue(other)
                else:
                    await self._replace_at_venue(other, rest, other.revision + 1)

    # The way of one order

    async def _execute(self, entry: Entry, dispatch: Dispatch) -> None:
        order_id, epoch = dispatch.order.order_id, dispatch.dispatch_epoch
        if not self._see(dispatch):
            self._release(entry.id)
            return
        held = self.held.get(order_id)
        if held is not None or self._epochs.was_taken(order_id, epoch):
            self._take_again(entry, held)
            return
        newest = self._window.newest(dispatch.order.symbol)
        order = self._hold(entry, dispatch, working_order(dispatch, newest))
        if order.position is not None and not self._window.knows(order.position.partition):
            text = f"there is no tick partition of {order.position}"
            self.on_outcome(order_id, Refusal("TICK_POSITION_UNKNOWN", text))
            return
        await self._venue.submit(order)
        if not order.ended:
            self._acknowledge(order, dispatch)
            if dispatch.replacement is not None:
                await self._replace_at_venue(order, dispatch.replacement, dispatch.revision)
            await self.evaluation.join(order)

    def _take_again(self, entry: Entry, held: WorkingOrder | None) -> None:
        """The same order under the same epoch once more: the newer entry is the one that stays pending."""
        if held is None:
            self._release(entry.id)
        elif held.ended:
            held.cancel_entries.append(entry.id)
        else:
            if held.entry is not None:
                self._release(held.entry)
            held.entry = entry.id

    def _acknowledge(self, order: WorkingOrder, dispatch: Dispatch) -> None:
        after = active_after(dispatch, self._window.newest(order.terms.symbol))
        about = outcomes.head(order, self._worker_id, "acknowledged")
        report = ReportAcknowledged(venue=self._venue.name, active_after=after, **about)
        self._report(order, report)
        self.marks.note(order)

    async def _ask(self, entry: Entry, dispatch: Dispatch, *, mine: bool) -> None:
        """A CANCEL or REPLACE of our own, or one heard of. mine: it is for us to see that somebody answers it."""
        order_id, epoch = dispatch.order.order_id, dispatch.dispatch_epoch
        if not self._see(dispatch):
            self._settle_wish(entry)
            return
        is_cancel = dispatch.kind == "CANCEL"
        orphan = is_cancel and self._epochs.is_orphan(order_id, epoch)
        if is_cancel:
            self._epochs.see_cancel(order_id, epoch)
        order = self.held.get(order_id)
        if order is not None:
            await self._ask_venue(order, entry, dispatch)
        elif self._epochs.was_taken(order_id, epoch):
            self._settle_wish(entry)  # it has ended here: the ledger will learn, or has learnt, how
        elif orphan:
            newest = self._window.newest(dispatch.order.symbol)
            await self._cancel_at_venue(self._hold(entry, dispatch, working_order(dispatch, newest)))
        else:
            if mine:
                self._foreign.setdefault(entry.id, _Foreign(entry, dispatch, time.monotonic()))
                self._to_publish.append(entry)
            return
        self._foreign.pop(entry.id, None)

    async def _ask_venue(self, order: WorkingOrder, entry: Entry, dispatch: Dispatch) -> None:
        """The entry stays pending until the ledger knows the answer."""
        if entry.id not in order.entries:
            waits = order.cancel_entries if dispatch.kind == "CANCEL" else order.replace_entries
            waits.append(entry.id)
        if dispatch.kind == "CANCEL":
            await self._cancel_at_venue(order)
        elif dispatch.replacement is not None and dispatch.revision > order.revision:
            await self._replace_at_venue(order, dispatch.replacement, dispatch.revision)
        elif order.asked is None:  # it is answered already
            order.replace_entries.remove(entry.id)
            self._release(entry.id)

    async def _replace_at_venue(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        if not order.ended and not order.canceling:
            order.asked, order.revision = terms, revision
            await self._venue.replace(order, terms, revision)

    async def _cancel_at_venue(self, order: WorkingOrder) -> None:
        if not order.ended and not order.canceling:
            order.canceling = True
            await self._venue.cancel(order)

    def _settle_wish(self, entry: Entry) -> None:
        self._foreign.pop(entry.id, None)
        self._release(entry.id)

    def _hold(self, entry: Entry, dispatch: Dispatch, order: WorkingOrder) -> WorkingOrder:
        order.entry = entry.id
        order.traceparent = entry.traceparent()
        order.dispatched_at_ms = entry.added_at_ms
        self._epochs.take(order.order_id, dispatch.dispatch_epoch)
        self.held[order.order_id] = order
        return order

    def _see(self, dispatch: Dispatch) -> bool:
        """Take note of the epoch; what is held under a lower one is dropped. False: the entry itself is outdated."""
        order = self.held.get(dispatch.order.order_id)
        if order is not None and order.dispatch_epoch > dispatch.dispatch_epoch:
            return False
        if order is not None and order.dispatch_epoch < dispatch.dispatch_epoch:
            self._drop(order)
        return self._epochs.see(dispatch.order.order_id, dispatch.dispatch_epoch)

    def _hand_over(self, order: WorkingOrder, reason: str) -> None:
        about = outcomes.head(order, self._worker_id, "redispatch")
        self._report(order, RequestRedispatch(reason=reason, **about))
        self._end(order, "handed_over")
        log.info("handed back to the ledger: %s", reason, extra=_about(order))

    def _drop(self, order: WorkingOrder) -> None:
        self._end(order, "dropped")
        del self.held[order.order_id]
        self._release(*order.entries)
        log.info("dropped, dispatched anew under a higher epoch", extra=_about(order))

    def _end(self, order: WorkingOrder, how: Ended) -> None:
        order.ended = how
        self.evaluation.leave(order)
        self.marks.forget(order)

    def _ask_for_redispatch(self, entry: Entry, dispatch: Dispatch, reason: str) -> None:
        order_id, epoch = dispatch.order.order_id, dispatch.dispatch_epoch
        request = RequestRedispatch(
            report_id=ids.report_id("redispatch", order_id, epoch),
            account_id=dispatch.account_id,
            order_id=order_id,
            dispatch_epoch=epoch,
            worker_id=self._worker_id,
            reported_at_us=now_us(),
            reason=reason,
        )
        self._sender.send(request, entry.traceparent(), partial(self._release, entry.id))
        log.warning("asking for a redispatch: %s", reason, extra={"order_id": order_id})

    # Reports and what follows from their acknowledgement

    def _report(self, order: WorkingOrder, report: Report, entries: Sequence[str] = ()) -> None:
        """entries: those of the queue that are done with once Kafka has the report."""
        order.reports_made += 1
        self._sender.send(report, order.traceparent, partial(self._on_report_known, order, type(report), entries))

    def _on_report_known(self, order: WorkingOrder, kind: type[Report], entries: Sequence[str]) -> None:
        """Kafka has one more report of the order; when it has all, Redis may say so."""
        order.reports_acknowledged += 1
        order.replace_entries = [entry_id for entry_id in order.replace_entries if entry_id not in entries]
        self._release(*entries)
        metrics.orders_processed_total.labels(kind.__name__).inc()
        if kind is ReportAcknowledged:
            latency_ms = max(0.0, now_us() / 1_000 - order.dispatched_at_ms)
            metrics.execution_latency_milliseconds.observe(latency_ms)
            log.info("acknowledged", extra={**_about(order), "latency_ms": round(latency_ms, 3)})
        assert order.reports_acknowledged <= order.reports_made, "a report is acknowledged once"
        if not order.settled or order.ended in ("dropped", "amended"):
            return
        if order.ended:
            if self.held.get(order.order_id) is order:
                del self.held[order.order_id]
            self._release(*order.entries)
            if order.ended == "finished":
                self.marks.note(order)
        self.changed.set()

    def _on_evaluated(self, order: WorkingOrder) -> None:
        if not order.ended:
            self.marks.note(order)
            if order.settled:
                self.changed.set()

    def _release(self, *entry_ids: str) -> None:
        self.released.update(entry_ids)
        self.changed.set()

    def _read(self, entry: Entry) -> Dispatch | None:
        try:
            return entry.dispatch()
        except UnreadableInput as error:
            metrics.orders_rejected_total.labels("ENTRY_UNREADABLE").inc()
            log.error("entry %s of the queue cannot be read: %s", entry.id, error)
            self._release(entry.id)
            return None

    async def _pause(self) -> None:
        await asyncio.sleep(0)
        await self._sender.room()


def _about(order: WorkingOrder) -> dict[str, object]:
    """What a log line says of an order. The trace id is the second part of a W3C traceparent."""
    trace_id = order.traceparent.split("-")[1:2] if order.traceparent else []
    return {"order_id": order.order_id, "symbol": order.terms.symbol, "trace_id": "".join(trace_id) or None}
