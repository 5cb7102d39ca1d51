"""Decisions on what the execution engine reports. Each gives one event, or None when its effect is already in.

The dispatch epoch fences: a report of another epoch than the order's is refused, whoever sends it. A fill that is
already in is recognised by its execution id first, so that a worker that sends it again is never told it was wrong.
Within an epoch the worker whose acknowledgement came first holds the order: fills of another one are refused, since it
may have begun at another tick. A cancellation may come from whoever was given the CANCEL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import checks, decide_fills, events, journal, reports
from domain.account import Account
from domain.catalog import Catalog
from domain.checks import Refusal
from domain.decide_orders import not_open
from domain.events import LedgerEvent, ReportRejected
from domain.orders import ClosedOrder, Order


def rejected(report: reports.Report, refusal: Refusal, now_us: int) -> ReportRejected:
    """A report's refusal; it changes no account."""
    return ReportRejected(
        originator_id=checks.clean(report.account_id),
        originator_version=0,
        timestamp=now_us,
        report_id=checks.clean(report.report_id),
        report_type=type(report).__name__,
        order_id=checks.clean(report.order_id),
        code=refusal.code,
        text=refusal.text,
        details=refusal.details,
    )


def report(account: Account, message: reports.Report, now_us: int, catalog: Catalog) -> LedgerEvent | None:
    """The event of any report; None when its effect is already in."""
    order = account.order(message.order_id)
    if order is not None and is_repeat(order, message):
        return None
    if not isinstance(order, Order):
        return rejected(message, not_open(message.order_id, order), now_us)
    refusal = _fence(order, message)
    if refusal is None and isinstance(message, reports.ReportFilled):
        refusal = checks.fill(message, order.leaves_quantity, catalog.get(order.terms.symbol))
    if refusal is not None:
        return rejected(message, refusal, now_us)
    if isinstance(message, reports.ReportFilled):
        return decide_fills.filled(account, order, message, now_us, catalog)
    return _DECISIONS[type(message)](account, order, message, now_us)


def is_repeat(order: Order | ClosedOrder, message: reports.Report) -> bool:
    """Whether the effect of this report is already in."""
    match message:
        case reports.ReportFilled():
            return message.execution_id in order.executions
        case reports.ReportAcknowledged():
            return message.dispatch_epoch == order.dispatch_epoch and message.worker_id == order.worker_id
        case reports.ReportCanceled():
            return order.status == "CANCELED"
        case reports.ReportRefused():
            # An order that the ledger itself rejected was never dispatched: epoch 0.
            return order.status == "REJECTED" and order.dispatch_epoch > 0
        case reports.RequestRedispatch():
            return isinstance(order, Order) and message.dispatch_epoch < order.dispatch_epoch
    return False


def _fence(order: Order, message: reports.Report) -> Refusal | None:
    current, named = order.dispatch_epoch, message.dispatch_epoch
    details = {"order_id": message.order_id, "dispatch_epoch": named, "current_epoch": current}
    if named > current:
        return checks.refuse("EPOCH_UNKNOWN", f"expected dispatch epoch {current}, it was {named}", **details)
    if named < current:
        return checks.refuse("EPOCH_STALE", f"expected dispatch epoch {current}, it was {named}", **details)
    of_holder = isinstance(message, reports.ReportAcknowledged | reports.ReportFilled)
    if of_holder and order.worker_id not in (None, message.worker_id):
        return checks.refuse(
            "EPOCH_STALE",
            f"expected worker {order.worker_id}, who holds the order in epoch {current}, it was {message.worker_id}",
            worker_id=order.worker_id,
            **details,
        )
    return None


def _acknowledged(account: Account, _: Order, message: reports.ReportAcknowledged, now_us: int) -> LedgerEvent:
    return account.record(
        events.OrderAcknowledged,
        now_us,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        worker_id=message.worker_id,
        venue=message.venue,
        active_after=message.active_after,
    )


def _canceled(account: Account, order: Order, message: reports.ReportCanceled, now_us: int) -> LedgerEvent:
    return account.record(
        events.OrderCanceled,
        now_us,
        postings=_void(account, order),
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        reason=message.reason,
        canceled_quantity=order.leaves_quantity,
        released_cash=order.hold_cash,
        released_quantity=order.hold_quantity,
    )


def _refused(account: Account, order: Order, message: reports.ReportRefused, now_us: int) -> LedgerEvent:
    return account.record(
        events.OrderRefusedByVenue,
        now_us,
        postings=_void(account, order),
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        code=message.code,
        text=message.text,
        released_cash=order.hold_cash,
        released_quantity=order.hold_quantity,
    )


def _redispatched(account: Account, order: Order, message: reports.RequestRedispatch, now_us: int) -> LedgerEvent:
    return account.record(
        events.OrderRedispatched,
        now_us,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=order.dispatch_epoch + 1,
        reason=message.reason,
    )


def _void(account: Account, order: Order) -> journal.Postings:
    return journal.hold(order.currency, -order.hold_cash, order.terms.symbol, -order.hold_quantity)


_DECISIONS: dict[type[reports.Report], Callable[[Account, Order, Any, int], LedgerEvent]] = {
    reports.ReportAcknowledged: _acknowledged,
    reports.ReportCanceled: _canceled,
    reports.ReportRefused: _refused,
    reports.RequestRedispatch: _redispatched,
}
