"""The order book: at a moment, and over time. Functions and indexes: infra/timescale/0004_orders_depth.sql."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from api.query.database import Row, Rows, Snapshot


class AfterPoint(msgspec.Struct, array_like=True, frozen=True):
    time: datetime


class Moment(NamedTuple):
    """places: partition -> the first record of ledger.events that does not count; None where `time` decides."""

    places: Mapping[int, int] | None
    time: datetime | None = None

    def source(self) -> tuple[str, dict[str, Any]]:
        """The book's rows as a from item, and its parameters besides the symbol."""
        if self.places is None:
            return "order_book_at(%(symbol)s, %(time)s)", {"time": self.time}
        return "order_book_as_of(%(symbol)s, %(partitions)s::integer[], %(next_offsets)s::bigint[])", {
            "partitions": list(self.places),
            "next_offsets": list(self.places.values()),
        }


async def now(snapshot: Snapshot) -> datetime:
    """The database's clock."""
    row = await snapshot.one("select now() as now", {})
    assert row is not None
    found: datetime = row["now"]
    return found


async def places_now(snapshot: Snapshot) -> dict[int, int]:
    """Partition -> the first record of ledger.events that is not projected."""
    rows = await snapshot.all(
        "select partition, next_offset from projection_progress where projection = 'ledger' order by partition", {}
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def feed_now(snapshot: Snapshot) -> int:
    """The number of the newest committed batch."""
    row = await snapshot.one("select feed from feed_head", {})
    return 0 if row is None else int(row["feed"])


async def places_of_feed(snapshot: Snapshot, projection: str, feed: int) -> dict[int, int]:
    """Where each partition of a projection's topic stood after a committed batch. Index: feed_batches_place."""
    rows = await snapshot.all(
        """select progress.partition, place.next_offset
           from projection_progress as progress cross join lateral (
               select next_offset from feed_batches
               where projection = progress.projection and partition = progress.partition and feed <= %(feed)s
               order by feed desc limit 1) as place
           where progress.projection = %(projection)s order by progress.partition""",
        {"feed": feed, "projection": projection},
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def levels(snapshot: Snapshot, symbol: str, moment: Moment, depth: int, account_id: str | None) -> Rows:
    """The best levels of each side, best first; side_*: of all levels of its side."""
    source, parameters = moment.source()
    return await snapshot.all(
        f"""with level as (
                select side, price, sum(quantity) as quantity, count(*) as orders,
                    coalesce(sum(quantity) filter (where account_id = %(account_id)s::text), 0) as own_quantity,
                    row_number() over (partition by side order by case side when 'BUY' then - price else price end)
                        as rank
                from {source} as book group by side, price),
            total as (
                select side, sum(quantity) as side_quantity, sum(orders) as side_orders, count(*) as side_levels
                from level group by side)
            select * from level join total using (side) where rank <= %(depth)s order by side, rank""",
        {**parameters, "symbol": symbol, "depth": depth, "account_id": account_id},
    )


async def queues(snapshot: Snapshot, symbol: str, moment: Moment, orders: int, account_id: str | None) -> Rows:
    """The first orders of each level, and all of the account's; *_ahead: what stands before it at its price."""
    source, parameters = moment.source()
    return await snapshot.all(
        f"""with queue as (
                select *, row_number() over line - 1 as orders_ahead,
                    sum(quantity) over line - quantity as quantity_ahead
                from {source} as book
                window line as (partition by side, price order by priority_at, partition, priority_offset, order_id
                    rows unbounded preceding))
            select * from queue where orders_ahead < %(orders)s or account_id = %(account_id)s::text
            order by side, price, orders_ahead""",
        {**parameters, "symbol": symbol, "orders": orders, "account_id": account_id},
    )


async def last_trade(snapshot: Snapshot, symbol: str, places: Mapping[int, int] | None) -> Row | None:
    """The newest tick, among the records before these places where they are given. Index: ticks_symbol."""
    before = "true"
    if places is not None:
        before = """tick_offset < (select next_offset
            from unnest(%(partitions)s::integer[], %(next_offsets)s::bigint[]) as place (partition, next_offset)
            where place.partition = ticks.partition)"""
    return await snapshot.one(
        f"""select price, volume, market_time from ticks where symbol = %(symbol)s and {before}
            order by market_time desc, tick_offset desc limit 1""",
        {"symbol": symbol, "partitions": list(places or ()), "next_offsets": list((places or {}).values())},
    )


def point_key(row: Row) -> tuple[Any, ...]:
    return (row["time"],)


async def depth(snapshot: Snapshot, symbol: str, times: Sequence[datetime], levels_max: int) -> Rows:
    """A row for each time, newest first: best prices, and the sums of the best levels of each side."""
    return await snapshot.all(
        """with point as (select time from unnest(%(times)s::timestamptz[]) as given (time)),
           level as (
               select point.time, side, price, sum(quantity) as quantity, count(*) as orders,
                   row_number() over (partition by point.time, side
                       order by case side when 'BUY' then - price else price end) as rank
               from point cross join lateral order_book_at(%(symbol)s, point.time) as book
               group by point.time, side, price)
           select point.time,
               max(price) filter (where side = 'BUY') as best_bid,
               min(price) filter (where side = 'SELL') as best_ask,
               coalesce(sum(quantity) filter (where side = 'BUY' and rank <= %(depth)s), 0) as bid_quantity,
               coalesce(sum(quantity) filter (where side = 'SELL' and rank <= %(depth)s), 0) as ask_quantity,
               coalesce(sum(orders) filter (where side = 'BUY' and rank <= %(depth)s), 0)::bigint as bid_orders,
               coalesce(sum(orders) filter (where side = 'SELL' and rank <= %(depth)s), 0)::bigint as ask_orders
           from point left join level on level.time = point.time
           group by point.time order by point.time desc""",
        {"symbol": symbol, "times": list(times), "depth": levels_max},
    )


async def is_known(snapshot: Snapshot, symbol: str) -> bool:
    """Whether an order of the symbol ever stood on the book. Index: order_book_orders_queue, ..._history_offset."""
    row = await snapshot.one(
        """select coalesce(
               (select true from order_book_orders where symbol = %(symbol)s order by side, price limit 1),
               (select true from order_book_history where symbol = %(symbol)s order by partition limit 1),
               false) as known""",
        {"symbol": symbol},
    )
    return row is not None and bool(row["known"])
