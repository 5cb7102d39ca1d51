"""Rebalances, newest first, with what became of their orders."""

from __future__ import annotations

from api.query.database import Row, Rows, Snapshot


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


async def newest(snapshot: Snapshot, account_id: str, limit: int) -> Rows:
    """The newest plans, newest first, without their orders."""
    return await snapshot.all(
        """select planned.plan_id, planned.recorded_at as planned_at, canceled.recorded_at as canceled_at
           from rebalance_events planned
           left join rebalance_events canceled on canceled.account_id = planned.account_id
               and canceled.plan_id = planned.plan_id and canceled.event_type = 'RebalanceCanceled'
           where planned.account_id = %(account_id)s and planned.event_type = 'RebalancePlanned'
           order by planned.record_offset desc limit %(limit)s""",
        {"account_id": account_id, "limit": limit},
    )


async def orders(snapshot: Snapshot, order_ids: list[str]) -> dict[str, Row]:
    """What became of the orders that were sent, by order id. Index: the primary key."""
    rows = await snapshot.all(
        """select order_id, status, filled_quantity, average_price, reject_code
           from orders where order_id = any(%(order_ids)s)""",
        {"order_ids": order_ids},
    )
    return {row["order_id"]: row for row in rows}
