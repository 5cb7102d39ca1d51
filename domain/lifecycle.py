"""The life of an order: which event may lead from which status to which. Statuses are FIX OrdStatus (tag 39) names.

The folds hold every change of status to this table (`check`), docs/reference/order-lifecycle.md is made from it, and a
property test walks it. ExecType is what a FIX execution report says of the event (tag 150, FIX 4.4 and later).
"""

from __future__ import annotations

from typing import NamedTuple

from domain.errors import BooksError
from domain.terms import TERMINAL, OrderStatus


class Step(NamedTuple):
    """before: None for an order that does not exist yet. by: an event's name, or `linked <effect>`.

    `linked <effect>` is what an event of another order of the group does to this one (domain.events.links).
    """

    before: OrderStatus | None
    by: str
    after: OrderStatus


EXEC_TYPES: dict[str, str] = {
    "OrderAccepted": "A",  # pending new
    "OrderGroupAccepted": "A",
    "OrderRejected": "8",
    "OrderGroupRejected": "8",
    "OrderAcknowledged": "0",  # new
    "OrderTriggered": "L",
    "OrderFilled": "F",  # trade
    "OrderReplaceRequested": "E",  # pending replace
    "OrderReplaced": "5",
    "OrderReplaceRefused": "D",  # restated; FIX itself sends an order cancel reject (35=9)
    "OrderCancelRequested": "6",  # pending cancel
    "OrderCanceled": "4",
    "OrderExpired": "C",
    "OrderRefusedByVenue": "8",
    "OrderRedispatched": "D",  # restated
    "FillCorrected": "G",  # trade correct
    "FillBusted": "H",  # trade cancel
    "linked ACTIVATED": "A",
    "linked REDUCED": "E",
    "linked CANCEL_REQUESTED": "6",
    "linked CANCELED": "4",
}

_AT_VENUE: tuple[OrderStatus, ...] = ("PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_REPLACE", "PENDING_CANCEL")
_WORKING: tuple[OrderStatus, ...] = ("PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_REPLACE")
_FILLED_IN_PART: tuple[OrderStatus, ...] = ("PARTIALLY_FILLED", "PENDING_REPLACE", "PENDING_CANCEL")


def _steps() -> set[Step]:
    steps = {
        Step(None, "OrderAccepted", "PENDING_NEW"),
        Step(None, "OrderRejected", "REJECTED"),
        Step(None, "OrderGroupAccepted", "PENDING_NEW"),
        Step(None, "OrderGroupAccepted", "SUSPENDED"),
        Step(None, "OrderGroupRejected", "REJECTED"),
        Step("PENDING_NEW", "OrderAcknowledged", "NEW"),
        Step("PENDING_REPLACE", "OrderReplaced", "FILLED"),  # nothing is left of the smaller order
        Step("PENDING_CANCEL", "OrderReplaced", "FILLED"),
        Step("SUSPENDED", "linked ACTIVATED", "PENDING_NEW"),
        Step("SUSPENDED", "linked CANCELED", "CANCELED"),
    }
    for status in _AT_VENUE:
        steps |= {
            Step(status, "OrderFilled", "FILLED"),
            Step(status, "OrderCanceled", "CANCELED"),
            Step(status, "OrderExpired", "EXPIRED"),
            Step(status, "OrderRefusedByVenue", "REJECTED"),
            Step(status, "OrderTriggered", status),
            Step(status, "OrderRedispatched", status),
        }
        if status != "PENDING_NEW":
            steps.add(Step(status, "OrderAcknowledged", status))  # by another worker, under a later dispatch epoch
        steps.add(Step(status, "OrderFilled", status if status.startswith("PENDING_") else "PARTIALLY_FILLED"))
    steps.discard(Step("PENDING_NEW", "OrderFilled", "PENDING_NEW"))
    steps.add(Step("PENDING_NEW", "OrderFilled", "PARTIALLY_FILLED"))
    for status in _WORKING:
        steps |= {
            Step(status, "OrderCancelRequested", "PENDING_CANCEL"),
            Step(status, "linked CANCEL_REQUESTED", "PENDING_CANCEL"),
            Step(status, "linked REDUCED", "PENDING_REPLACE"),
        }
        if status != "PENDING_REPLACE":
            steps.add(Step(status, "OrderReplaceRequested", "PENDING_REPLACE"))
    for status in _FILLED_IN_PART:
        steps |= {Step(status, "FillCorrected", status), Step(status, "FillCorrected", "FILLED")}
        steps.add(Step(status, "FillBusted", status))
    steps |= {Step("PARTIALLY_FILLED", "FillBusted", "NEW"), Step("PARTIALLY_FILLED", "FillBusted", "PENDING_NEW")}
    for answer in ("OrderReplaced", "OrderReplaceRefused"):
        steps.add(Step("PENDING_CANCEL", answer, "PENDING_CANCEL"))
        steps |= {Step("PENDING_REPLACE", answer, "NEW"), Step("PENDING_REPLACE", answer, "PARTIALLY_FILLED")}
    steps.add(Step("PENDING_REPLACE", "OrderReplaceRefused", "PENDING_NEW"))
    return steps


STEPS: frozenset[Step] = frozenset(_steps())


def check(before: OrderStatus | None, by: str, after: OrderStatus) -> None:
    """Raises BooksError, naming the step, unless the table allows it."""
    if (before, by, after) not in STEPS:
        raise BooksError(f"{by} led an order from {before or 'nothing'} to {after}, which the lifecycle does not allow")


def nexts(before: OrderStatus | None) -> frozenset[Step]:
    """The steps from a status; none from a terminal one."""
    found = frozenset(step for step in STEPS if step.before == before)
    assert bool(found) != (before in TERMINAL), f"{before} is terminal or has a step"
    return found
