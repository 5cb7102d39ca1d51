"""Breaks, newest finding first, then id. View: reconciliation_breaks_all. Index: reconciliation_breaks_found, ..."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import BreakFilters, where

_COLUMNS = """break_id, account_id, kind, order_id, execution_id, venue, symbol, expected, actual, status, times,
    first_found_at, found_at, resolved_at, reason, partition, record_offset"""


class After(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    break_id: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}$")]


def key(row: Row) -> tuple[Any, ...]:
    return row["found_at"], row["break_id"]


async def page(
    snapshot: Snapshot, filters: BreakFilters, after: After | None, visible: Sequence[str] | None = None
) -> Rows:
    """limit + 1 breaks beyond `after`. visible: accounts whose breaks may be shown; None: all, and those of none."""
    clause, parameters = where(
        visible=("account_id = any(%(visible)s)", visible),
        status=("status = %(status)s", filters.status),
        account_id=("account_id = %(account_id)s", filters.account_id),
        symbol=("symbol = %(symbol)s", filters.symbol),
        kind=("kind = %(kind)s", filters.kind),
        order_id=("order_id = %(order_id)s", filters.order_id),
        start=("found_at >= %(start)s", filters.start),
        end=("found_at < %(end)s", filters.end),
        after_time=("(found_at, break_id) < (%(after_time)s, %(after_id)s)", after and after.time),
    )
    return await snapshot.all(
        f"select {_COLUMNS} from reconciliation_breaks_all {clause} "
        "order by found_at desc, break_id desc limit %(rows)s",
        {**parameters, "after_id": after and after.break_id, "rows": filters.limit + 1},
    )
