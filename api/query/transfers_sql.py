"""Transfers of cash between accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import TransferFilters, where

_Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Small = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_COLUMNS = """transfer_id, from_account_id, to_account_id, amount, currency, status, returned_because, actor, reason,
    sent_at, ended_at, partition, record_offset"""


class AfterTransfer(msgspec.Struct, array_like=True, frozen=True):
    sent_at: datetime
    partition: _Small
    offset: _Offset


def transfer_key(row: Row) -> tuple[Any, ...]:
    return row["sent_at"], row["partition"], row["record_offset"]


async def one(snapshot: Snapshot, account_id: str, transfer_id: str) -> Row | None:
    """Index: operator_actions_reference."""
    return await snapshot.one(
        f"select {_COLUMNS} from transfers where from_account_id = %(account_id)s and transfer_id = %(transfer_id)s",
        {"account_id": account_id, "transfer_id": transfer_id},
    )


async def many(snapshot: Snapshot, account_id: str, filters: TransferFilters, after: AfterTransfer | None) -> Rows:
    """limit + 1 transfers of an account beyond `after`, those to it included, newest first.

    Those that left and those to arrive are each read in their order. Index: operator_actions_sent, ..._received.
    """
    clause, parameters = where(
        account_id=("{side} = %(account_id)s", account_id),
        status=("status = %(status)s", filters.status),
        start=("sent_at >= %(start)s", filters.start),
        end=("sent_at < %(end)s", filters.end),
        after_at=(
            "(sent_at, partition, record_offset) < (%(after_at)s, %(after_partition)s, %(after_offset)s)",
            after and after.sent_at,
        ),
    )
    page = f"""select {_COLUMNS} from transfers {clause}
               order by sent_at desc, partition desc, record_offset desc limit %(rows)s"""
    return await snapshot.all(
        f"""({page.format(side="from_account_id")}) union ({page.format(side="to_account_id")})
            order by sent_at desc, partition desc, record_offset desc limit %(rows)s""",
        {
            **parameters,
            "after_partition": after and after.partition,
            "after_offset": after and after.offset,
            "rows": filters.limit + 1,
        },
    )
