"""Signals: newest first by market time, then place on the tape. Index: signals_symbol, signals_request, ..._signal."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import SignalFilters, where

Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Partition = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class After(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    partition: Partition
    offset: Offset


_COLUMNS = """signal_id, symbol, direction, p_buy, p_sell, p_hold, model_name, model_version, model_sha256, price,
    features, abstained, requested_by_id, first_tick, last_tick, realised, entry_price, exit_price, known_at,
    market_time, recorded_at, partition, record_offset"""

# The first outcome of each signal, looked up for the rows of a page alone. Its market time finds the chunk.
_FROM = """signals left join lateral (
    select realised, entry_price, exit_price, known_at from signal_outcomes as told
    where told.signal_id = signals.signal_id and told.market_time = signals.market_time
    order by told.partition, told.record_offset, told.leg limit 1) as outcome on true"""


def key(row: Row) -> tuple[Any, ...]:
    return row["market_time"], row["partition"], row["record_offset"]


async def page(snapshot: Snapshot, filters: SignalFilters, after: After | None) -> Rows:
    """limit + 1 signals beyond `after`."""
    clause, parameters = where(
        symbol=("symbol = %(symbol)s", filters.symbol),
        direction=("direction = %(direction)s", filters.direction),
        start=("market_time >= %(start)s", filters.start),
        end=("market_time < %(end)s", filters.end),
        after_time=(
            "(market_time, partition, record_offset) < (%(after_time)s, %(after_partition)s, %(after_offset)s)",
            after and after.time,
        ),
    )
    return await snapshot.all(
        f"""select {_COLUMNS} from {_FROM} {clause}
            order by market_time desc, partition desc, record_offset desc limit %(rows)s""",
        {
            **parameters,
            "after_partition": after and after.partition,
            "after_offset": after and after.offset,
            "rows": filters.limit + 1,
        },
    )


async def of_request(snapshot: Snapshot, request_id: str) -> Row | None:
    return await snapshot.one(
        f"select {_COLUMNS} from {_FROM} where requested_by_id = %(id)s order by market_time limit 1",
        {"id": request_id},
    )


async def refusal_of_request(snapshot: Snapshot, request_id: str) -> Row | None:
    return await snapshot.one(
        "select code, text, recorded_at from signal_refusals where request_id = %(id)s limit 1", {"id": request_id}
    )
