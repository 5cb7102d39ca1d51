"""The paper venue: what execution.paper.resting and .book say of orders, behind the port of execution.venue.

It holds no truth: what it remembers of an order is kept on the order itself and follows from the ledger's state of it
and the ticks that it has met, so each worker that evaluates an order says the same.

In real time (`real_time`) an order is active from when the ledger took it, so that a day order of this morning is not
one of yesterday, whose last print it comes after; and no print of before fills it.

Orders are each alone with a tick's volume, unless `shared_liquidity` is set: then all orders of a symbol that this
worker has share it in one book, and the engine sees to it that it has all of them (decision 0032).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import count

from domain import ids
from domain.errors import InvalidValue, UnavailableError
from domain.market import TickAt
from domain.paper_costs import CONTEXT, PaperParameters
from domain.terms import OrderTerms
from execution.order import WorkingOrder
from execution.paper.acceptance import refusal, replace_refusal
from execution.paper.book import Book
from execution.paper.fills import Fill, Setting, fill, fill_in_book, is_plain
from execution.paper.lifetime import NEED_SESSIONS
from execution.paper.resting import Link, Resting, last_word, meet, overdue, watch
from execution.sessions import Calendar, calendar
from execution.venue import Cancellation, Execution, Expiry, Liquidity, Listener, Outcome, Refusal, Replacement

_DEFAULT_MIC = "XNAS"
_COMPACT_MIN = 1_024


class PaperVenue:
    """Executes on paper, against the ticks that the engine gives it."""

    name = "PAPER"

    def __init__(
        self,
        parameters: PaperParameters,
        *,
        mics: Mapping[str, str] | None = None,
        shared_liquidity: bool = False,
        real_time: bool = False,
    ) -> None:
        """mics: the exchange of each symbol, whose sessions it has; XNAS where it is not named.

        real_time: whether market time is wall time.
        """
        self._parameters = parameters
        self._mics = mics or {}
        self._listener: Listener | None = None
        self._books: dict[str, Book] = {}
        self._deadlines: list[tuple[int, int, WorkingOrder]] = []
        self._deadlines_compacted = _COMPACT_MIN
        self._numbers = count()
        self._real_time = real_time
        self.shares_liquidity = shared_liquidity

    async def start(self, listener: Listener) -> None:
        self._listener = listener

    async def stop(self) -> None:
        self._listener = None
        self._books.clear()
        self._deadlines.clear()

    async def submit(self, order: WorkingOrder) -> None:
        """Refuses terms that no tick can ever meet; all others wait for their ticks.

        The first order that needs a session waits until the calendar is loaded, in a thread.
        """
        if order.memory is not None:
            return
        problem = refusal(order.terms, order.leaves)
        if problem is not None:
            self._tell(order, problem)
            return
        try:
            sessions = await self._load_sessions(order.terms)
            resting = _resting(order, sessions, order.accepted_at_us if self._real_time else None)
        except (InvalidValue, UnavailableError) as error:
            self._tell(order, Refusal("ORDER_SESSION_UNKNOWN", str(error)))
            return
        order.memory = resting
        expiry = overdue(resting, order.watch_until or order.position)
        if expiry is not None:
            self._tell(order, expiry)
        else:
            self._note_deadline(order, resting)

    async def cancel(self, order: WorkingOrder) -> None:
        self._tell(order, Cancellation("requested"))

    async def replace(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        """Answered at once; the next tick meets the new terms. The listener is to take `terms` over into the order."""
        resting = self._remembered(order)
        leaves = CONTEXT.subtract(terms.quantity, resting.filled)
        no = replace_refusal(resting.terms, terms, revision, leaves, triggered=resting.triggered)
        if no is not None:
            self._tell(order, no)
            return
        after = order.position
        if after is not None and order.watch_until is not None and after.offset < order.watch_until.offset:
            after = order.watch_until
        keeps = resting.replace(terms, after, self._sessions(terms))
        self._tell(order, Replacement(revision, keeps, after))
        self._note_deadline(order, resting)

    def evaluate(self, order: WorkingOrder, tick: TickAt) -> None:
        """Let one order meet a tick."""
        if self.shares_liquidity:
            self.evaluate_together([order], [], tick)
            return
        resting = self._awake(order, tick)
        if resting is None:
            return
        meeting = meet(resting, tick)
        for outcome in meeting.said:
            self._tell(order, outcome)
        if meeting.trades_as is None:
            return
        got = self._fill(resting, tick, meeting.trades_as)
        if got is not None:
            self._tell(order, _execution(resting, tick, got))
            resting.leaves = CONTEXT.subtract(resting.leaves, got.quantity)
        expiry = last_word(resting, tick) if resting.leaves > 0 else None
        if expiry is not None:
            self._tell(order, expiry)

    def evaluate_together(self, orders: Sequence[WorkingOrder], others: Sequence[WorkingOrder], tick: TickAt) -> None:
        """Let all orders of a symbol meet a tick in one book. others: those of the symbol that do not meet it."""
        awake = {resting: order for order in orders if (resting := self._awake(order, tick)) is not None}
        asleep = {self._remembered(order): order for order in others}
        book = self._books.setdefault(tick.tick.symbol, Book(self._parameters))
        for said in book.meet(tick, list(awake), list(asleep)):
            order = awake.get(said.order) or asleep[said.order]
            self._tell(order, said.outcome)

    def take_over(self, symbol: str, given: Mapping[int, Decimal]) -> None:
        """Begin a book for the symbol, whose orders another worker may have worked meanwhile."""
        self._books[symbol] = Book(self._parameters, given)

    @property
    def next_due_us(self) -> int | None:
        """The first market time after which `due` may have something to say; None: never, as it is."""
        return self._deadlines[0][0] if self._deadlines else None

    def due(self, now_us: int, is_current: Callable[[WorkingOrder], bool]) -> None:
        """Say which orders have expired by this market time although no tick of their symbol has come to say it.

        now_us: the market time of a tick of another symbol, or in real time the clock. is_current: whether an order has
        met all ticks of its symbol up to that time; one that is behind may still find a print of its own. So this never
        says other than the next tick of the symbol would, unless in real time that comes too late (execution.realtime).
        """
        behind = []
        while self._deadlines and self._deadlines[0][0] < now_us:
            entry = heapq.heappop(self._deadlines)
            order = entry[-1]
            if order.ended:
                continue
            life = self._remembered(order).life
            if life is None or not life.is_over(now_us):
                continue  # a replacement has given it more time, and an entry of its own
            if is_current(order):
                self._tell(order, Expiry(life.reason, life.ends_us))
            else:
                behind.append(entry)
        for entry in behind:
            heapq.heappush(self._deadlines, entry)

    # What is remembered of an order

    def _awake(self, order: WorkingOrder, tick: TickAt) -> Resting | None:
        """The order as this tick meets it; None when the tick was met before and only tells of the past."""
        resting = self._remembered(order)
        if self._real_time and tick.ref.market_time_us <= order.accepted_at_us:
            return None
        if resting.active_us is None:
            try:
                resting.know_active(tick.ref.market_time_us - 1, self._sessions(resting.terms))
            except InvalidValue as error:
                self._tell(order, Refusal("ORDER_SESSION_UNKNOWN", str(error)))
                return None
            resting.since = tick.ref
            self._note_deadline(order, resting)
        if order.watch_until is not None and tick.ref.offset <= order.watch_until.offset:
            watch(resting, tick)
            return None
        return resting

    def _remembered(self, order: WorkingOrder) -> Resting:
        """What submit has put on the order, with what is left of it now."""
        resting = order.memory
        assert isinstance(resting, Resting), f"{order.order_id} was submitted"
        filled = CONTEXT.subtract(order.terms.quantity, order.leaves)
        resting.leaves = CONTEXT.subtract(resting.terms.quantity, filled)
        return resting

    def _note_deadline(self, order: WorkingOrder, resting: Resting) -> None:
        if resting.life is None or not resting.life.is_bounded:
            return
        heapq.heappush(self._deadlines, (resting.life.last_us, next(self._numbers), order))
        if len(self._deadlines) > self._deadlines_compacted:
            self._deadlines = [entry for entry in self._deadlines if not entry[2].ended]
            heapq.heapify(self._deadlines)
            self._deadlines_compacted = max(_COMPACT_MIN, 2 * len(self._deadlines))

    # Sessions

    async def _load_sessions(self, terms: OrderTerms) -> Calendar | None:
        if terms.time_in_force not in NEED_SESSIONS:
            return None
        return await asyncio.to_thread(calendar, self._mic(terms))

    def _sessions(self, terms: OrderTerms) -> Calendar | None:
        """As _load_sessions, of an order that was submitted, whose calendar is loaded."""
        return calendar(self._mic(terms)) if terms.time_in_force in NEED_SESSIONS else None

    def _mic(self, terms: OrderTerms) -> str:
        return self._mics.get(terms.symbol, _DEFAULT_MIC)

    # What is said

    def _fill(self, resting: Resting, tick: TickAt, liquidity: Liquidity) -> Fill | None:
        if is_plain(resting.terms):
            return fill(resting.terms, resting.leaves, tick, self._parameters)
        assert resting.life is not None, "an order that trades is active"
        setting = Setting.of(resting.life, liquidity, triggered=resting.triggered)
        return fill_in_book(resting.terms, resting.leaves, tick, self._parameters, setting)

    def _tell(self, order: WorkingOrder, outcome: Outcome) -> None:
        assert self._listener is not None, "the venue was not started"
        self._listener(order.order_id, outcome)


def _resting(order: WorkingOrder, sessions: Calendar | None, accepted_at_us: int | None) -> Resting:
    """The order as the ledger knows it, before it has met a tick here. accepted_at_us: None where it is no market time.

    Raises InvalidValue when there is no session for it.
    """
    after, position = order.active_after, order.watch_until or order.position
    since = order.queued_after or after
    resting = Resting(order.terms, order.leaves, since=since, triggered=order.triggered, link=_link(order.terms))
    from_us = order.terms.active_from_us
    known_us = [None if after is None else after.market_time_us, from_us, accepted_at_us]
    active_us = max((time_us for time_us in known_us if time_us is not None), default=None)
    if active_us is not None:
        resting.know_active(active_us, sessions)
    if since is not None and position is not None and resting.active_us is not None:
        resting.arrived = position.offset > since.offset and position.market_time_us > resting.active_us
    return resting


def _link(terms: OrderTerms) -> Link:
    """Exclusive legs of a group: of an OCO group one ends the others, the exits of a bracket shrink with each other."""
    if terms.group_id is None or not terms.is_exclusive:
        return "ALONE"
    return "CANCEL" if terms.group_kind == "OCO" else "REDUCE"


def _execution(resting: Resting, tick: TickAt, got: Fill) -> Execution:
    execution_id = ids.execution_id(resting.order_id, tick.ref.partition, tick.ref.offset)
    time_us = tick.ref.market_time_us
    return Execution(execution_id, got.quantity, got.price, got.fee, time_us, got.evidence, got.liquidity)
