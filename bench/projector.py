"""Projected rows per second beside a bare unnest insert of the very same rows.

The projector reads a tape that the ledger agent has written and fills every table. The peer then takes those rows from
the tables, in memory, and puts them into empty copies of the tables (indexes included) in batches of 5,000.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from bench.world import child, worker
from runtime.clients import postgres
from runtime.settings import Settings
from streams.tape import end_offsets

TABLES = (
    "tape_records",
    "accounts",
    "balances",
    "journal_postings",
    "orders",
    "order_events",
    "order_history",
    "order_book_history",
    "fills",
    "positions",
    "lots",
)
BATCH = 5_000
_DEADLINE_S = 180.0


class Round(NamedTuple):
    """Rows per second over all tables; events: tape records projected per second."""

    projector_rows: float
    projector_events: float
    unnest_rows: float


def run_round(settings: Settings) -> Round:
    """One round over the tape `ledger.events` as it stands."""
    topic = settings.topic("ledger.events")
    total = sum(end_offsets(settings, topic).values())
    with child(settings, *worker("projector")), postgres(settings, autocommit=True) as connection:
        started = _wait_for(connection, topic, 1)
        seconds = _wait_for(connection, topic, total) - started
    with postgres(settings) as connection:
        rows = sum(count(connection, table) for table in TABLES)
        copied, copying_s = copy(connection, TABLES)
    assert copied == rows
    return Round(rows / seconds, total / seconds, copied / copying_s)


def _wait_for(connection: psycopg.Connection[Any], topic: str, records: int) -> float:
    """The time at which so many records of the topic were projected."""
    deadline = time.monotonic() + _DEADLINE_S
    query = "select coalesce(sum(next_offset), 0) from projection_progress where topic = %s"
    while True:
        (done,) = connection.execute(query, (topic,)).fetchone() or (0,)
        if done >= records:
            return time.monotonic()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done} of {records} records projected after {_DEADLINE_S} s")
        time.sleep(0.01)


def count(connection: psycopg.Connection[Any], table: str) -> int:
    """The rows of a table."""
    (found,) = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone() or (0,)
    return int(found)


def copy(connection: psycopg.Connection[Any], tables: Sequence[str]) -> tuple[int, float]:
    """Rows copied into empty tables, and the seconds that inserting them took, reading left out."""
    copied, seconds = 0, 0.0
    for table in tables:
        name = sql.Identifier(table)
        columns = [
            (column, kind)
            for column, kind in connection.execute(
                "select attname, format_type(atttypid, atttypmod) from pg_attribute "
                "where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = '' "
                "order by attnum",
                (table,),
            )
            if not kind.endswith("[]")  # unnest would flatten an array of arrays; two columns of tape_records
        ]
        rows = connection.execute(
            sql.SQL("select {} from {}").format(sql.SQL(",").join(sql.Identifier(c) for c, _ in columns), name)
        ).fetchall()
        peer = sql.Identifier(f"peer_{table}")
        connection.execute(sql.SQL("drop table if exists {}").format(peer))
        connection.execute(sql.SQL("create table {} (like {} including all)").format(peer, name))
        for column in _missing_defaults(connection, table, {c for c, _ in columns}):
            connection.execute(sql.SQL("alter table {} alter {} drop not null").format(peer, sql.Identifier(column)))
        insert = sql.SQL("insert into {} ({}) select * from unnest({})").format(
            peer,
            sql.SQL(",").join(sql.Identifier(c) for c, _ in columns),
            sql.SQL(",").join(sql.SQL(f"%s::{kind}[]") for _, kind in columns),  # kinds come from pg_attribute
        )
        connection.commit()
        started = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            connection.execute(insert, [[_plain(row[n]) for row in batch] for n in range(len(columns))])
            connection.commit()
        seconds += time.perf_counter() - started
        copied += len(rows)
    return copied, seconds


def _missing_defaults(connection: psycopg.Connection[Any], table: str, given: set[str]) -> list[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attnotnull", (table,)
    )
    return [name for (name,) in rows if name not in given]


def _plain(value: Any) -> Any:
    """jsonb comes as Python objects and goes back as JSON."""
    return psycopg.types.json.Jsonb(value) if isinstance(value, dict | list) else value
