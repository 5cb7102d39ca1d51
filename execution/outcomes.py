"""What the ledger is told of each outcome at the venue: one report, whose id is derived from what it reports."""

from __future__ import annotations

from typing import TypedDict

from domain import ids
from domain.reports import (
    Report,
    ReportCanceled,
    ReportExpired,
    ReportFilled,
    ReportRefused,
    ReportReplaced,
    ReportReplaceRefused,
    ReportTriggered,
)
from execution.order import WorkingOrder
from execution.venue import Cancellation, Execution, Expiry, Outcome, Refusal, Replacement, ReplaceRefusal, Trigger
from runtime.clock import now_us

ENDS = (Cancellation, Expiry, Refusal)
"""After these the venue is done with the order."""


class Head(TypedDict):
    """The fields of domain.reports.Report."""

    report_id: str
    account_id: str
    order_id: str
    dispatch_epoch: int
    worker_id: str
    reported_at_us: int


def head(order: WorkingOrder, worker_id: str, kind: str, *parts: str | int) -> Head:
    """kind, parts: what the report's id is derived from besides the order and its epoch."""
    return Head(
        report_id=ids.report_id(kind, order.order_id, order.dispatch_epoch, *parts),
        account_id=order.account_id,
        order_id=order.order_id,
        dispatch_epoch=order.dispatch_epoch,
        worker_id=worker_id,
        reported_at_us=now_us(),
    )


def report_of(order: WorkingOrder, outcome: Outcome, venue: str, worker_id: str) -> Report:
    """The report of any outcome. Quantities and prices as the venue gave them."""
    match outcome:
        case Execution():
            return ReportFilled(
                execution_id=outcome.execution_id,
                venue=venue,
                quantity=outcome.quantity,
                price=outcome.price,
                fee=outcome.fee,
                market_time_us=outcome.market_time_us,
                evidence=outcome.evidence,
                liquidity=outcome.liquidity,
                **head(order, worker_id, "filled", outcome.execution_id),
            )
        case Trigger():
            return ReportTriggered(
                venue=venue,
                price=outcome.price,
                market_time_us=outcome.market_time_us,
                tick=outcome.tick,
                **head(order, worker_id, "triggered"),
            )
        case Replacement():
            return ReportReplaced(
                revision=outcome.revision,
                keeps_priority=outcome.keeps_priority,
                active_after=outcome.after,
                **head(order, worker_id, "replaced", outcome.revision),
            )
        case ReplaceRefusal():
            return ReportReplaceRefused(
                revision=outcome.revision,
                code=outcome.code,
                text=outcome.text,
                **head(order, worker_id, "replace_refused", outcome.revision),
            )
        case _:
            return _end_of(order, outcome, worker_id)


def _end_of(order: WorkingOrder, outcome: Cancellation | Expiry | Refusal, worker_id: str) -> Report:
    match outcome:
        case Cancellation():
            return ReportCanceled(reason=outcome.reason, **head(order, worker_id, "canceled"))
        case Expiry():
            return ReportExpired(
                reason=outcome.reason, market_time_us=outcome.market_time_us, **head(order, worker_id, "expired")
            )
        case Refusal():
            return ReportRefused(code=outcome.code, text=outcome.text, **head(order, worker_id, "refused"))


def apply(order: WorkingOrder, outcome: Outcome) -> None:
    """What an outcome changes of an order that is worked. An execution is never more than what is left."""
    match outcome:
        case Execution():
            expected = f"{order.order_id}: {outcome.quantity} of {order.leaves} left"
            assert 0 < outcome.quantity <= order.leaves, expected
            order.leaves -= outcome.quantity
        case Trigger():
            order.triggered = True
        case Replacement() if order.asked is not None and outcome.revision == order.revision:
            order.leaves += order.asked.quantity - order.terms.quantity
            order.terms, order.asked = order.asked, None
        case ReplaceRefusal() if outcome.revision == order.revision:
            order.asked = None


def text_of(outcome: Outcome) -> str:
    """For the log."""
    match outcome:
        case Execution():
            return f"executed {outcome.quantity} at {outcome.price}"
        case Trigger():
            return f"triggered at {outcome.price}"
        case Replacement():
            return f"replaced, revision {outcome.revision}"
        case ReplaceRefusal() | Refusal():
            return f"refused: {outcome.text}"
        case Cancellation() | Expiry():
            return f"{type(outcome).__name__.lower()}: {outcome.reason}"
