"""What the order book's tables must hold, from the orders that the domain's fold has open after each event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from audit.compare import Place, Row, StateTable, stored, time_of
from audit.expected_orders import KnownOrder
from domain import events
from domain.numbers import ZERO, exact

_STANDS = (
    *("account_id", "symbol", "side", "price", "quantity", "status"),
    *("priority_by", "priority_at", "priority_offset"),
)
LEVELS = StateTable("order_book_levels", ("symbol", "side", "price"), ("quantity", "orders"))
ENTRIES = StateTable("order_book_orders", ("order_id",), (*_STANDS, "partition", "since_offset", "since_at"))
SPANS = StateTable(
    "order_book_history",
    ("order_id", "partition", "since_offset"),
    (*_STANDS, "since_at", "until_offset", "until_at"),
)
_WORKING = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE"})


class _Stand(NamedTuple):
    """How an order stands: account, symbol, side, price, units, status; its place in the queue; since when."""

    terms: tuple[Any, ...]
    priority: tuple[str, int, int]
    since_us: int
    since: Place

    def columns(self) -> Row:
        by, at_us, offset = self.priority
        return (*self.terms, by, time_of(at_us), offset)


class Book:
    """Give it every order that an event has touched, after the fold."""

    def __init__(self) -> None:
        self._stands: dict[str, _Stand] = {}
        self._spans: dict[Row, Row] = {}

    def take(self, order_id: str, order: KnownOrder, event: events.LedgerEvent, place: Place) -> list[tuple[str, Row]]:
        """Move the order on the book. Gives the keys of the rows that change, as (table, key)."""
        had, terms = self._stands.get(order_id), _terms(order)
        if had is None and not _is_at_venue(order):
            terms = None
        priority = ("ENTERED", event.timestamp, place.offset) if had is None else had.priority
        if had is not None and isinstance(event, events.OrderReplaced) and event.order_id == order_id:
            lost = ("LOST", event.timestamp, place.offset)
            priority = ("KEPT", *priority[1:]) if event.keeps_priority else lost
        if had is not None and (had.terms, had.priority) == (terms, priority):
            return []
        changed: list[tuple[str, Row]] = [("order_book_orders", (stored(order_id),))]
        if had is not None:
            del self._stands[order_id]
            key = (stored(order_id), had.since.partition, had.since.offset)
            self._spans[key] = (*had.columns(), time_of(had.since_us), place.offset, time_of(event.timestamp))
            changed += [("order_book_history", key), ("order_book_levels", had.terms[1:4])]
        if terms is not None:
            self._stands[order_id] = _Stand(terms, priority, event.timestamp, place)
            changed.append(("order_book_levels", terms[1:4]))
        return changed

    def levels(self) -> dict[Row, Row]:
        """Rows of LEVELS."""
        sums: dict[Row, tuple[Decimal, int]] = {}
        with exact():
            for stand in self._stands.values():
                quantity, orders = sums.get(stand.terms[1:4], (ZERO, 0))
                sums[stand.terms[1:4]] = (quantity + stand.terms[4], orders + 1)
        return dict(sums)

    def entries(self) -> dict[Row, Row]:
        """Rows of ENTRIES."""
        return {
            (stored(order_id),): (
                *stand.columns(),
                stand.since.partition,
                stand.since.offset,
                time_of(stand.since_us),
            )
            for order_id, stand in self._stands.items()
        }

    def spans(self) -> dict[Row, Row]:
        """Rows of SPANS."""
        return self._spans


def _is_at_venue(known: KnownOrder) -> bool:
    """Whether anything tells so: an acknowledgement, a trigger, a fill, or an answer after which nothing is asked."""
    if known.venue is not None or known.filled_quantity:
        return True
    return known.open is not None and known.open.status not in ("PENDING_CANCEL", "PENDING_REPLACE")


def _terms(known: KnownOrder) -> tuple[Any, ...] | None:
    """What a level is made of: None for an order that is not on the book."""
    order = known.open
    if order is None or order.status not in _WORKING:
        return None
    terms = order.terms
    if terms.order_type != "LIMIT" and not (terms.order_type == "STOP_LIMIT" and order.triggered):
        return None
    side = "SELL" if terms.is_sale else "BUY"
    return (stored(known.account_id), terms.symbol, side, terms.limit_price, order.leaves_quantity, order.status)
