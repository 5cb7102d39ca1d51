"""Decisions on what the execution engine reports. Each gives one event, or None when its effect is already in.

The dispatch epoch fences: a report of another epoch than the order's is refused, whoever sends it. A fill that is
already in is recognised by its execution id first, so that a worker that sends it again is never told it was wrong.
Within an epoch the worker whose acknowledgement came first holds the order: fills of another one are refused, since it
may have begun at another tick. A cancellation may come from whoever was given the CANCEL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from domain import (
    checks,
    decide_corrections,
    decide_fills,
    decide_replace,
    events,
    groups,
    journal,
    report_checks,
    reports,
    surplus,
)
from domain.account import Account
from domain.checks import Refusal
from domain.decide_orders import not_open
from domain.events import LedgerEvent, ReportRejected
from domain.holds import Hold
from domain.numbers import ZERO
from domain.orders import Order
from domain.world import World


def rejected(report: reports.Report | reports.BreakReport, refusal: Refusal, now_us: int) -> ReportRejected:
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


def report(account: Account, message: reports.Report, now_us: int, world: World) -> LedgerEvent | None:
    """The event of any report of an order; None when its effect is already in."""
    if isinstance(message, _RESTATEMENTS):
        answer = decide_corrections.report(account, message, now_us, world)
        return rejected(message, answer, now_us) if isinstance(answer, Refusal) else answer
    order = account.order(message.order_id)
    if order is not None and report_checks.is_repeat(order, message):
        return None
    if not isinstance(order, Order):
        return rejected(message, not_open(message.order_id, order), now_us)
    refusal = report_checks.fence(order, message)
    if refusal is None and isinstance(message, reports.ReportFilled):
        refusal = checks.fill(message, order.leaves_quantity, world.catalog.get(order.terms.symbol))
    elif refusal is None and isinstance(message, reports.ReportTriggered):
        refusal = checks.trigger(message, order.terms)
    elif refusal is None and isinstance(message, reports.ReportReplaced | reports.ReportReplaceRefused):
        refusal = decide_replace.answers(order, message)
    if refusal is not None:
        return rejected(message, refusal, now_us)
    if isinstance(message, reports.ReportFilled):
        return decide_fills.filled(account, order, message, now_us, world)
    return _DECISIONS[type(message)](account, order, message, now_us, world)


def _acknowledged(
    account: Account, _: Order, message: reports.ReportAcknowledged, now_us: int, __: World
) -> LedgerEvent:
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


def _triggered(account: Account, _: Order, message: reports.ReportTriggered, now_us: int, __: World) -> LedgerEvent:
    return account.record(
        events.OrderTriggered,
        now_us,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        venue=message.venue,
        price=message.price,
        tick=message.tick,
        market_time_us=message.market_time_us,
    )


def _canceled(
    account: Account, order: Order, message: reports.ReportCanceled, now_us: int, world: World
) -> LedgerEvent:
    end = _void(account, order, world)
    return account.record(
        events.OrderCanceled,
        now_us,
        postings=end.postings,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        reason=message.reason,
        canceled_quantity=order.leaves_quantity,
        released_cash=end.released.cash,
        released_quantity=end.released.quantity,
        linked=end.linked,
    )


def _expired(account: Account, order: Order, message: reports.ReportExpired, now_us: int, world: World) -> LedgerEvent:
    end = _void(account, order, world)
    return account.record(
        events.OrderExpired,
        now_us,
        postings=end.postings,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        reason=message.reason,
        market_time_us=message.market_time_us,
        expired_quantity=order.leaves_quantity,
        released_cash=end.released.cash,
        released_quantity=end.released.quantity,
        linked=end.linked,
    )


def _refused(account: Account, order: Order, message: reports.ReportRefused, now_us: int, world: World) -> LedgerEvent:
    end = _void(account, order, world)
    return account.record(
        events.OrderRefusedByVenue,
        now_us,
        postings=end.postings,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        code=message.code,
        text=message.text,
        released_cash=end.released.cash,
        released_quantity=end.released.quantity,
        linked=end.linked,
    )


def _redispatched(
    account: Account, order: Order, message: reports.RequestRedispatch, now_us: int, __: World
) -> LedgerEvent:
    return account.record(
        events.OrderRedispatched,
        now_us,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=order.dispatch_epoch + 1,
        reason=message.reason,
    )


class _End(NamedTuple):
    """What the end of an order releases, and what follows for its group."""

    released: Hold
    postings: journal.Postings
    linked: tuple[events.LinkedOrder, ...]


def _void(account: Account, order: Order, world: World) -> _End:
    """What is left of an order is void: its hold goes back, but for what other legs need that share it."""
    released = surplus.after(account, order, ZERO, world.catalog)
    postings = journal.hold(order.currency, -released.cash, order.terms.symbol, -released.quantity)
    follow = groups.after_end(account, order, postings, world) if order.terms.group_id else groups.NONE
    return _End(released, postings + follow.postings, follow.linked)


_RESTATEMENTS = (reports.ReportCorrected, reports.ReportBusted)

_DECISIONS: dict[type[reports.Report], Callable[[Account, Order, Any, int, World], LedgerEvent]] = {
    reports.ReportAcknowledged: _acknowledged,
    reports.ReportTriggered: _triggered,
    reports.ReportReplaced: decide_replace.replaced,
    reports.ReportReplaceRefused: decide_replace.refused,
    reports.ReportExpired: _expired,
    reports.ReportCanceled: _canceled,
    reports.ReportRefused: _refused,
    reports.RequestRedispatch: _redispatched,
}
