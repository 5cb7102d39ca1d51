"""Rebalances, newest first, with what became of their orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import RebalanceFilters, where


class AfterPlan(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


async def one(snapshot: Snapshot, account_id: str, plan_id: str) -> Row | None:
    """The plan and, where it was cancelled, when. Index: rebalance_events_plan."""
    return await snapshot.one(
        """select planned.plan_id, planned.recorded_at as planned_at, planned.data, canceled.recorded_at as canceled_at
           from rebalance_events planned
           left join rebalance_events canceled on canceled.account_id = planned.account_id
               and canceled.plan_id = planned.plan_id and canceled.event_type = 'RebalanceCanceled'
           where planned.account_id = %(account_id)s and planned.plan_id = %(plan_id)s
             and planned.event_type = 'RebalancePlanned'
           order by planned.record_offset desc limit 1""",
        {"account_id": account_id, "plan_id": plan_id},
    )


def plan_key(row: Row) -> tuple[Any, ...]:
    return row["planned_at"], row["record_offset"]


async def page(snapshot: Snapshot, account_id: str, filters: RebalanceFilters, after: AfterPlan | None) -> Rows:
    """limit + 1 plans beyond `after`, newest first, without their orders. Index: rebalance_events_account."""
    clause, parameters = where(
        account_id=("planned.account_id = %(account_id)s", account_id),
        kind=("planned.event_type = %(kind)s", "RebalancePlanned"),
        start=("planned.recorded_at >= %(start)s", filters.start),
        end=("planned.recorded_at < %(end)s", filters.end),
        after=(
            "(planned.recorded_at, planned.record_offset) < (%(after)s, %(after_offset)s)",
            after and after.time,
        ),
    )
    return await snapshot.all(
        f"""select planned.plan_id, planned.recorded_at as planned_at, canceled.recorded_at as canceled_at,
                   planned.partition, planned.record_offset
           from rebalance_events planned
           left join rebalance_events canceled on canceled.account_id = planned.account_id
               and canceled.plan_id = planned.plan_id and canceled.event_type = 'RebalanceCanceled'
           {clause} order by planned.recorded_at desc, planned.record_offset desc limit %(rows)s""",
        {**parameters, "after_offset": after and after.offset, "rows": filters.limit + 1},
    )


async def orders(snapshot: Snapshot, order_ids: list[str]) -> dict[str, Row]:
    """What became of the orders that were sent, by order id. Index: the primary key."""
    rows = await snapshot.all(
        """select order_id, status, filled_quantity, average_price, reject_code
           from orders where order_id = any(%(order_ids)s)""",
        {"order_ids": order_ids},
    )
    return {row["order_id"]: row for row in rows}
