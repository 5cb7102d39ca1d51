"""Orders: newest first by time of submission, then id. Index: orders_submitted, orders_account, orders_symbol."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import OrderFilters, where

COLUMNS = """order_id, account_id, client_order_id, symbol, side, order_type, quantity, limit_price, protection_price,
    status, filled_quantity, leaves_quantity, average_price, fees, hold_cash, hold_quantity, reject_code, reject_text,
    reject_details, cancel_reason, signal_id, strategy_id, dispatch_epoch, worker_id, venue, submitted_at, updated_at,
    version, partition, record_offset"""


class After(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    order_id: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}$")]


def key(row: Row) -> tuple[Any, ...]:
    return row["submitted_at"], row["order_id"]


async def page(snapshot: Snapshot, filters: OrderFilters, after: After | None) -> Rows:
    """limit + 1 orders beyond `after`."""
    clause, parameters = where(
        account_id=("account_id = %(account_id)s", filters.account_id),
        symbol=("symbol = %(symbol)s", filters.symbol),
        status=("status = %(status)s", filters.status),
        client_order_id=("client_order_id = %(client_order_id)s", filters.client_order_id),
        start=("submitted_at >= %(start)s", filters.start),
        end=("submitted_at < %(end)s", filters.end),
        after_time=("(submitted_at, order_id) < (%(after_time)s, %(after_id)s)", after and after.time),
    )
    return await snapshot.all(
        f"select {COLUMNS} from orders {clause} order by submitted_at desc, order_id desc limit %(rows)s",
        {**parameters, "after_id": after and after.order_id, "rows": filters.limit + 1},
    )


async def one(snapshot: Snapshot, order_id: str) -> Row | None:
    return await snapshot.one(f"select {COLUMNS} from orders where order_id = %(order_id)s", {"order_id": order_id})


async def revision(snapshot: Snapshot, order_id: str) -> Row | None:
    """What changes whenever anything that is shown of an order changes: its version and its newest event's place."""
    return await snapshot.one(
        """select version, partition, record_offset,
                  (select max(e.record_offset) from order_events e where e.order_id = o.order_id) as event_offset
           from orders o where order_id = %(order_id)s""",
        {"order_id": order_id},
    )


async def events(snapshot: Snapshot, order_id: str) -> Rows:
    return await snapshot.all(
        """select event_type, status, recorded_at, market_time, partition, record_offset, data
           from order_events where order_id = %(order_id)s order by partition, record_offset""",
        {"order_id": order_id},
    )


async def fills(snapshot: Snapshot, order_id: str) -> Rows:
    return await snapshot.all(
        """select execution_id, quantity, price, fee, realized_pnl, venue, market_time, recorded_at, evidence,
                  partition, record_offset
           from fills where order_id = %(order_id)s order by partition, record_offset""",
        {"order_id": order_id},
    )
