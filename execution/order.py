"""An order while this worker works it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from domain.dispatch import Dispatch
from domain.market import TickAt, TickRef
from domain.terms import OrderTerms

Ended = Literal["", "finished", "handed_over", "dropped", "amended"]
"""amended: one of its executions is another one now; it is to be handed over when the ledger knows."""


@dataclass(slots=True, eq=False)
class WorkingOrder:
    """One order under one dispatch epoch.

    leaves: units still to be executed. position: the last tick it was evaluated against or that it comes after; None
    until there is one. reports_made, reports_acknowledged: under this epoch, by this worker. entry: the queue's entry
    that stays pending while the order is worked, None when the queue has lost it. cancel_entries: other entries that
    stay pending until the order has ended. replace_entries: those that wait for the venue's answer to a replacement.
    revision, asked: of the newest replacement that the venue was asked for, and its terms. triggered: its stop was met.
    dispatched_at_ms: the queue's wall clock.
    accepted_at_us: the ledger's wall clock when it took the order.
    active_after: the tick after which it may fill, as the ledger knows or will know it; the same under every epoch.
    queued_after: the tick after which it stands in the venue's queue, when its stop or a replacement has put it there.
    watch_until: the ticks up to this one were met before, by another worker or under other terms; they only tell how
    far a trailing stop has followed. memory: what the venue keeps of it meanwhile.
    """

    account_id: str
    terms: OrderTerms
    dispatch_epoch: int
    leaves: Decimal
    position: TickRef | None
    traceparent: str | None = None
    dispatched_at_ms: int = 0
    entry: str | None = None
    cancel_entries: list[str] = field(default_factory=list)
    replace_entries: list[str] = field(default_factory=list)
    revision: int = 0
    asked: OrderTerms | None = None
    triggered: bool = False
    reports_made: int = 0
    reports_acknowledged: int = 0
    canceling: bool = False
    ended: Ended = ""
    accepted_at_us: int = 0
    active_after: TickRef | None = None
    queued_after: TickRef | None = None
    watch_until: TickRef | None = None
    memory: object = None

    @property
    def order_id(self) -> str:
        return self.terms.order_id

    @property
    def entries(self) -> list[str]:
        """All entries of the queue that wait for this order."""
        others = [*self.cancel_entries, *self.replace_entries]
        return others if self.entry is None else [self.entry, *others]

    @property
    def settled(self) -> bool:
        """Whether Kafka has acknowledged every report made so far."""
        return self.reports_made == self.reports_acknowledged

    def comes_before(self, tick: TickAt) -> bool:
        """Whether the tick is later than all that this order was evaluated against.

        Offsets order the ticks of one partition; a symbol is on one partition, so ticks elsewhere are never later.
        """
        position, ref = self.position, tick.ref
        return position is None or (position.partition == ref.partition and position.offset < ref.offset)

    def is_active_at(self, tick: TickAt) -> bool:
        """Whether the latency model's delay is over (design section 4, Market time)."""
        start = self.terms.active_from_us
        return start is None or tick.ref.market_time_us > start


def working_order(
    dispatch: Dispatch,
    newest: TickRef | None,
    *,
    traceparent: str | None = None,
    entry: str | None = None,
    dispatched_at_ms: int = 0,
) -> WorkingOrder:
    """The order that a dispatch entry carries. newest: the symbol's newest tick that this worker knows."""
    start = active_after(dispatch, newest)
    # How far a trailing stop has followed is nowhere on record: it meets its ticks again from the first.
    follows = dispatch.order.order_type == "TRAILING_STOP" and not dispatch.triggered
    return WorkingOrder(
        account_id=dispatch.account_id,
        terms=dispatch.order,
        dispatch_epoch=dispatch.dispatch_epoch,
        leaves=dispatch.order.quantity - dispatch.cumulative_quantity,
        position=start if follows else dispatch.resume_after or start,
        triggered=dispatch.triggered,
        traceparent=traceparent,
        dispatched_at_ms=dispatched_at_ms,
        entry=entry,
        accepted_at_us=dispatch.accepted_at_us,
        active_after=start,
        queued_after=dispatch.queued_after,
        watch_until=dispatch.resume_after if follows else None,
    )


def active_after(dispatch: Dispatch, newest: TickRef | None) -> TickRef | None:
    """The tick after which the order may fill: what was acknowledged before, else what was asked for, else `newest`."""
    return dispatch.acknowledged_after or dispatch.order.active_after or newest
