"""The port to a venue: what the engine asks of it and what it says back.

A venue says everything to its listener: at once, as the paper venue does, or whenever the broker's answer comes. The
listener is called on the engine's event loop only. tests/execution/venue_conformance.py holds every adapter to this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from domain.market import TickAt, TickRef
from domain.reports import FillEvidence
from domain.terms import OrderTerms
from execution.order import WorkingOrder

Liquidity = Literal["MAKER", "TAKER"]
"""Whether the order waited in the book and another came to it, or it came to the others (FIX LastLiquidityInd, 851)."""


class Execution(NamedTuple):
    """Part or all was executed. price: per unit; fee: in the account's currency; market_time_us: microseconds UTC.

    execution_id: the venue's name of it; the same execution has the same id whoever reports it. liquidity: None where
    the venue does not say.
    """

    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_time_us: int
    evidence: FillEvidence | None
    liquidity: Liquidity | None = None


class Trigger(NamedTuple):
    """A price has met the order's stop; from here on it is at the market. tick: None where the venue has no ticks."""

    price: Decimal
    market_time_us: int
    tick: TickRef | None


class Replacement(NamedTuple):
    """The venue works the terms of this revision. keeps_priority: the order keeps its place in the venue's queue.

    after: the last tick that met the old terms; None where the venue has no ticks.
    """

    revision: int
    keeps_priority: bool
    after: TickRef | None = None


class ReplaceRefusal(NamedTuple):
    """The venue goes on with the old terms. code: stable CATEGORY_CONDITION."""

    revision: int
    code: str
    text: str


class Expiry(NamedTuple):
    """The order's time in force is over. reason: as in domain.events.OrderExpired."""

    reason: str
    market_time_us: int


class Cancellation(NamedTuple):
    """The venue will not execute what is left."""

    reason: str


class Refusal(NamedTuple):
    """The venue did not take the order. code: stable CATEGORY_CONDITION name."""

    code: str
    text: str


Outcome = Execution | Trigger | Replacement | ReplaceRefusal | Cancellation | Expiry | Refusal
Listener = Callable[[str, Outcome], None]
"""Called with the order id and what happened to the order."""


class Correction(NamedTuple):
    """An execution that was told is now another one (FIX ExecType G). previous_execution_id: the one it replaces."""

    execution_id: str
    previous_execution_id: str
    quantity: Decimal
    price: Decimal
    market_time_us: int


class Bust(NamedTuple):
    """An execution that was told never was (FIX ExecType H). previous_execution_id: the one that is void."""

    execution_id: str
    previous_execution_id: str
    market_time_us: int


Amendment = Correction | Bust
AmendmentListener = Callable[[str, Amendment], None]
"""Called with the order id and what became of one of its executions, also long after the order has ended."""


@runtime_checkable
class Amending(Protocol):
    """A venue that corrects or takes back what it has told."""

    on_amendment: AmendmentListener
    """Called with each correction and bust; who takes them over sets it before start."""


class VenueOrder(NamedTuple):
    """An order as the venue has it, for reconciliation. Prices per unit; submitted_at_us: microseconds UTC.

    order_id: ours, or whatever name an order has that somebody placed elsewhere. side, order_type, time_in_force,
    status: the venue's own words. quantity: None for an order over an amount of money, or where the venue keeps none.
    """

    order_id: str
    venue_order_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    status: str
    quantity: Decimal | None
    filled_quantity: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    submitted_at_us: int


class VenueExecution(NamedTuple):
    """An execution as the venue has it, for reconciliation. execution_id: the same as in Execution.

    cumulative_quantity: what the venue's order had executed with it.
    """

    execution_id: str
    order_id: str
    venue_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    cumulative_quantity: Decimal
    price: Decimal
    market_time_us: int


@runtime_checkable
class Reconcilable(Protocol):
    """A venue that keeps records of its own, with which the ledger's can be compared."""

    async def open_orders(self) -> list[VenueOrder]:
        """All open orders of the account, whoever placed them. Raises UnavailableError."""

    async def executions(self, since_us: int) -> list[VenueExecution]:
        """All executions of the account at or after a market time, oldest first. Raises UnavailableError."""


class Venue(Protocol):
    """Where orders are executed.

    `submit` of an order that the venue already has is harmless: it goes on with it under the same order id and says
    again what this worker cannot know. `cancel` asks; a Cancellation or a last Execution is the answer.
    """

    name: str

    async def start(self, listener: Listener) -> None:
        """Connect. Raises UnavailableError when the venue cannot be reached."""

    async def stop(self) -> None:
        """Disconnect; orders stay as they are at the venue."""

    async def submit(self, order: WorkingOrder) -> None:
        """Give the order to the venue; a Refusal goes to the listener."""

    async def replace(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        """Ask that what is left goes on under `terms`. A Replacement, a ReplaceRefusal or the order's end answers."""

    async def cancel(self, order: WorkingOrder) -> None:
        """Ask that what is left be cancelled."""

    def evaluate(self, order: WorkingOrder, tick: TickAt) -> None:
        """Let the order meet a later tick of its symbol. A venue that matches by itself does nothing here."""


@runtime_checkable
class MarketDriven(Protocol):
    """What else a venue has that only knows the time and the market from the ticks it is given."""

    shares_liquidity: bool
    """Whether orders of one symbol must meet a tick together, for they take from each other."""

    def evaluate_together(self, orders: Sequence[WorkingOrder], others: Sequence[WorkingOrder], tick: TickAt) -> None:
        """Let all orders of a symbol meet a later tick. others: those that are worked too, but do not meet this one."""

    def take_over(self, symbol: str, given: Mapping[int, Decimal]) -> None:
        """From here on the symbol's orders meet their ticks here. given: units by tick offset that orders have got."""

    @property
    def next_due_us(self) -> int | None:
        """The first market time after which `due` may have something to say; None: never, as it is."""

    def due(self, now_us: int, is_current: Callable[[WorkingOrder], bool]) -> None:
        """End the orders whose time in force is over at this market time, if they have met all their ticks up to it."""
