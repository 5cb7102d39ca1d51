"""What stands on the desks: a row for each partition and control, and each partition and symbol. Few rows."""

from __future__ import annotations

from api.query.database import Rows, Snapshot


async def controls(snapshot: Snapshot) -> Rows:
    return await snapshot.all(
        """select partition, control, nullif(strategy_id, '') as strategy_id, in_force, limits, officer, reason,
                  command_id, desk_key, version, changed_at, record_offset
           from desk_controls order by control, desk_controls.strategy_id, partition""",
        {},
    )


async def marks(snapshot: Snapshot) -> Rows:
    return await snapshot.all(
        """select partition, symbol, price, market_time, version, record_offset from desk_marks
           order by symbol, partition""",
        {},
    )
