"""Which reports are repeats, and which come from somebody who does not hold the order."""

from __future__ import annotations

from domain import checks, reports
from domain.checks import Refusal
from domain.orders import ClosedOrder, Order
from domain.terms import OrderStatus


def is_repeat(order: Order | ClosedOrder, message: reports.Report) -> bool:
    """Whether the effect of this report is already in."""
    if isinstance(order, Order) and _is_repeat_of_open(order, message):
        return True
    match message:
        case reports.ReportFilled():
            return message.execution_id in order.executions
        case reports.ReportAcknowledged():
            return message.dispatch_epoch == order.dispatch_epoch and message.worker_id == order.worker_id
        case reports.ReportCanceled() | reports.ReportExpired():
            return order.status == _ENDS[type(message)]
        case reports.ReportRefused():
            # An order that the ledger itself rejected was never dispatched: epoch 0.
            return order.status == "REJECTED" and order.dispatch_epoch > 0
    return False


_ENDS: dict[type[reports.Report], OrderStatus] = {
    reports.ReportCanceled: "CANCELED",
    reports.ReportExpired: "EXPIRED",
}


def _is_repeat_of_open(order: Order, message: reports.Report) -> bool:
    match message:
        case reports.ReportTriggered():
            return order.triggered
        case reports.ReportReplaced() | reports.ReportReplaceRefused():
            return order.replacement is None and 0 < message.revision == order.revision
        case reports.RequestRedispatch():
            return message.dispatch_epoch < order.dispatch_epoch
    return False


_OF_HOLDER = (
    reports.ReportAcknowledged,
    reports.ReportTriggered,
    reports.ReportFilled,
    reports.ReportReplaced,
    reports.ReportReplaceRefused,
    reports.ReportExpired,
)


def fence(order: Order, message: reports.Report) -> Refusal | None:
    current, named = order.dispatch_epoch, message.dispatch_epoch
    details = {"order_id": message.order_id, "dispatch_epoch": named, "current_epoch": current}
    if named > current:
        return checks.refuse("EPOCH_UNKNOWN", f"expected dispatch epoch {current}, it was {named}", **details)
    if named < current:
        return checks.refuse("EPOCH_STALE", f"expected dispatch epoch {current}, it was {named}", **details)
    of_holder = isinstance(message, _OF_HOLDER)
    if of_holder and order.worker_id not in (None, message.worker_id):
        return checks.refuse(
            "EPOCH_STALE",
            f"expected worker {order.worker_id}, who holds the order in epoch {current}, it was {message.worker_id}",
            worker_id=order.worker_id,
            **details,
        )
    return None
