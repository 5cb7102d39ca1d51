"""What the ledger's records changed in the read models, found by the places of the records.

Rows that never change (steps, rejections) carry the place of their record. Of rows that do, the tables that are only
appended to tell which were touched, and by which record: steps name orders, spans of the book name its levels,
postings name positions. A row that several records touched is told once, as it stands, under the last of them.
Verification: tests/api/stream/test_property.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from api.stream.changes import Encoded, encoded
from api.stream.places import Batches, arrays, within
from api.stream.source import Read
from api.stream.views import Channel, Fill, Level, Order, OrderStep, Position, Row, made, select

LEDGER = "ledger"
_POSITION_BOOKS = ["position", "position_hold", "position_short", "inventory", "short_proceeds"]
_EXECUTIONS = frozenset({"OrderFilled", "FillCorrected", "FillBusted"})

_step, _order, _fill, _position, _level = made(OrderStep), made(Order), made(Fill), made(Position), made(Level)

_STEPS = f"""
select {select(OrderStep)} from {within("order_history.*", "order_history")} order by partition, record_offset, leg
"""
_ORDERS = f"select {select(Order)} from orders where order_id = any(%(order_ids)s)"
_FILLS = f"""
with touched as (
    select fills.execution_id, fills.partition, fills.record_offset
    from unnest(%(order_ids)s::text[], %(at_partitions)s::integer[], %(at_offsets)s::bigint[])
        as step (order_id, partition, record_offset)
    join fills on fills.order_id = step.order_id and fills.partition = step.partition
        and fills.record_offset = step.record_offset
    union all
    select execution_id, partition, record_offset
    from {within("execution_id, partition, record_offset", "fill_corrections")}
)
select {select(Fill, **{name: f"now.{name}" for name in Fill.__struct_fields__})},
    touched.partition, touched.record_offset
from touched cross join lateral (select * from fills_now where execution_id = touched.execution_id) as now
"""
_ACCOUNTS = f"select distinct account_id from {within('account_id', 'journal_postings')}"
_POSITION_TOUCHES = f"""
select account_id, split_part(book_account, ':', 2) as symbol, partition, record_offset
from {
    within(
        "account_id, book_account, partition, record_offset",
        "journal_postings",
        where="split_part(book_account, ':', 1) = any(%(books)s)",
    )
}
union all
select account_id, symbol, partition, record_offset
from {within("account_id, symbol, partition, record_offset", "position_changes")}
"""
_POSITIONS = f"""
with touched as (
    select account_id, symbol, partition, max(record_offset) as record_offset from ({_POSITION_TOUCHES}) as each
    group by account_id, symbol, partition
)
select {select(Position, account_id="positions.account_id", symbol="positions.symbol")},
    touched.partition, touched.record_offset
from touched join positions on positions.account_id = touched.account_id and positions.symbol = touched.symbol
"""
_LEVELS = f"""
with moved as (
    select symbol, side, price, partition, since_offset as at from order_book_orders where order_id = any(%(order_ids)s)
    union all
    select symbol, side, price, partition, until_offset from order_book_history where order_id = any(%(order_ids)s)
)
select {
    select(
        Level,
        symbol="moved.symbol",
        side="moved.side",
        price="trim_scale(moved.price)",
        quantity="coalesce(level.quantity, 0)",
        orders="coalesce(level.orders, 0)",
    )
}, moved.partition, moved.at
from moved left join order_book_levels as level
    on level.symbol = moved.symbol and level.side = moved.side and level.price = moved.price
"""


async def changes(read: Read, batches: Batches) -> tuple[list[Encoded], set[str], set[str]]:
    """What the records of `ledger.events` in these batches changed; accounts that moved; symbols that traded."""
    spans = batches.spans(LEDGER)
    if not spans:
        return [], set(), set()
    parameters = {**arrays(spans), "books": _POSITION_BOOKS}
    found: list[Encoded] = []
    steps = [_step(row) for row in await read.all(_STEPS, parameters)]
    positions = await read.all(_POSITIONS, parameters)
    found += _newest(batches, "positions", _position, positions, lambda row: (row.account_id, row.symbol))
    if steps:
        found += await _of_orders(read, batches, steps, parameters)
    accounts = {row[0] for row in await read.all(_ACCOUNTS, parameters)}
    accounts |= {change.account for change in found if change.account}
    traded = {change.symbol for change in found if change.channel == "fills" and change.symbol}
    return found, accounts, traded


async def _of_orders(
    read: Read, batches: Batches, steps: Sequence[OrderStep], parameters: dict[str, Any]
) -> list[Encoded]:
    order_ids = sorted({step.order_id for step in steps})
    orders: dict[str, Order] = {row[0]: _order(row) for row in await read.all(_ORDERS, {"order_ids": order_ids})}
    found: list[Encoded] = []
    touched: dict[str, int] = {}
    for step in steps:
        seq = _seq(batches, step.partition, step.record_offset)
        touched[step.order_id] = max(seq, touched.get(step.order_id, 0))
        order = orders.get(step.order_id)
        change = encoded(seq, "orders", step)
        found.append(change._replace(symbol=None if order is None else order.symbol))
    found += [encoded(seq, "orders", orders[name]) for name, seq in touched.items() if name in orders]
    executions = [step for step in steps if step.event_type in _EXECUTIONS]
    if executions:
        at = {
            "order_ids": [step.order_id for step in executions],
            "at_partitions": [step.partition for step in executions],
            "at_offsets": [step.record_offset for step in executions],
        }
        fills = await read.all(_FILLS, {**parameters, **at})
        found += _newest(batches, "fills", _fill, fills, lambda row: row.execution_id)
    levels = await read.all(_LEVELS, {"order_ids": order_ids})
    found += _newest(batches, "order_book", _level, levels, lambda row: (row.symbol, row.side, row.price))
    return found


def _seq(batches: Batches, partition: int, offset: int) -> int:
    seq = batches.seq(LEDGER, partition, offset)
    assert seq is not None, f"record {partition}/{offset} is none of batches {batches.after + 1} to {batches.feed}"
    return seq


def _newest(
    batches: Batches,
    channel: Channel,
    make: Callable[[Sequence[Any]], Row],
    rows: Iterable[Sequence[Any]],
    key: Callable[[Any], Any],
) -> list[Encoded]:
    """Each row once, under the newest of these batches that touched it. rows: of the view, then partition and offset.

    Records of other batches, of which the book's spans tell as well, touch nothing.
    """
    newest: dict[Any, tuple[int, Row]] = {}
    for values in rows:
        seq = batches.seq(LEDGER, values[-2], values[-1])
        if seq is None:
            continue
        row = make(values)
        known = newest.get(key(row))
        if known is None or known[0] < seq:
            newest[key(row)] = (seq, row)
    return [encoded(seq, channel, row) for seq, row in newest.values()]
