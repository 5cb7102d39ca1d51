"""One order as this worker follows it at the venue: which executions were told, and what may be told next.

An order's executions lie end to end on its cumulative quantity: one of 4 units that brings it to 10 covers (6, 10].
Both sources carry that quantity, the stream as the order's `filled_qty` and the activities as `cum_qty`, so it decides
what is new, whoever says it, in whatever order and however often. Executions are told without gaps only: hence what
the ledger has is always a beginning of what happened, and its cumulative quantity says exactly what is missing.

No input or output here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from domain.terms import OrderTerms
from execution.alpaca.wire import Fill, VenueStatus
from execution.order import WorkingOrder
from execution.venue import Cancellation, Execution, Expiry, Outcome, Refusal

NO_FEE = Decimal(0)
ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
_EXPIRY = {
    "DAY": "day_over",
    "IOC": "nothing_immediate",
    "FOK": "nothing_immediate",
    "AT_OPEN": "auction_over",
    "AT_CLOSE": "auction_over",
    "GTC": "venue_age_limit",
}
_ENDS_BY_CANCEL = ("IOC", "FOK", "AT_OPEN", "AT_CLOSE")


class Contradiction(Exception):
    """What the venue says does not fit what it said before."""


class Change(NamedTuple):
    """A replacement that was asked for. venue_order_id: the order that shall take over."""

    revision: int
    terms: OrderTerms
    venue_order_id: str


@dataclass(slots=True, eq=False)
class Working:
    """told: units of the ledger's order that the ledger knows to be executed, or that are told or kept back to be told.

    said: the same without what is kept back.
    offsets: by the venue's order ids, what was executed before that order's own count began. current: the one that
    works now, None until the venue is known to have it. waiting: executions behind a gap, by where they begin.
    silent: outcomes are kept back while the order is being placed. unsettled: the venue has to be asked again.
    """

    order: WorkingOrder
    terms: OrderTerms
    told: Decimal
    said: Decimal
    offsets: dict[str, Decimal] = field(default_factory=dict)
    current: str | None = None
    change: Change | None = None
    cancel_wanted: bool = False
    cancel_reason: str = "requested"
    waiting: dict[Decimal, Fill] = field(default_factory=dict)
    seen: dict[str, Decimal] = field(default_factory=dict)
    silent: bool = False
    kept_back: list[Outcome] = field(default_factory=list)
    unsettled: bool = False
    settling: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def order_id(self) -> str:
        return self.order.order_id

    def total(self, status: VenueStatus) -> Decimal:
        """Units of the ledger's order that are executed, going by what the venue says of one of its orders."""
        return self.offsets[status.venue_order_id] + status.filled_quantity

    def take(self, fill: Fill) -> list[Execution]:
        """What may be told now that this execution is known: it, and what waited for it; nothing when it was told.

        Raises Contradiction when it covers part of what was told.
        """
        if fill.execution_id in self.seen:
            return []
        end = self.offsets[fill.venue_order_id] + fill.cumulative
        begin = end - fill.quantity
        if end <= self.told:
            return []
        if begin < self.told:
            raise Contradiction(
                f"expected an execution that begins at {self.told} units or later, {fill.execution_id} covers "
                f"{begin} to {end}"
            )
        self.waiting[begin] = fill
        told = []
        while (following := self.waiting.pop(self.told, None)) is not None:
            self.told += following.quantity
            self.seen[following.execution_id] = following.quantity
            told.append(execution_of(following))
        return told

    def amend(self, previous_execution_id: str, execution_id: str, quantity: Decimal) -> None:
        """A told execution now counts `quantity` units under another id."""
        before = self.seen.pop(previous_execution_id, None)
        if before is not None:
            self.told += quantity - before
            self.said += quantity - before
            self.seen[execution_id] = quantity


def execution_of(fill: Fill) -> Execution:
    """Alpaca charges regulatory fees once a day on the whole account, none on an execution."""
    return Execution(fill.execution_id, fill.quantity, fill.price, NO_FEE, fill.market_time_us, None)


def ending_of(working: Working, status: VenueStatus, reason: str | None) -> Outcome | None:
    """How the order ended; None: it is open, filled (its last execution says so) or replaced."""
    force = working.terms.time_in_force
    match status.status:
        case "expired":
            return Expiry(_EXPIRY[force], status.changed_at_us)
        case "canceled":
            if working.cancel_wanted:
                return Cancellation(working.cancel_reason)
            if reason is None and force in _ENDS_BY_CANCEL:
                return Expiry(_EXPIRY[force], status.changed_at_us)
            return Cancellation(f"by the venue: {reason or 'no reason given'}"[:120])
        case "rejected":
            text = f"Alpaca rejected the order after it had taken it: {reason or 'no reason given'}"
            return Refusal("VENUE_REJECTED", text[:300]) if working.told == 0 else Cancellation("rejected by the venue")
    return None
