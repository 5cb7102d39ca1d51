"""Orders: newest first by time of submission, then id. Index: orders_submitted, orders_account, orders_symbol, ..."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import HistoryFilters, OrderFilters, where

COLUMNS = """order_id, account_id, client_order_id, symbol, side, order_type, time_in_force, expire_at, quantity,
    limit_price, protection_price, stop_price, trail_amount, trail_bps, post_only, reduce_only, trader_id,
    active_from, group_id, group_kind, parent_order_id, triggered_at, trigger_price, revision, replace_revision,
    replace_terms, keeps_priority, expire_reason, status, filled_quantity, leaves_quantity, average_price, fees,
    hold_cash, hold_quantity, reject_code, reject_text, reject_details, cancel_reason, signal_id, strategy_id,
    dispatch_epoch, worker_id, venue, submitted_at, updated_at, version, partition, record_offset"""

_END = 2**63 - 1


class After(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    order_id: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}$")]


class AfterStep(msgspec.Struct, array_like=True, frozen=True):
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    leg: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


def key(row: Row) -> tuple[Any, ...]:
    return row["submitted_at"], row["order_id"]


async def page(
    snapshot: Snapshot, filters: OrderFilters, after: After | None, visible: Sequence[str] | None = None
) -> Rows:
    """limit + 1 orders beyond `after`. visible: accounts whose orders may be shown; None: all.

    The newest of each of these accounts are looked up, and of them the newest: whoever has few orders, and old ones,
    does not wait until all others' were passed over.
    """
    if visible is not None and filters.account_id is not None:
        visible = [filters.account_id] if filters.account_id in visible else []
    own = visible is not None
    clause, parameters = where(
        visible=("orders.account_id = own.id", visible),
        account_id=("account_id = %(account_id)s", filters.account_id),
        symbol=("symbol = %(symbol)s", filters.symbol),
        status=("status = %(status)s", filters.status),
        order_type=("order_type = %(order_type)s", filters.order_type),
        time_in_force=("time_in_force = %(time_in_force)s", filters.time_in_force),
        client_order_id=("client_order_id = %(client_order_id)s", filters.client_order_id),
        group_id=("group_id = %(group_id)s", filters.group_id),
        parent_order_id=("parent_order_id = %(parent_order_id)s", filters.parent_order_id),
        start=("submitted_at >= %(start)s", filters.start),
        end=("submitted_at < %(end)s", filters.end),
        after_time=("(submitted_at, order_id) < (%(after_time)s, %(after_id)s)", after and after.time),
    )
    newest = f"select {COLUMNS} from orders {clause} order by submitted_at desc, order_id desc limit %(rows)s"
    if own:
        newest = f"""select newest.* from unnest(%(visible)s::text[]) as own (id)
            cross join lateral ({newest}) as newest order by submitted_at desc, order_id desc limit %(rows)s"""
    return await snapshot.all(
        newest,
        {**parameters, "after_id": after and after.order_id, "rows": filters.limit + 1},
    )


async def one(snapshot: Snapshot, order_id: str) -> Row | None:
    return await snapshot.one(f"select {COLUMNS} from orders where order_id = %(order_id)s", {"order_id": order_id})


async def revision(snapshot: Snapshot, order_id: str) -> Row | None:
    """What changes whenever anything that is shown of an order changes: its version and its newest event's place."""
    return await snapshot.one(
        """select account_id, version, partition, record_offset,
                  (select max(h.record_offset) from order_history h where h.order_id = o.order_id) as event_offset
           from orders o where order_id = %(order_id)s""",
        {"order_id": order_id},
    )


async def steps(snapshot: Snapshot, order_id: str, partition: int, position: int) -> Rows:
    """Where the events stand that touch the order, up to an offset, oldest first. Index: order_history_order."""
    return await snapshot.all(
        """select record_offset, recorded_at from order_history
           where order_id = %(order_id)s and partition = %(partition)s and record_offset <= %(position)s
           order by record_offset, leg""",
        {"order_id": order_id, "partition": partition, "position": position},
    )


async def events(snapshot: Snapshot, order_id: str, last: int | None = None) -> Rows:
    """All events that touch the order, those of other orders of its group among them; up to the offset `last`."""
    return await snapshot.all(
        """select h.event_type, nullif(h.status_after, h.status_before) as status, h.recorded_at, h.market_time,
                  partition, record_offset, e.data
           from order_history h join order_events e using (partition, record_offset)
           where h.order_id = %(order_id)s and record_offset <= %(last)s
           order by partition, record_offset, h.leg""",
        {"order_id": order_id, "last": _END if last is None else last},
    )


def step_key(row: Row) -> tuple[Any, ...]:
    return row["partition"], row["record_offset"], row["leg"]


async def history(snapshot: Snapshot, order_id: str, filters: HistoryFilters, after: AfterStep | None) -> Rows:
    """limit + 1 steps beyond `after`, newest first. Index: order_history_order."""
    clause, parameters = where(
        order_id=("order_id = %(order_id)s", order_id),
        start=("recorded_at >= %(start)s", filters.start),
        end=("recorded_at < %(end)s", filters.end),
        after_leg=(
            "(partition, record_offset, leg) < (%(after_partition)s, %(after_offset)s, %(after_leg)s)",
            None if after is None else after.leg,
        ),
    )
    return await snapshot.all(
        f"""select event_type, caused_by, effect, status_before, status_after, changes, last_quantity, last_price, code,
                   reason, recorded_at, market_time, partition, record_offset, leg
            from order_history {clause} order by partition desc, record_offset desc, leg desc limit %(rows)s""",
        {
            **parameters,
            "after_partition": after and after.partition,
            "after_offset": after and after.offset,
            "rows": filters.limit + 1,
        },
    )


async def group(snapshot: Snapshot, group_id: str) -> Row | None:
    return await snapshot.one(
        """select group_id, account_id, client_group_id, kind, hold_cash, hold_quantity, submitted_at
           from order_groups where group_id = %(group_id)s""",
        {"group_id": group_id},
    )


async def group_orders(snapshot: Snapshot, group_id: str) -> Rows:
    """In the order in which they were given, which their first step tells. Index: orders_group."""
    return await snapshot.all(
        f"""select {COLUMNS} from orders where group_id = %(group_id)s
            order by (select leg from order_history h where h.order_id = orders.order_id
                      order by partition, record_offset limit 1), order_id""",
        {"group_id": group_id},
    )


async def fills(snapshot: Snapshot, order_id: str, last: int | None = None) -> Rows:
    """As they were reported, up to the offset `last`. Liquidity and commission stand in the event alone.

    Index: order_events_order.
    """
    return await snapshot.all(
        """select execution_id, quantity, price, fee, coalesce((data ->> 'commission')::numeric, 0) as commission,
                  data ->> 'liquidity' as liquidity, realized_pnl, venue, fills.market_time, fills.recorded_at,
                  evidence, partition, record_offset
           from fills left join order_events using (order_id, partition, record_offset)
           where order_id = %(order_id)s and record_offset <= %(last)s order by partition, record_offset""",
        {"order_id": order_id, "last": _END if last is None else last},
    )
