"""What one worker does with its orders: take, acknowledge, execute, cancel, hand over.

No servers here but through what it is given; execution.holding keeps the orders, and what is to be said of them.
Where a venue must see all orders of a symbol, `symbols` says which of them are worked here (execution.symbols).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple, Protocol

from domain.dispatch import Dispatch
from domain.errors import UnreadableInput
from domain.reports import ReportAcknowledged
from domain.terms import OrderTerms
from execution import outcomes
from execution.evaluation import Evaluation, History
from execution.holding import Holding, about
from execution.order import WorkingOrder, active_after, working_order
from execution.queue import Entry
from execution.reports import Sender
from execution.venue import (
    Execution,
    Outcome,
    Refusal,
    Replacement,
    ReplaceRefusal,
    Venue,
)
from execution.window import TickWindow
from runtime import metrics

log = logging.getLogger(__name__)
CANCEL_GRACE_S = 1.0


class _Foreign(NamedTuple):
    """A CANCEL that this worker was given for an order that it does not hold. since_s: monotonic time."""

    entry: Entry
    dispatch: Dispatch
    since_s: float


class Symbols(Protocol):
    """Which orders are for this worker to execute."""

    def admits(self, entry: Entry, dispatch: Dispatch) -> bool:
        """Whether to execute the order now; if not, the entry is theirs to keep, and to bring again or hand on."""

    def owns(self, symbol: str) -> bool:
        """Whether the symbol's orders may meet a tick here."""

    def keeps(self) -> list[str]:
        """The entries that are kept."""

    def forget(self, entry_ids: Collection[str]) -> None:
        """These are pending no longer."""


class AllSymbols:
    """Every worker executes whatever it is given."""

    def admits(self, entry: Entry, dispatch: Dispatch) -> bool:
        return True

    def owns(self, symbol: str) -> bool:
        return True

    def keeps(self) -> list[str]:
        return []

    def forget(self, entry_ids: Collection[str]) -> None:
        """None is kept."""


class Desk:
    """The orders of one worker. `held` are all that have not ended, and those whose last reports wait for Kafka."""

    def __init__(self, worker_id: str, venue: Venue, window: TickWindow, sender: Sender, history: History) -> None:
        self._worker_id = worker_id
        self._venue = venue
        self._window = window
        self._sender = sender
        self.symbols: Symbols = AllSymbols()
        self._foreign: dict[str, _Foreign] = {}
        self._excluded: list[tuple[WorkingOrder, Decimal]] = []
        self._to_publish: list[Entry] = []
        self.evaluation = Evaluation(venue, window, history, self._on_evaluated, self._pause, self.exclude, self._owns)
        self._holding = Holding(worker_id, sender, self.evaluation.leave)
        self._epochs = self._holding.epochs
        self.release = self._holding.release
        self.held = self._holding.held
        self.marks = self._holding.marks
        self.released = self._holding.released
        self.changed = self._holding.changed
        self.mark_all = self._holding.mark_all
        self.fence = self._holding.fence
        self.on_tick = self.evaluation.on_tick
        self.catch_up = self.evaluation.catch_up

    # Entries of the queue

    async def take(self, entry: Entry) -> None:
        """Work a new entry. One that cannot be read is logged, counted and released."""
        dispatch = self._read(entry)
        if dispatch is None:
            return
        if dispatch.kind != "EXECUTE":
            await self._ask(entry, dispatch, mine=True)
        elif (order := await self._execute(entry, dispatch)) is not None:
            await self.evaluation.join(order)

    async def take_together(self, entries: Iterable[Entry]) -> None:
        """Work new orders of one symbol so that they meet the ticks since their positions together."""
        orders = []
        for entry in entries:
            dispatch = self._read(entry)
            assert dispatch is not None, "what was kept could be read"
            order = await self._execute(entry, dispatch)
            if order is not None:
                orders.append(order)
        if orders:
            await self.evaluation.join_together(orders)

    async def take_over(self, entry: Entry) -> None:
        """Deal with a dead worker's entry: an order goes back to the ledger, a wish is as good as new."""
        dispatch = self._read(entry)
        if dispatch is None or entry.id in self._foreign or entry.id in self.symbols.keeps():
            return
        if dispatch.kind != "EXECUTE":
            await self._ask(entry, dispatch, mine=True)
            return
        if not self._holding.see(dispatch):
            self._holding.release(entry.id)
            return
        held = self.held.get(dispatch.order.order_id)
        if held is None and self._epochs.was_taken(dispatch.order.order_id, dispatch.dispatch_epoch):
            self._holding.release(entry.id)  # it has ended here, and Redis has been slow to hear of it
        elif held is None:
            self._holding.ask_for_redispatch(entry, dispatch, "worker_lost")
        elif held.entry != entry.id:
            # Two workers had the order under one epoch; which of them the ledger knows is not known here.
            held.cancel_entries.append(entry.id)
            self._holding.hand_over(held, "worker_lost")

    def entries(self) -> list[str]:
        """All entries that this worker keeps pending."""
        own = (entry for order in self.held.values() for entry in order.entries)
        return [*self._foreign, *self.symbols.keeps(), *own]

    def on_missing(self, missing: Iterable[str]) -> None:
        """These entries of ours are pending no longer: somebody thought us dead, or has answered a CANCEL."""
        gone = set(missing)
        if not gone:
            return
        self.symbols.forget(gone)
        for entry_id in gone:
            self._foreign.pop(entry_id, None)
        for order in list(self.held.values()):
            if not order.ended and order.entry in gone:
                self._holding.hand_over(order, "entry_lost")

    def forget_entries(self, entry_ids: Iterable[str]) -> None:
        """The queue has lost these entries; their orders go on from memory, until the ledger dispatches them anew."""
        gone = set(entry_ids)
        self.symbols.forget(gone)
        for entry_id in gone:
            self._foreign.pop(entry_id, None)
        for order in self.held.values():
            order.cancel_entries = [entry_id for entry_id in order.cancel_entries if entry_id not in gone]
            order.replace_entries = [entry_id for entry_id in order.replace_entries if entry_id not in gone]
            if order.entry in gone:
                order.entry = None

    def hand_over_all(self, reason: str) -> None:
        """Ask the ledger to dispatch everything that is held to somebody else."""
        for order in list(self.held.values()):
            if order.ended in ("", "amended"):
                self._holding.hand_over(order, reason)

    def let_go(self, symbol: str) -> None:
        """Ask the ledger to dispatch the symbol's orders to whoever may work them now."""
        for order in list(self.held.values()):
            if order.terms.symbol == symbol and not order.ended:
                self._holding.hand_over(order, "symbol_lost")

    def give_back(self, entry: Entry, dispatch: Dispatch, reason: str) -> None:
        """Ask the ledger to dispatch an order anew that was kept and never held."""
        self._holding.ask_for_redispatch(entry, dispatch, reason)

    # Cancels of orders that others hold

    def cancels_to_publish(self) -> list[Entry]:
        """The CANCELs that all workers must hear of now."""
        entries, self._to_publish = self._to_publish, []
        return entries

    async def press_cancels(self) -> None:
        """Say the unanswered ones again; after CANCEL_GRACE_S ask for a redispatch, which fences the silent worker."""
        for foreign in list(self._foreign.values()):
            if time.monotonic() - foreign.since_s > CANCEL_GRACE_S:
                del self._foreign[foreign.entry.id]
                self._holding.ask_for_redispatch(foreign.entry, foreign.dispatch, "cancel_unanswered")
            else:
                await self._ask(foreign.entry, foreign.dispatch, mine=True)

    async def on_cancel_heard(self, entry: Entry) -> None:
        """Another worker was given a CANCEL; answer it if the order is ours."""
        if entry.id in self._foreign:
            return
        dispatch = self._read(entry)
        if dispatch is not None:
            await self._ask(entry, dispatch, mine=False)

    # Executions that are others now

    def stop_counting(self, order_id: str) -> None:
        """Say nothing more of the order under this dispatch: what is left of it is for the ledger to say."""
        order = self.held.get(order_id)
        if order is not None and not order.ended:
            self._holding.end(order, "amended")

    def dispatch_again(self, order_id: str) -> None:
        """Ask the ledger for a fresh dispatch, if the order is held and not done."""
        order = self.held.get(order_id)
        if order is not None and order.ended in ("", "amended"):
            self._holding.hand_over(order, "amended")

    # What the venue says

    def on_outcome(self, order_id: str, outcome: Outcome) -> None:
        """Report what happened to an order. An outcome of an order that is not worked here is a mistake: it raises."""
        order = self.held.get(order_id)
        if order is None or order.ended:
            raise RuntimeError(f"expected an outcome of an order that is worked, it was of {order_id}: {outcome}")
        if isinstance(outcome, Refusal):
            metrics.orders_rejected_total.labels(outcome.code).inc()
        outcomes.apply(order, outcome)
        report = outcomes.report_of(order, outcome, self._venue.name, self._worker_id)
        answered = isinstance(outcome, Replacement | ReplaceRefusal) and outcome.revision == order.revision
        self._holding.report(order, report, list(order.replace_entries) if answered else ())
        if isinstance(outcome, outcomes.ENDS) or (isinstance(outcome, Execution | Replacement) and order.leaves <= 0):
            self._holding.end(order, "finished")
        log.info("%s", outcomes.text_of(outcome), extra=about(order))
        if isinstance(outcome, Execution) and order.terms.is_exclusive:
            self._excluded.append((order, outcome.quantity))
            self.changed.set()

    async def exclude(self) -> None:
        """Tell the venue what a fill means for the other legs of a group that are held here, before the ledger does."""
        while self._excluded:
            filled, quantity = self._excluded.pop(0)
            for other in list(self.held.values()):
                if other is filled or other.terms.group_id != filled.terms.group_id or not other.terms.is_exclusive:
                    continue
                rest = (other.asked or other.terms).of_quantity((other.asked or other.terms).quantity - quantity)
                if filled.terms.group_kind == "OCO" or other.leaves <= quantity:
                    await self._cancel_at_venue(other)
                else:
                    await self._replace_at_venue(other, rest, other.revision + 1)

    # The way of one order

    async def _execute(self, entry: Entry, dispatch: Dispatch) -> WorkingOrder | None:
        """Hold the order and give it to the venue; None when there is nothing left to be done for it here."""
        order_id, epoch = dispatch.order.order_id, dispatch.dispatch_epoch
        if not self._holding.see(dispatch):
            self._holding.release(entry.id)
            return None
        held = self.held.get(order_id)
        if held is not None or self._epochs.was_taken(order_id, epoch):
            self._holding.take_again(entry, held)
            return None
        if not self.symbols.admits(entry, dispatch):
            return None
        newest = self._window.newest(dispatch.order.symbol)
        order = self._holding.hold(entry, dispatch, working_order(dispatch, newest))
        if order.position is not None and not self._window.knows(order.position.partition):
            text = f"there is no tick partition of {order.position}"
            self.on_outcome(order_id, Refusal("TICK_POSITION_UNKNOWN", text))
            return None
        await self._venue.submit(order)
        if order.ended:
            return None
        self._acknowledge(order, dispatch)
        if dispatch.replacement is not None:
            await self._replace_at_venue(order, dispatch.replacement, dispatch.revision)
        return order

    def _acknowledge(self, order: WorkingOrder, dispatch: Dispatch) -> None:
        after = active_after(dispatch, self._window.newest(order.terms.symbol))
        head = outcomes.head(order, self._worker_id, "acknowledged")
        report = ReportAcknowledged(venue=self._venue.name, active_after=after, **head)
        self._holding.report(order, report)
        self.marks.note(order)

    async def _ask(self, entry: Entry, dispatch: Dispatch, *, mine: bool) -> None:
        """A CANCEL or REPLACE of our own, or one heard of. mine: it is for us to see that somebody answers it."""
        order_id, epoch = dispatch.order.order_id, dispatch.dispatch_epoch
        if not self._holding.see(dispatch):
            self._settle_wish(entry)
            return
        is_cancel = dispatch.kind == "CANCEL"
        orphan = is_cancel and self._epochs.is_orphan(order_id, epoch)
        if is_cancel:
            self._epochs.see_cancel(order_id, epoch)
        order = self.held.get(order_id)
        if order is not None:
            await self._ask_venue(order, entry, dispatch)
        elif self._epochs.was_taken(order_id, epoch):
            self._settle_wish(entry)  # it has ended here: the ledger will learn, or has learnt, how
        elif orphan:
            newest = self._window.newest(dispatch.order.symbol)
            await self._cancel_at_venue(self._holding.hold(entry, dispatch, working_order(dispatch, newest)))
        else:
            if mine:
                self._foreign.setdefault(entry.id, _Foreign(entry, dispatch, time.monotonic()))
                self._to_publish.append(entry)
            return
        self._foreign.pop(entry.id, None)

    async def _ask_venue(self, order: WorkingOrder, entry: Entry, dispatch: Dispatch) -> None:
        """The entry stays pending until the ledger knows the answer."""
        if entry.id not in order.entries:
            waits = order.cancel_entries if dispatch.kind == "CANCEL" else order.replace_entries
            waits.append(entry.id)
        if dispatch.kind == "CANCEL":
            await self._cancel_at_venue(order)
        elif dispatch.replacement is not None and dispatch.revision > order.revision:
            await self._replace_at_venue(order, dispatch.replacement, dispatch.revision)
        elif order.asked is None:  # it is answered already
            order.replace_entries.remove(entry.id)
            self._holding.release(entry.id)

    async def _replace_at_venue(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        if not order.ended and not order.canceling:
            order.asked, order.revision = terms, revision
            await self._venue.replace(order, terms, revision)

    async def _cancel_at_venue(self, order: WorkingOrder) -> None:
        if not order.ended and not order.canceling:
            order.canceling = True
            await self._venue.cancel(order)

    def _settle_wish(self, entry: Entry) -> None:
        self._foreign.pop(entry.id, None)
        self._holding.release(entry.id)

    def _owns(self, symbol: str) -> bool:
        """Whether the symbol's orders may meet a tick here; if not, they are let go of."""
        if self.symbols.owns(symbol):
            return True
        self.let_go(symbol)
        return False

    def _on_evaluated(self, order: WorkingOrder) -> None:
        if not order.ended:
            self.marks.note(order)
            if order.settled:
                self.changed.set()

    def _read(self, entry: Entry) -> Dispatch | None:
        try:
            return entry.dispatch()
        except UnreadableInput as error:
            metrics.orders_rejected_total.labels("ENTRY_UNREADABLE").inc()
            log.error("entry %s of the queue cannot be read: %s", entry.id, error)
            self._holding.release(entry.id)
            return None

    async def _pause(self) -> None:
        await asyncio.sleep(0)
        await self._sender.room()
