"""Ticks and bars of a symbol, and how far the projections are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import where
from api.query.market_filters import BarFilters, TickFilters

_VIEWS = {"1m": "bars_1m", "5m": "bars_5m", "15m": "bars_15m", "1h": "bars_1h", "1d": "bars_1d"}


class AfterBar(msgspec.Struct, array_like=True, frozen=True):
    bucket: datetime


class AfterTick(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def bar_key(row: Row) -> tuple[Any, ...]:
    return (row["bucket"],)


async def bars(snapshot: Snapshot, symbol: str, filters: BarFilters, after: AfterBar | None) -> Rows:
    """limit + 1 bars of the interval before `after`, newest first. Index: bars_pkey, or that of the aggregate."""
    clause, parameters = where(
        symbol=("symbol = %(symbol)s", symbol),
        start=("bucket >= %(start)s", filters.start),
        end=("bucket < %(end)s", filters.end),
        after=("bucket < %(after)s", after and after.bucket),
    )
    return await snapshot.all(
        f"""select bucket, open, high, low, close, volume from {_VIEWS[filters.interval]} {clause}
            order by bucket desc limit %(rows)s""",
        {**parameters, "rows": filters.limit + 1},
    )


def tick_key(row: Row) -> tuple[Any, ...]:
    return row["market_time"], row["partition"], row["offset"]


async def ticks(snapshot: Snapshot, symbol: str, filters: TickFilters, after: AfterTick | None) -> Rows:
    """limit + 1 ticks beyond `after`, newest first by market time, then place on the topic. Index: ticks_symbol."""
    clause, parameters = where(
        symbol=("symbol = %(symbol)s", symbol),
        start=("market_time >= %(start)s", filters.start),
        end=("market_time < %(end)s", filters.end),
        after_time=(
            "(market_time, partition, tick_offset) < (%(after_time)s, %(after_partition)s, %(after_offset)s)",
            after and after.time,
        ),
    )
    return await snapshot.all(
        f"""select market_time, price, volume, closes_bar, partition, tick_offset as offset from ticks {clause}
            order by market_time desc, partition desc, tick_offset desc limit %(rows)s""",
        {
            **parameters,
            "after_partition": after and after.partition,
            "after_offset": after and after.offset,
            "rows": filters.limit + 1,
        },
    )


async def is_known(snapshot: Snapshot, symbol: str) -> bool:
    """Whether there ever was a tick of the symbol. Index: ticks_symbol."""
    row = await snapshot.one(
        "select 1 from ticks where symbol = %(symbol)s order by market_time desc limit 1", {"symbol": symbol}
    )
    return row is not None


async def progress(snapshot: Snapshot) -> Rows:
    """Where each projection is on each partition: few rows."""
    return await snapshot.all(
        """select projection, topic, partition, next_offset, head_seq, encode(head_hash, 'hex') as head_hash, updated_at
           from projection_progress order by projection, topic, partition""",
        {},
    )
