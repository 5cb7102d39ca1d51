"""The orders that a worker holds, and what the ledger and Redis are to hear of them.

Reports go to the reporter at once. What has to be written to Redis (`released`, watermarks) is collected for
execution.engine, so that many orders share one round trip, and waits until Kafka has the reports before it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from domain import ids
from domain.dispatch import Dispatch
from domain.reports import Report, ReportAcknowledged, RequestRedispatch
from execution import outcomes
from execution.epochs import Epochs
from execution.order import Ended, WorkingOrder
from execution.queue import Entry
from execution.reports import Sender
from execution.watermarks import Mark, MarkBook
from runtime import metrics
from runtime.clock import now_us

log = logging.getLogger(__name__)


class Holding:
    """`held` are all orders that have not ended, and those whose last reports wait for Kafka.

    left: called with an order that meets no more ticks.
    """

    def __init__(self, worker_id: str, sender: Sender, left: Callable[[WorkingOrder], None]) -> None:
        self._worker_id = worker_id
        self._sender = sender
        self._left = left
        self.epochs = Epochs()
        self.held: dict[str, WorkingOrder] = {}
        self.marks = MarkBook()
        self.released: set[str] = set()
        self.changed = asyncio.Event()

    # Which orders are held

    def see(self, dispatch: Dispatch) -> bool:
        """Take note of the epoch; what is held under a lower one is dropped. False: the entry itself is outdated."""
        order = self.held.get(dispatch.order.order_id)
        if order is not None and order.dispatch_epoch > dispatch.dispatch_epoch:
            return False
        if order is not None and order.dispatch_epoch < dispatch.dispatch_epoch:
            self._drop(order)
        return self.epochs.see(dispatch.order.order_id, dispatch.dispatch_epoch)

    def hold(self, entry: Entry, dispatch: Dispatch, order: WorkingOrder) -> WorkingOrder:
        order.entry = entry.id
        order.traceparent = entry.traceparent()
        order.dispatched_at_ms = entry.added_at_ms
        self.epochs.take(order.order_id, dispatch.dispatch_epoch)
        self.held[order.order_id] = order
        return order

    def take_again(self, entry: Entry, held: WorkingOrder | None) -> None:
        """The same order under the same epoch once more: the newer entry is the one that stays pending."""
        if held is None:
            self.release(entry.id)
        elif held.ended:
            held.cancel_entries.append(entry.id)
        else:
            if held.entry is not None:
                self.release(held.entry)
            held.entry = entry.id

    def end(self, order: WorkingOrder, how: Ended) -> None:
        order.ended = how
        self._left(order)
        self.marks.forget(order)

    def fence(self, outdated: Sequence[Mark]) -> None:
        """Another worker has these orders under a higher epoch: drop them."""
        for mark in outdated:
            order = self.held.get(mark.order_id)
            if order is not None and order.dispatch_epoch == mark.epoch:
                self._drop(order)

    def _drop(self, order: WorkingOrder) -> None:
        self.end(order, "dropped")
        del self.held[order.order_id]
        self.release(*order.entries)
        log.info("dropped, dispatched anew under a higher epoch", extra=about(order))

    # Giving back to the ledger

    def hand_over(self, order: WorkingOrder, reason: str) -> None:
        """Ask the ledger for a fresh dispatch of an order that is held."""
        head = outcomes.head(order, self._worker_id, "redispatch")
        self.report(order, RequestRedispatch(reason=reason, **head))
        self.end(order, "handed_over")
        log.info("handed back to the ledger: %s", reason, extra=about(order))

    def ask_for_redispatch(self, entry: Entry, dispatch: Dispatch, reason: str) -> None:
        """Ask the ledger for a fresh dispatch of an order that is not held."""
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
        self._sender.send(request, entry.traceparent(), partial(self.release, entry.id))
        log.warning("asking for a redispatch: %s", reason, extra={"order_id": order_id})

    # Reports and what follows from their acknowledgement

    def report(self, order: WorkingOrder, report: Report, entries: Sequence[str] = ()) -> None:
        """entries: those of the queue that are done with once Kafka has the report."""
        order.reports_made += 1
        self._sender.send(report, order.traceparent, partial(self._on_report_known, order, type(report), entries))

    def _on_report_known(self, order: WorkingOrder, kind: type[Report], entries: Sequence[str]) -> None:
        """Kafka has one more report of the order; when it has all, Redis may say so."""
        order.reports_acknowledged += 1
        order.replace_entries = [entry_id for entry_id in order.replace_entries if entry_id not in entries]
        self.release(*entries)
        metrics.orders_processed_total.labels(kind.__name__).inc()
        if kind is ReportAcknowledged:
            latency_ms = max(0.0, now_us() / 1_000 - order.dispatched_at_ms)
            metrics.execution_latency_milliseconds.observe(latency_ms)
            log.info("acknowledged", extra={**about(order), "latency_ms": round(latency_ms, 3)})
        assert order.reports_acknowledged <= order.reports_made, "a report is acknowledged once"
        if not order.settled or order.ended in ("dropped", "amended"):
            return
        if order.ended:
            if self.held.get(order.order_id) is order:
                del self.held[order.order_id]
            self.release(*order.entries)
            if order.ended == "finished":
                self.marks.note(order)
        self.changed.set()

    # What Redis is to hear

    def release(self, *entry_ids: str) -> None:
        """These entries of the queue are done with."""
        self.released.update(entry_ids)
        self.changed.set()

    def mark_all(self) -> None:
        """Write every watermark again: Redis may have lost them, and they are the sign that somebody has the order."""
        for order in self.held.values():
            if not order.ended:
                self.marks.note(order)
        self.changed.set()


def about(order: WorkingOrder) -> dict[str, object]:
    """What a log line says of an order. The trace id is the second part of a W3C traceparent."""
    trace_id = order.traceparent.split("-")[1:2] if order.traceparent else []
    return {"order_id": order.order_id, "symbol": order.terms.symbol, "trace_id": "".join(trace_id) or None}
