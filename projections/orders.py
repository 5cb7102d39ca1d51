"""orders and their groups, each step of theirs, and the order book made of those that work with a limit.

A batch reads the orders that it touches, folds its events one after another, and writes what has changed. Nobody else
changes these rows in between: an account's events are on one partition, whose progress this transaction holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections import book, order_history
from projections.order_effects import touched
from projections.order_fold import Fold
from projections.order_state import COLUMNS, GROUPS, GroupState, OrderState
from projections.rows import Cursor, Event, clean, execute, insert, selected

_LOAD = f"select {selected(COLUMNS)} from orders where order_id = any(%s)"
# An id that the ledger has forgotten, or whose account was unknown, may come again: the new order takes the row.
_PUT = f"""
{insert("orders", COLUMNS)}
on conflict (order_id) do update set {", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "order_id")}
"""
_LOAD_GROUPS = f"""
select {selected(GROUPS)} from order_groups
where group_id in (select group_id from orders where order_id = any(%s) and group_id is not null)
"""
_PUT_GROUPS = f"""
{insert("order_groups", GROUPS)}
on conflict (group_id) do update set {", ".join(f"{name} = excluded.{name}" for name in GROUPS if name != "group_id")}
"""


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    """Write orders and their steps, and move the order book."""
    order_ids = sorted({clean(touch.order_id) for event in events for touch in touched(event)})
    if not order_ids:
        return
    rows: list[Any] = cursor.execute(_LOAD.encode(), (order_ids,)).fetchall()
    before = book.load(cursor, order_ids)
    groups: list[Any] = cursor.execute(_LOAD_GROUPS.encode(), (order_ids,)).fetchall()
    fold = Fold((OrderState(*row) for row in rows), (GroupState(*row) for row in groups), before)
    for event in events:
        fold.take(event)
    execute(cursor, _PUT, [order.row() for order in fold.changed.values()])
    execute(cursor, _PUT_GROUPS, [group.row() for group in fold.changed_groups.values()])
    order_history.write(cursor, fold.steps)
    book.write(cursor, before, list(fold.entries.values()), fold.spans)
