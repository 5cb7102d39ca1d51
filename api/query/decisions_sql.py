"""What has become of commands, by the ids that they were answered with."""

from __future__ import annotations

from collections.abc import Sequence

from api.query.database import Rows, Snapshot


async def of_orders(snapshot: Snapshot, order_ids: Sequence[str]) -> Rows:
    """Index: the primary key."""
    return await snapshot.all(
        """select order_id, status, reject_code as code, reject_text as text, reject_details as details
           from orders where order_id = any(%(ids)s)""",
        {"ids": list(order_ids)},
    )


async def refusals(snapshot: Snapshot, command_ids: Sequence[str]) -> Rows:
    """Commands other than orders that were refused. Index: command_rejections_command."""
    return await snapshot.all(
        "select command_id, code, text, details from command_rejections where command_id = any(%(ids)s)",
        {"ids": list(command_ids)},
    )
