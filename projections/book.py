"""The order book: order_book_orders as it is, order_book_history as it was, order_book_levels in sums.

On it are LIMIT orders, and STOP_LIMIT orders once they are triggered, while their status is in WORKING: under the terms
that the venue works, so until a replacement is answered under the old ones. One that is to be cancelled or replaced
before anything tells that the venue has it is not on it. An entry stands unchanged from one record
to another; when it changes or goes, that span of it goes to the history, so the book as of any record is the entries
and the spans that contain it (infra/timescale/0004_orders_depth.sql).

A level is shared by accounts of several partitions, so it is moved by differences, never computed anew: two projectors
that each see their own partition add up to the same level.
Boundaries: it holds what is known to this ledger, its own orders, and not what others have at the venue; orders without
a limit price rest nowhere and are not on it.
Verification: tests/projections/test_book.py, tests/projections/test_depth.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.events import OrderReplaced
from domain.numbers import ZERO, exact
from projections.order_state import OrderState
from projections.rows import Cursor, Event, Row, execute, given, insert, selected

ENTRIES = {
    "order_id": "text",
    "account_id": "text",
    "symbol": "text",
    "side": "text",
    "price": "numeric",
    "quantity": "numeric",
    "status": "text",
    "priority_by": "text",
    "priority_at": "timestamptz",
    "priority_offset": "bigint",
    "partition": "integer",
    "since_offset": "bigint",
    "since_at": "timestamptz",
}
SPANS = {**ENTRIES, "until_offset": "bigint", "until_at": "timestamptz"}
LEVELS = {"symbol": "text", "side": "text", "price": "numeric", "quantity": "numeric", "orders": "bigint"}
WORKING = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE"})
ASKED = frozenset({"PENDING_CANCEL", "PENDING_REPLACE"})

_LOAD = f"select {selected(ENTRIES)} from order_book_orders where order_id = any(%s)"
_REMOVE = "delete from order_book_orders where order_id = any(%s)"
_PUT = f"""
{insert("order_book_orders", ENTRIES)}
on conflict (order_id) do update set {", ".join(f"{name} = excluded.{name}" for name in ENTRIES if name != "order_id")}
"""
_KEEP = insert("order_book_history", SPANS)
_ADD = f"""
{insert("order_book_levels", LEVELS)} order by symbol, side, price
on conflict (symbol, side, price) do update set
    quantity = order_book_levels.quantity + excluded.quantity, orders = order_book_levels.orders + excluded.orders
"""
_DROP_EMPTY = f"""
delete from order_book_levels using {given(LEVELS)}
where order_book_levels.symbol = given.symbol and order_book_levels.side = given.side
    and order_book_levels.price = given.price and order_book_levels.orders = 0
"""


class Entry(NamedTuple):
    """A row of ENTRIES: how an order stands on the book from `since_offset` on. Times in microseconds UTC."""

    order_id: str
    account_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    status: str
    priority_by: str
    priority_at: int
    priority_offset: int
    partition: int
    since_offset: int
    since_at: int

    def span(self, event: Event) -> Row:
        """A row of SPANS: it stood like that until this event."""
        return (*self, event.offset, event.message.timestamp)


def entry(order: OrderState, had: Entry | None, event: Event) -> Entry | None:
    """How the order stands on the book after this event, which has just changed it; None when it does not.

    had: how it stood before. A replacement that loses priority puts it behind all that stand at its price.
    """
    rests = order.order_type == "LIMIT" or (order.order_type == "STOP_LIMIT" and order.triggered_at is not None)
    if not rests or order.status not in WORKING or order.limit_price is None:
        return None
    if had is None and order.status in ASKED and order.venue is None and not order.filled_quantity:
        return None
    place = ("ENTERED", event.message.timestamp, event.offset)
    if had is not None:
        place = (had.priority_by, had.priority_at, had.priority_offset)
        if isinstance(event.message, OrderReplaced) and event.message.order_id == order.order_id:
            lost = ("LOST", event.message.timestamp, event.offset)
            place = ("KEPT", *place[1:]) if event.message.keeps_priority else lost
    stands = (
        order.order_id,
        order.account_id,
        order.symbol,
        "BUY" if order.side == "BUY" else "SELL",
        order.limit_price,
        order.leaves_quantity,
        order.status,
        *place,
        event.partition,
    )
    if had is not None and had[: len(stands)] == stands:
        return had
    return Entry(*stands, event.offset, event.message.timestamp)


def load(cursor: Cursor, order_ids: Sequence[str]) -> list[Entry]:
    """What these orders have on the book."""
    return [Entry(*row) for row in cursor.execute(_LOAD.encode(), (list(order_ids),)).fetchall()]


def write(cursor: Cursor, before: Sequence[Entry], after: Sequence[Entry], spans: Sequence[Row]) -> None:
    """before, after: all entries of the orders that a batch touches. spans: rows of SPANS that it has ended."""
    stay = {entry.order_id for entry in after}
    gone = sorted(entry.order_id for entry in before if entry.order_id not in stay)
    if gone:
        cursor.execute(_REMOVE, (gone,))
    known = set(before)
    execute(cursor, _PUT, [entry for entry in after if entry not in known])
    execute(cursor, _KEEP, spans)
    changes = difference(before, after)
    execute(cursor, _ADD, changes)
    execute(cursor, _DROP_EMPTY, changes)


def difference(before: Iterable[Entry], after: Iterable[Entry]) -> list[Row]:
    """Rows of LEVELS: what must be added to the levels; those that stay are left out."""
    sums: dict[tuple[str, str, Decimal], tuple[Decimal, int]] = {}
    with exact():
        for sign, entries in ((-1, before), (1, after)):
            for one in entries:
                key = (one.symbol, one.side, one.price)
                quantity, orders = sums.get(key, (ZERO, 0))
                sums[key] = (quantity + sign * one.quantity, orders + sign)
    return [(*key, *change) for key, change in sorted(sums.items()) if any(change)]
