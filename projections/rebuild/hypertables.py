"""What TimescaleDB adds to tables: hypertables with compression and policies, and continuous aggregates over them.

Everything here does nothing in a database without the extension, where the tables are plain and bars are views.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from psycopg import sql

from projections.rows import Cursor

_LIVE = "public"
_POLICIES = {
    "policy_compression": ("add_compression_policy", ("compress_after",)),
    "policy_retention": ("add_retention_policy", ("drop_after",)),
    "policy_refresh_continuous_aggregate": ("add_continuous_aggregate_policy", ("start_offset", "end_offset")),
}


class Aggregate(NamedTuple):
    """A continuous aggregate. over: the table or the aggregate that it reads. source: schema and name of its data."""

    name: str
    over: str
    definition: str
    materialized_only: bool
    compressed: bool
    source: tuple[str, str]


def is_there(cursor: Cursor) -> bool:
    """Whether this database has the extension."""
    return cursor.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone() is not None


@contextmanager
def searching(cursor: Cursor, schema: str) -> Iterator[None]:
    """Within a transaction: names without a schema are looked up in this one, and then among the live tables."""
    (before,) = cursor.execute("select current_setting('search_path')").fetchone() or ("",)
    path = schema if schema == _LIVE else f"{schema}, {_LIVE}"
    cursor.execute("select set_config('search_path', %s, true)", (path,))
    yield
    cursor.execute("select set_config('search_path', %s, true)", (before,))


def make(cursor: Cursor, schema: str, table: str) -> None:
    """Make the empty table a hypertable where the live one is."""
    if not is_there(cursor):
        return
    row = cursor.execute(
        """select column_name, time_interval from timescaledb_information.dimensions
           where hypertable_schema = %s and hypertable_name = %s order by dimension_number""",
        (_LIVE, table),
    ).fetchone()
    if row is not None:
        cursor.execute(
            """select create_hypertable(%s::regclass, %s::name,
                chunk_time_interval => %s::interval, create_default_indexes => false)""",
            (f"{schema}.{table}", row[0], row[1]),
        )


def finish(cursor: Cursor, schema: str, tables: Sequence[str]) -> None:
    """Compression, policies and continuous aggregates, after the tables have their indexes."""
    if not is_there(cursor):
        return
    for table in tables:
        _compress(cursor, (_LIVE, table), schema, table, sql.SQL("table"))
        _policies(cursor, (_LIVE, table), schema, table)
    with searching(cursor, _LIVE):
        found = aggregates(cursor, _LIVE, tables)
    for one in found:
        with searching(cursor, schema):
            cursor.execute(
                sql.SQL(
                    "create materialized view {} with (timescaledb.continuous, timescaledb.materialized_only = {}) "
                    "as {} with no data"
                ).format(
                    sql.Identifier(schema, one.name),
                    sql.Literal(one.materialized_only),
                    sql.SQL(one.definition.rstrip().rstrip(";")),
                )
            )
        comment = cursor.execute(
            "select obj_description(%s::regclass, 'pg_class')", (f"{_LIVE}.{one.name}",)
        ).fetchone()
        if comment is not None and comment[0] is not None:
            cursor.execute(
                sql.SQL("comment on view {} is {}").format(sql.Identifier(schema, one.name), sql.Literal(comment[0]))
            )
        if one.compressed:
            _compress(cursor, one.source, schema, one.name, sql.SQL("materialized view"))
        _policies(cursor, (_LIVE, one.name), schema, one.name)


def aggregates(cursor: Cursor, schema: str, tables: Sequence[str]) -> list[Aggregate]:
    """Continuous aggregates of a schema over these tables or over one another, what is read before what reads it.

    Names in definitions stand without a schema where the search path finds them.
    """
    if not is_there(cursor):
        return []
    rows = cursor.execute(
        """select view_name, hypertable_name, view_definition, materialized_only, compression_enabled,
               materialization_hypertable_schema, materialization_hypertable_name
           from timescaledb_information.continuous_aggregates where view_schema = %s""",
        (schema,),
    ).fetchall()
    found: list[Aggregate] = []
    known = set(tables)
    waiting = [Aggregate(row[0], row[1], row[2], row[3], row[4], (row[5], row[6])) for row in rows]
    while ready := [one for one in waiting if one.over in known]:
        found += ready
        known |= {one.source[1] for one in ready}
        waiting = [one for one in waiting if one not in ready]
    return found


def refresh(cursor: Cursor, schema: str, tables: Sequence[str]) -> None:
    """Compute the aggregates of a version as far as they can be. Outside of a transaction."""
    for one in aggregates(cursor, schema, tables):
        cursor.execute("call refresh_continuous_aggregate(%s::regclass, null, null)", (f"{schema}.{one.name}",))


def _compress(cursor: Cursor, live: tuple[str, str], schema: str, name: str, kind: sql.SQL) -> None:
    """Compression settings like those of the live one."""
    rows = cursor.execute(
        """select attname, segmentby_column_index, orderby_column_index, orderby_asc, orderby_nullsfirst
           from timescaledb_information.compression_settings where hypertable_schema = %s and hypertable_name = %s""",
        live,
    ).fetchall()
    if not rows:
        return
    segments = sorted((row[1], row[0]) for row in rows if row[1] is not None)
    orders = sorted(
        (row[2], f"{row[0]} {'asc' if row[3] else 'desc'} nulls {'first' if row[4] else 'last'}")
        for row in rows
        if row[2] is not None
    )
    cursor.execute(
        sql.SQL(
            "alter {} {} set (timescaledb.compress, timescaledb.compress_segmentby = {}, "
            "timescaledb.compress_orderby = {})"
        ).format(
            kind,
            sql.Identifier(schema, name),
            sql.Literal(", ".join(text for _, text in segments)),
            sql.Literal(", ".join(text for _, text in orders)),
        )
    )


def _policies(cursor: Cursor, live: tuple[str, str], schema: str, name: str) -> None:
    """Background jobs like those of the live one."""
    rows: list[tuple[Any, ...]] = cursor.execute(
        """select proc_name, schedule_interval, config from timescaledb_information.jobs
           where proc_name = any(%s) and (hypertable_schema, hypertable_name) = (%s, %s)""",
        (list(_POLICIES), *live),
    ).fetchall()
    for proc, schedule, config in rows:
        function, names = _POLICIES[proc]
        options = config if isinstance(config, dict) else json.loads(config)
        given = ", ".join(f"{option} => %s::interval" for option in names)
        extra = ", schedule_interval => %s::interval" if function == "add_continuous_aggregate_policy" else ""
        made = cursor.execute(
            f"select {function}(%s::regclass, {given}{extra})".encode(),
            (f"{schema}.{name}", *(options.get(option) for option in names), *([schedule] if extra else [])),
        ).fetchone()
        assert made is not None, f"{function} gives the job's id"
        if not extra:
            cursor.execute("select alter_job(%s, schedule_interval => %s::interval)", (made[0], schedule))
