"""One order at the paper venue, and what a tick does to it before and after it may trade. Pure.

What is remembered here follows from the order's terms, the ledger's state of it and the ticks that it has met, so a
worker that takes the order over and meets the same ticks comes to the same (decision 0026).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from domain.market import TickAt, TickRef
from domain.paper_costs import CONTEXT, crosses, is_print
from domain.terms import OrderTerms
from execution.paper.acceptance import AUCTIONS, IMMEDIATE, keeps_priority
from execution.paper.lifetime import Lifetime, lifetime
from execution.paper.trigger import best_after, is_met
from execution.sessions import Calendar
from execution.venue import Expiry, Liquidity, Outcome, Refusal, Trigger

Link = Literal["ALONE", "CANCEL", "REDUCE"]
_BEFORE_ALL = TickRef(partition=0, offset=-1, market_time_us=0)


@dataclass(slots=True, eq=False)
class Resting:
    """leaves: units still to be executed. active_us: the market time after which the order is active, None until a
    tick says so. life: None until active_us is known. since: the tick after which it stands in the queue of those that
    can trade: it came then, its stop was met by it, or a replacement cost it its place. triggered: its stop was met.
    best: the best price that a trailing stop has met. arrived: whether it has met a print on which it could trade.
    link: what a fill of this order does to the other orders of its group in the same book.
    """

    terms: OrderTerms
    leaves: Decimal
    active_us: int | None = None
    since: TickRef | None = None
    life: Lifetime | None = None
    triggered: bool = False
    best: Decimal | None = None
    arrived: bool = False
    link: Link = "ALONE"

    @property
    def order_id(self) -> str:
        return self.terms.order_id

    @property
    def filled(self) -> Decimal:
        """Units executed so far."""
        return CONTEXT.subtract(self.terms.quantity, self.leaves)

    @property
    def waits_for_trigger(self) -> bool:
        return self.terms.has_trigger and not self.triggered

    @property
    def place(self) -> tuple[int, int, str]:
        """Its place in time among its symbol's orders: market time, offset, and the order id where these are equal."""
        since = self.since or _BEFORE_ALL
        return max(self.active_us or 0, since.market_time_us), since.offset, self.order_id

    def know_active(self, active_us: int, sessions: Calendar | None) -> None:
        """Take in since when it is active. Raises InvalidValue when there is no session for it."""
        self.active_us = active_us
        self.life = lifetime(self.terms, active_us, sessions)

    def replace(self, terms: OrderTerms, after: TickRef | None, sessions: Calendar | None) -> bool:
        """Go on under other terms. after: the last tick met. True when it keeps its place in the queue."""
        keeps = keeps_priority(self.terms, terms)
        self.leaves = CONTEXT.subtract(terms.quantity, self.filled)
        self.terms = terms
        if self.active_us is not None:
            self.life = lifetime(terms, self.active_us, sessions)
        if not keeps:
            self.arrived = False
            self.since = after or self.since
        return keeps


class Meeting(NamedTuple):
    """What a tick means for an order. said: at once. trades_as: None when it cannot trade on this tick."""

    said: list[Outcome]
    trades_as: Liquidity | None = None


def watch(order: Resting, at: TickAt) -> None:
    """Meet a tick that was met before: it only tells how far a trailing stop has followed."""
    if is_print(at.tick) and order.terms.order_type == "TRAILING_STOP":
        order.best = best_after(order.terms, order.best, at.tick.price)


def meet(order: Resting, at: TickAt) -> Meeting:
    """Let an order meet the next tick of its symbol. Its lifetime is known."""
    life, time_us = order.life, at.ref.market_time_us
    assert life is not None, "an order that meets a tick is active"
    if life.is_over(time_us):
        return Meeting([Expiry(life.reason, life.ends_us)])
    if time_us < life.first_us:
        return Meeting([])
    if not is_print(at.tick):
        # Nobody traded: it cannot wait when it must be filled at once, and an auction is still to come.
        gone = order.terms.time_in_force in IMMEDIATE and not order.waits_for_trigger
        return Meeting([Expiry(life.reason, time_us)] if gone else [])
    said: list[Outcome] = []
    if order.waits_for_trigger:
        order.best = best_after(order.terms, order.best, at.tick.price)
        if not is_met(order.terms, order.best, at.tick.price):
            return Meeting([Expiry(life.reason, time_us)] if life.is_last(time_us) else [])
        order.triggered, order.since = True, at.ref
        said.append(Trigger(at.tick.price, time_us, at.ref))
    if not order.terms.post_only:
        order.arrived = True
        return Meeting(said, "TAKER")
    return _rest(order, at)


def _rest(order: Resting, at: TickAt) -> Meeting:
    """A post-only order on a print: refused when it would trade on the first one; from then on others come to it."""
    if not order.arrived and crosses(order.terms, at.tick.price):
        side, limit = order.terms.side, order.terms.limit_price
        text = f"expected a {side} that does not trade at {at.tick.price} when it arrives, its limit was {limit}"
        return Meeting([Refusal("ORDER_POST_ONLY_WOULD_TAKE", text)])
    order.arrived = True
    return Meeting([], "MAKER")


def last_word(order: Resting, at: TickAt) -> Expiry | None:
    """What a tick that the order could trade on leaves behind: the end of what it did not fill. None: it goes on.

    Called when something is left.
    """
    life, time_us = order.life, at.ref.market_time_us
    assert life is not None, "an order that met a tick is active"
    if order.terms.time_in_force in IMMEDIATE or life.is_last(time_us):
        return Expiry(life.reason, time_us)
    return None


def overdue(order: Resting, met: TickRef | None) -> Expiry | None:
    """The expiry that the worker before could not report: its last print is behind it.

    met: the last tick it met, or the place before the one that triggered it, which it has yet to meet as a whole.
    """
    life = order.life
    if life is None or met is None or (order.since is not None and met.offset < order.since.offset):
        return None
    once = order.terms.time_in_force in IMMEDIATE | AUCTIONS
    if (once and order.filled > 0) or (
        not once and life.is_last(met.market_time_us) and not life.is_over(met.market_time_us)
    ):
        return Expiry(life.reason, met.market_time_us)
    return None
