"""What is written down beside the rows of a projection: where it stands still, and which records it passes over."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import sql

from projections.progress import Connection
from projections.rows import Cursor, clean
from projections.sources import Skips


class Stop(NamedTuple):
    """Where a projection stands still, and why.

    type: the record's ce_type, where it is known. is_whole: the tape is what was written there, so the record may be
    passed over.
    """

    projection: str
    topic: str
    partition: int
    offset: int
    type: str | None
    problem: str
    is_whole: bool

    def __str__(self) -> str:
        return f"projection {self.projection} stands still at {self.topic}/{self.partition} offset {self.offset}" + (
            f" ({self.type}): {self.problem}" if self.type else f": {self.problem}"
        )


class Skip(NamedTuple):
    """A record that a projection passes over. sha256: see projections.sources.record_sha256."""

    projection: str
    topic: str
    partition: int
    offset: int
    sha256: bytes
    type: str | None
    actor: str
    reason: str
    marked_at: datetime


def stop_of(connection: Connection, projection: str, schema: str = "public") -> Stop | None:
    """Where a version stands still, None where it goes on. schema: of the version."""
    row = connection.execute(
        sql.SQL(
            "select projection, topic, partition, record_offset, type, problem, is_whole from {} where projection = %s"
        ).format(sql.Identifier(schema, "projection_stops")),
        (projection,),
    ).fetchone()
    return None if row is None else Stop(*row)


def put_stop(connection: Connection, stop: Stop) -> None:
    """Write it down, in place of an earlier one."""
    connection.execute(
        """insert into projection_stops (projection, topic, partition, record_offset, type, problem, is_whole)
           values (%s, %s, %s, %s, %s, %s, %s)
           on conflict (projection) do update set topic = excluded.topic, partition = excluded.partition,
               record_offset = excluded.record_offset, type = excluded.type, problem = excluded.problem,
               is_whole = excluded.is_whole,
               since = case when (projection_stops.partition, projection_stops.record_offset)
                   = (excluded.partition, excluded.record_offset) then projection_stops.since else now() end""",
        (*stop[:4], None if stop.type is None else clean(stop.type), clean(stop.problem), stop.is_whole),
    )


def clear_stop(cursor: Cursor, projection: str, partition: int, next_offset: int) -> None:
    """It has come past the place."""
    cursor.execute(
        "delete from projection_stops where projection = %s and partition = %s and record_offset < %s",
        (projection, partition, next_offset),
    )


def skips_of(connection: Connection, projection: str, topic: str) -> Skips:
    """The records of a topic that a projection passes over."""
    rows = connection.execute(
        "select partition, record_offset, sha256 from projection_skips where projection = %s and topic = %s",
        (projection, topic),
    )
    return {(partition, offset): bytes(sha256) for partition, offset, sha256 in rows}


def all_skips(connection: Connection) -> list[Skip]:
    """Every record that a projection passes over, in the order of places."""
    rows = connection.execute(
        """select projection, topic, partition, record_offset, sha256, type, actor, reason, marked_at
           from projection_skips order by projection, topic, partition, record_offset"""
    )
    return [Skip(*row)._replace(sha256=bytes(row[4])) for row in rows]
