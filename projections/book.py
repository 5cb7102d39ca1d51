"""order_book_levels: working limit orders, summed per symbol, side and price.

A level is shared by accounts of several partitions, so it is moved by differences, never computed anew: two projectors
that each see their own partition add up to the same level.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.numbers import ZERO, exact
from projections.rows import Cursor, Row, execute, given, insert

COLUMNS = {"symbol": "text", "side": "text", "price": "numeric", "quantity": "numeric", "orders": "bigint"}
WORKING = ("NEW", "PARTIALLY_FILLED", "PENDING_CANCEL")

_LEVELS = f"""
select symbol, side, limit_price, sum(leaves_quantity), count(*) from orders
where order_id = any(%s) and order_type = 'LIMIT' and status in {WORKING}
group by symbol, side, limit_price
"""
_ADD = f"""
{insert("order_book_levels", COLUMNS)} order by symbol, side, price
on conflict (symbol, side, price) do update set
    quantity = order_book_levels.quantity + excluded.quantity, orders = order_book_levels.orders + excluded.orders
"""
_DROP_EMPTY = f"""
delete from order_book_levels using {given(COLUMNS)}
where order_book_levels.symbol = given.symbol and order_book_levels.side = given.side
    and order_book_levels.price = given.price and order_book_levels.orders = 0
"""


def levels(cursor: Cursor, order_ids: Sequence[str]) -> list[Row]:
    """Rows of COLUMNS: what these orders have on the book now."""
    return cursor.execute(_LEVELS.encode(), (list(order_ids),)).fetchall()


def difference(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """Rows of COLUMNS: what must be added to the levels; those that stay are left out."""
    sums: dict[tuple[str, str, Decimal], tuple[Decimal, int]] = {}
    with exact():
        for sign, rows in ((-1, before), (1, after)):
            for symbol, side, price, quantity, orders in rows:
                had = sums.get((symbol, side, price), (ZERO, 0))
                sums[symbol, side, price] = (had[0] + sign * quantity, had[1] + sign * orders)
    return [(*key, *change) for key, change in sorted(sums.items()) if any(change)]


def move(cursor: Cursor, before: Sequence[Row], after: Sequence[Row]) -> None:
    changes = difference(before, after)
    execute(cursor, _ADD, changes)
    execute(cursor, _DROP_EMPTY, changes)
