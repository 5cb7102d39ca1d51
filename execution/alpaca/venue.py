"""The adapter: Alpaca behind the protocols Venue and Reconcilable.

Numbers: bodies are made here from Decimal as strings, answers and frames are parsed here to Decimal. alpaca-py's
models, which hold prices as floats, are not used; execution.alpaca.rest and .stream say what of alpaca-py is.

Time: Alpaca's market is now, so `active_after`, `active_from_us` and ticks mean nothing to it; an execution's market
time is the venue's own, in whole milliseconds. A stop's trigger is not published, so no Trigger is told.
"""

from __future__ import annotations

import logging
from functools import partial

from domain.errors import UnavailableError
from domain.market import TickAt
from domain.numbers import ZERO
from domain.terms import OrderTerms
from execution.alpaca.access import Access
from execution.alpaca.broker import Broker
from execution.alpaca.following import Follower
from execution.alpaca.placing import place_once
from execution.alpaca.rest import Rest
from execution.alpaca.stream import TradeStream
from execution.alpaca.terms import SIDES, body_of, change_of
from execution.alpaca.wire import VenueStatus, order_id_of, replacement_id
from execution.alpaca.working import Change, Working
from execution.order import WorkingOrder
from execution.venue import (
    Amendment,
    AmendmentListener,
    Cancellation,
    Listener,
    Outcome,
    Refusal,
    Replacement,
    ReplaceRefusal,
    VenueExecution,
    VenueOrder,
)
from runtime.settings import Settings

log = logging.getLogger(__name__)


class AlpacaVenue:
    """Executes at Alpaca, under our order ids. Holds nothing that another worker could not ask Alpaca for again."""

    def __init__(self, access: Access, settings: Settings) -> None:
        self.name = "ALPACA" if access.is_live else "ALPACA_PAPER"
        self._attempts_max = settings.alpaca_attempts_max
        self._rest = Rest(access, settings)
        self._broker = Broker(self._rest)
        self._listener: Listener | None = None
        self._names: dict[str, str] = {}
        self._follower = Follower(
            self._broker,
            self._rest.backoff,
            settings.alpaca_sweep_s,
            self._hear,
            self._hear_amendment,
        )
        self._stream = TradeStream(
            access,
            settings.alpaca_timeout_ms / 1_000,
            self._rest.backoff,
            self._follower.on_message,
            self._follower.on_gap,
        )
        self.on_amendment: AmendmentListener = _log_amendment
        """Called with a correction or a bust of an execution; who takes them over sets it before start."""

    async def start(self, listener: Listener) -> None:
        """Listen to updates, and see that the REST API lets us in too. Raises UnavailableError."""
        self._listener = listener
        listening = await self._stream.start()
        try:
            await self._broker.open_orders()
        except BaseException:
            await self._stream.stop()
            raise
        self._follower.watch_over(listening)
        self._follower.run(self._follower.watch(), "alpaca sweep")
        log.info("orders go to %s", self.name)

    async def stop(self) -> None:
        await self._stream.stop()
        await self._follower.stop()
        await self._rest.close()
        self._listener = None

    async def submit(self, order: WorkingOrder) -> None:
        """Place the order, or go on with it where the venue has it.

        Raises UnavailableError when it cannot be found out whether the venue has it.
        """
        self._check()
        former = self._follower.held.get(order.order_id)
        if former is not None and former.order is order:
            return
        body = body_of(order)
        if isinstance(body, Refusal):
            self._hear(order.order_id, body)
            return
        working = self._follower.hold(order)
        async with working.lock:
            working.silent = True
            try:
                await self._place(working, body)
            finally:
                self._follower.speak(working)

    async def _place(self, working: Working, body: dict[str, str]) -> None:
        found: VenueStatus | Refusal | None = None
        if working.order.dispatch_epoch > 1 or working.told > ZERO:
            found = await self._broker.order_named(working.order_id)
        if found is None and working.told > ZERO:
            text = f"{working.told} units were executed elsewhere; expected the order at Alpaca, it has none of that id"
            found = Refusal("VENUE_ORDER_MISSING", text)
        if found is None:
            send = partial(self._broker.place, body)
            found = await place_once(self._broker, working.order_id, send, self._attempts_max)
        if not isinstance(found, Refusal) and not _is_of(found, working.terms):
            found = Refusal("VENUE_ORDER_CONFLICT", "Alpaca has another order under this order's id")
        if isinstance(found, Refusal):
            self._refuse(working, found)
        else:
            await self._follower.adopt(working, found)

    def _refuse(self, working: Working, refusal: Outcome) -> None:
        """Said at once: the caller has to know before it acknowledges the order."""
        working.silent, working.kept_back = False, []
        self._follower.tell(working, refusal)

    async def cancel(self, order: WorkingOrder) -> None:
        """Ask for a cancellation. What the stream or the venue's records say is the answer."""
        self._check()
        working = self._follower.held.get(order.order_id)
        if working is None or working.order is not order:
            working = self._follower.hold(order)
        async with working.lock:
            working.cancel_wanted = True
            if working.current is not None:
                await self._follower.ask_to_cancel(working)
                return
            found = await self._broker.order_named(order.order_id)
            if found is None:
                self._follower.tell(working, Cancellation("unknown to the venue"))
            else:
                await self._follower.adopt(working, found)

    async def replace(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        """Ask that an order that has not been executed goes on under other terms.

        One that was executed in part is refused: it is not published whether the new order's quantity counts what the
        old one had executed, and a wrong guess would execute too much.
        """
        self._check()
        working = self._follower.held.get(order.order_id)
        if working is None or working.order is not order:
            await self.submit(order)
            working = self._follower.held.get(order.order_id)
            if working is None:
                return  # it has ended, and that was told
        async with working.lock:
            refusal = await self._replace(working, terms, revision)
            if refusal is not None:
                self._follower.tell(working, ReplaceRefusal(revision, refusal.code, refusal.text))

    async def _replace(self, working: Working, terms: OrderTerms, revision: int) -> Refusal | None:
        client_order_id = replacement_id(working.order_id, revision)
        done = await self._broker.order_named(client_order_id) if working.order.dispatch_epoch > 1 else None
        if done is not None and done.venue_order_id == working.current:
            working.terms = terms
            self._follower.tell(working, Replacement(revision, keeps_priority=False))
            return None
        change = change_of(working.terms, terms)
        if isinstance(change, Refusal):
            return change
        if working.told > ZERO:
            return Refusal("ORDER_CHANGE_UNSUPPORTED", f"{working.told} units are executed: cancel it and send another")
        if working.current is None:
            return Refusal("VENUE_NOT_FOUND", "Alpaca does not have the order yet")
        send = partial(self._broker.change, working.current, {**change, "client_order_id": client_order_id})
        found = done or await place_once(self._broker, client_order_id, send, self._attempts_max)
        if isinstance(found, Refusal):
            self._follower.unsettle(working)
            return found
        self._follower.link(working, found)
        working.change = Change(revision, terms, found.venue_order_id)
        self._follower.unsettle(working)
        return None

    def evaluate(self, order: WorkingOrder, tick: TickAt) -> None:
        """Alpaca matches by itself. Raises what ended the work behind, so that the worker ends too."""
        self._check()

    @property
    def updates_received(self) -> int:
        """Frames of the stream since the start, those of the handshake left out."""
        return self._stream.received

    @property
    def is_settled(self) -> bool:
        """Whether everything is told that is known, and no order waits to be read again."""
        return not any(working.unsettled or working.kept_back for working in self._follower.held.values())

    async def open_orders(self) -> list[VenueOrder]:
        """All open orders of the account, whoever placed them. Raises UnavailableError."""
        return [_venue_order(status) for status in await self._broker.open_orders()]

    async def executions(self, since_us: int) -> list[VenueExecution]:
        """All executions of the account since then, oldest first. Raises UnavailableError.

        Activities name the venue's orders only, so each order is asked for to learn ours, once while it is among them.
        """
        fills = await self._broker.fills(since_us)
        named = {fill.venue_order_id for fill in fills}
        names = {venue_order_id: name for venue_order_id, name in self._names.items() if venue_order_id in named}
        for venue_order_id in named - names.keys():
            names[venue_order_id] = order_id_of((await self._broker.order(venue_order_id)).client_order_id)
        self._names = names
        return [
            VenueExecution(
                fill.execution_id,
                names[fill.venue_order_id],
                fill.venue_order_id,
                fill.symbol,
                fill.side,
                fill.quantity,
                fill.cumulative,
                fill.price,
                fill.market_time_us,
            )
            for fill in fills
        ]

    def _hear(self, order_id: str, outcome: Outcome) -> None:
        assert self._listener is not None, "the venue was not started"
        self._listener(order_id, outcome)

    def _hear_amendment(self, order_id: str, amendment: Amendment) -> None:
        self.on_amendment(order_id, amendment)

    def _check(self) -> None:
        if self._follower.failure is not None:
            raise UnavailableError("following orders at Alpaca has failed") from self._follower.failure


def _is_of(status: VenueStatus, terms: OrderTerms) -> bool:
    """Whether the venue's order is the one that was asked for; a replaced one may have other numbers by now."""
    return (status.symbol, status.side) == (terms.symbol, SIDES[terms.side]) and (
        status.quantity == terms.quantity or status.status == "replaced"
    )


def _venue_order(status: VenueStatus) -> VenueOrder:
    return VenueOrder(
        order_id_of(status.client_order_id),
        status.venue_order_id,
        status.symbol,
        status.side,
        status.order_type,
        status.time_in_force,
        status.status,
        status.quantity,
        status.filled_quantity,
        status.average_price,
        status.limit_price,
        status.stop_price,
        status.submitted_at_us,
    )


def _log_amendment(order_id: str, amendment: Amendment) -> None:
    """Nobody takes amendments over yet: they are said loudly, and reconciliation shows what they changed."""
    log.error("the venue has amended an execution, the books have not: %s", amendment, extra={"order_id": order_id})
