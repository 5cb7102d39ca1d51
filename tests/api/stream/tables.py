"""What the tables hold in the end, read with SQL of its own: what clients must have made of what they were told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from api.fields import rfc3339
from domain.numbers import plain
from tests.api.stream.world import Follower, Projector

QUERIES = {
    "order": "select * from orders",
    "position": "select * from positions",
    "level": "select * from order_book_levels",
    "fill": "select * from fills_now",
}
KEPT = {
    "tick": "select symbol, partition, tick_offset from ticks",
    "signal": "select signal_id from signals",
    "signal_outcome": "select signal_id from signal_outcomes",
    "order_step": "select partition, record_offset, leg from order_history",
}
"""Rows that never change: each is told exactly once."""

INTERVALS = {"1m": "1 minute", "5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "1d": "1 day"}
_BARS = """
select symbol, date_bin(%s, market_time, timestamptz '2000-01-03 00:00:00+00') as bucket,
    (array_agg(price order by tick_offset))[1] as open, max(price) as high, min(price) as low,
    (array_agg(price order by tick_offset desc))[1] as close, sum(volume) as volume
from ticks group by 1, 2
"""


def table(projector: Projector, kind: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a kind by the key that clients use."""
    with projector.connection.cursor() as cursor:
        cursor.execute(QUERIES[kind].encode())
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {tuple(_text(row[name]) for name in Follower.KEYS[kind]): row for row in rows}


def _text(part: Any) -> Any:
    """Of a key; a price in one text, whatever digits the table has."""
    return plain(part) if isinstance(part, Decimal) else part


def bars(projector: Projector, interval: str) -> dict[tuple[str, str, str], list[Decimal]]:
    """Every bar of an interval, from the ticks."""
    return {
        (symbol, interval, rfc3339(bucket)): figures
        for symbol, bucket, *figures in projector.rows(_BARS, INTERVALS[interval])
    }


def same(told: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where a row as it was told differs from the table's, by name; what a table has besides is not looked at."""
    found = {}
    for name, value in told.items():
        if name in ("kind", "details"):
            continue
        held = row[name]
        if isinstance(held, Decimal):
            differs = Decimal(value) != held
        else:
            differs = value != (rfc3339(held) if isinstance(held, datetime) else held)
        if differs:
            found[name] = (value, held)
    return found


def assert_equal(projector: Projector, follower: Follower, kind: str) -> None:
    """Every row that the client has is the table's, and it has every row of the table."""
    told, held = follower.table(kind), table(projector, kind)

    assert told.keys() == held.keys(), kind
    assert {key: same(row, held[key]) for key, row in told.items() if same(row, held[key])} == {}
