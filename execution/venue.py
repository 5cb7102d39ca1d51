"""The port to a venue: what the engine asks of it and what it says back.

A venue says everything to its listener: at once, as the paper venue does, or whenever the broker's answer comes. The
listener is called on the engine's event loop only. tests/execution/venue_conformance.py holds every adapter to this.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, Protocol

from domain.market import TickRef
from domain.reports import FillEvidence
from domain.terms import OrderTerms
from execution.order import TickAt, WorkingOrder


class Execution(NamedTuple):
    """Part or all was executed. price: per unit; fee: in the account's currency; market_time_us: microseconds UTC.

    execution_id: the venue's name of it; the same execution has the same id whoever reports it.
    """

    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_time_us: int
    evidence: FillEvidence | None


class Trigger(NamedTuple):
    """A price has met the order's stop; from here on it is at the market. tick: None where the venue has no ticks."""

    price: Decimal
    market_time_us: int
    tick: TickRef | None


class Replacement(NamedTuple):
    """The venue works the terms of this revision. keeps_priority: the order keeps its place in the venue's queue."""

    revision: int
    keeps_priority: bool


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
