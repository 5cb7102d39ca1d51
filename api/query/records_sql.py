"""Records of the ledger's tape, as the archive has them, byte for byte."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import EventFilters, where
from api.query.replica import DESKS

_COLUMNS = """topic, partition, record_offset, seq, hash, key, value, header_names, header_values, type, kafka_time,
    recorded_at"""

MARK_RECORDS = 500


class AfterRecord(msgspec.Struct, array_like=True, frozen=True):
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def record_key(row: Row) -> tuple[Any, ...]:
    return row["partition"], row["record_offset"]


async def at(snapshot: Snapshot, topic: str, partition: int, offsets: list[int]) -> Rows:
    """Type and value of the records at these places, in their order. Index: the primary key."""
    return await snapshot.all(
        """select record_offset, type, value from tape_records
           where topic = %(topic)s and partition = %(partition)s and record_offset = any(%(offsets)s)
           order by record_offset""",
        {"topic": topic, "partition": partition, "offsets": offsets},
    )


async def of_account(
    snapshot: Snapshot, topic: str, partition: int, account_id: str, filters: EventFilters, after: AfterRecord | None
) -> Rows:
    """limit + 1 live records of an account beyond `after`, newest first. Index: tape_records_key."""
    clause, parameters = where(
        topic=("topic = %(topic)s", topic),
        partition=("partition = %(partition)s", partition),
        key=("key = %(key)s", account_id.encode()),
        live=("live = %(live)s", True),
        type=("type like %(type)s", filters.type_pattern),
        start=("recorded_at >= %(start)s", filters.start),
        end=("recorded_at < %(end)s", filters.end),
        after=("record_offset < %(after)s", after and after.offset),
    )
    return await snapshot.all(
        f"select {_COLUMNS} from tape_records {clause} order by record_offset desc limit %(rows)s",
        {**parameters, "rows": filters.limit + 1},
    )


async def of_order(
    snapshot: Snapshot, topic: str, order_id: str, filters: EventFilters, after: AfterRecord | None
) -> Rows:
    """limit + 1 records beyond `after` of events that touch an order, those of other orders of its group among them.

    Newest first. Index: order_history_order, and the primary key of tape_records.
    """
    clause, parameters = where(
        order_id=("h.order_id = %(order_id)s", order_id),
        topic=("r.topic = %(topic)s", topic),
        live=("r.live = %(live)s", True),
        type=("r.type like %(type)s", filters.type_pattern),
        start=("r.recorded_at >= %(start)s", filters.start),
        end=("r.recorded_at < %(end)s", filters.end),
        after=(
            "(h.partition, h.record_offset) < (%(after_partition)s, %(after)s)",
            after and after.offset,
        ),
    )
    columns = ", ".join(f"r.{name.strip()}" for name in _COLUMNS.split(","))
    return await snapshot.all(
        f"""select {columns} from order_history h
            join tape_records r on r.partition = h.partition and r.record_offset = h.record_offset
            {clause} order by h.partition desc, h.record_offset desc limit %(rows)s""",
        {**parameters, "after_partition": after and after.partition, "rows": filters.limit + 1},
    )


async def desk_key(snapshot: Snapshot, topic: str, partition: int) -> bytes | None:
    """The key of the partition's desk, which has one; None before its first record. Index: tape_records_key."""
    row = await snapshot.one(
        """select key from tape_records
           where topic = %(topic)s and partition = %(partition)s and key like %(key)s limit 1""",
        {"topic": topic, "partition": partition, "key": DESKS.encode()},
    )
    return None if row is None else bytes(row["key"])


async def marked(snapshot: Snapshot, topic: str, partition: int, key: bytes, before: int) -> Rows:
    """A desk's records of marks before an offset, newest first, MARK_RECORDS at most. Index: tape_records_key."""
    return await snapshot.all(
        f"""select record_offset, type, value from tape_records
            where topic = %(topic)s and partition = %(partition)s and key = %(key)s and live
              and type like 'tapeledger.PricesMarked.v%%' and record_offset < %(before)s
            order by record_offset desc limit {MARK_RECORDS}""",
        {"topic": topic, "partition": partition, "key": key, "before": before},
    )
