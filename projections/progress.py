"""How far a projection is: rows of projection_progress, moved on in the transaction that writes what was read.

The table is found by the connection's search path: the live version's, or that of a version under construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from projections.groups import Group
from projections.rows import Cursor
from projections.sources import NO_HEAD, Position, Positions
from streams.tape import Head, genesis

Connection = psycopg.Connection[tuple[Any, ...]]

_BEGIN = """
insert into projection_progress (projection, topic, partition, next_offset, head_seq, head_hash)
values (%s, %s, %s, 0, 0, %s) on conflict do nothing
"""
_LOAD = """
select partition, next_offset, head_seq, head_hash from projection_progress where projection = %s and topic = %s
"""
_GUARD = """
update projection_progress set next_offset = %s, head_seq = %s, head_hash = %s, updated_at = now()
where projection = %s and topic = %s and partition = %s and next_offset = %s
"""


class Overtaken(Exception):
    """Another projector has written some of this batch."""


def begin(connection: Connection, group: Group, topic: str, partitions: list[int]) -> dict[int, Position]:
    """The progress of these partitions; those that have none yet begin at offset 0."""
    for partition in partitions:
        head = genesis(topic, partition) if group.is_tape else NO_HEAD.hash
        connection.execute(_BEGIN, (group.name, topic, partition, head))
    found = load(connection, group, topic)
    return {partition: found[partition] for partition in partitions}


def load(connection: Connection, group: Group, topic: str, lock: bool = False) -> dict[int, Position]:
    """The progress of every partition that was begun. lock: nobody moves them before this transaction ends."""
    statement = f"{_LOAD} order by partition for update" if lock else _LOAD
    rows = connection.execute(statement.encode(), (group.name, topic)).fetchall()
    return {partition: (next_offset, Head(seq, bytes(digest))) for partition, next_offset, seq, digest in rows}


def advance(cursor: Cursor, group: Group, topic: str, before: Positions, ends: Mapping[int, Position]) -> None:
    """The first thing of a transaction: it takes the rows' locks. Raises Overtaken where they are elsewhere."""
    for partition, (next_offset, head) in sorted(ends.items()):
        expected = before[partition][0]
        cursor.execute(_GUARD, (next_offset, head.seq, head.hash, group.name, topic, partition, expected))
        if cursor.rowcount != 1:
            raise Overtaken(f"{topic}/{partition} is no longer at offset {expected}")
