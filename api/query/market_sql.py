"""Bars, and how far the projections are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import BarFilters, where


class AfterBar(msgspec.Struct, array_like=True, frozen=True):
    bucket: datetime


def bar_key(row: Row) -> tuple[Any, ...]:
    return (row["bucket"],)


async def bars(snapshot: Snapshot, symbol: str, filters: BarFilters, after: AfterBar | None) -> Rows:
    """limit + 1 daily bars before `after`, newest first."""
    clause, parameters = where(
        symbol=("symbol = %(symbol)s", symbol),
        start=("bucket >= %(start)s", filters.start),
        end=("bucket < %(end)s", filters.end),
        after=("bucket < %(after)s", after and after.bucket),
    )
    return await snapshot.all(
        f"""select bucket, open, high, low, close, volume from bars_1d {clause}
            order by bucket desc limit %(rows)s""",
        {**parameters, "rows": filters.limit + 1},
    )


async def progress(snapshot: Snapshot) -> Rows:
    return await snapshot.all(
        """select projection, topic, partition, next_offset, head_seq, encode(head_hash, 'hex') as head_hash, updated_at
           from projection_progress order by projection, topic, partition""",
        {},
    )
