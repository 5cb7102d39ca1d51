"""Tables of a version under construction: empty, in a schema of their own, and else like the live ones.

The live tables are the pattern, not the migrations' text: what migrations of any age made of them is in the catalog.
Names of tables, constraints and indexes are the same, so a later migration finds them whichever version is live.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from domain.errors import TapeledgerError
from projections.groups import Group
from projections.progress import Connection
from projections.rebuild import hypertables
from projections.rows import Cursor

LIVE = "public"
OWN = ("projection_progress", "projection_stops")
"""What a version under construction has of its own besides its tables."""


class VersionError(TapeledgerError):
    """A version cannot be made, continued, switched in or dropped; says why, and what can be done."""


def present(connection: Connection, group: Group) -> Group:
    """The group with those of its tables that this database has: some are in plain ones only (docs/adr/0007)."""
    rows = connection.execute(
        "select tablename from pg_tables where schemaname = %s and tablename = any(%s)", (LIVE, list(group.tables))
    ).fetchall()
    found = {name for (name,) in rows}
    return group._replace(tables=tuple(table for table in group.tables if table in found))


def make(cursor: Cursor, schema: str, tables: Sequence[str]) -> None:
    """Make the schema and its tables. Raises VersionError on a table that cannot be made alike."""
    cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    for table in (*tables, *OWN):
        _check(cursor, table)
        new, live = sql.Identifier(schema, table), sql.Identifier(LIVE, table)
        cursor.execute(sql.SQL("create table {} (like {} including all excluding indexes)").format(new, live))
        hypertables.make(cursor, schema, table)
        for name, definition in _constraints(cursor, table):
            cursor.execute(
                sql.SQL("alter table {} add constraint {} {}").format(new, sql.Identifier(name), _trusted(definition))
            )
        for definition in (*_indexes(cursor, table), *_triggers(cursor, table)):
            cursor.execute(_trusted(_moved(definition, table, schema)))
        for option in _options(cursor, table):
            cursor.execute(sql.SQL("alter table {} set ({})").format(new, _trusted(option)))
        _comment(cursor, table, schema)
    hypertables.finish(cursor, schema, tables)


def aggregates(cursor: Cursor, schema: str, tables: Sequence[str]) -> list[str]:
    """Continuous aggregates over these tables, those that others are made of first; none without TimescaleDB."""
    return [one.name for one in hypertables.aggregates(cursor, schema, tables)]


def _check(cursor: Cursor, table: str) -> None:
    """What is not carried over must not be there."""
    found = cursor.execute(
        """select 'a foreign key ' || conname from pg_constraint
               where contype = 'f' and %(table)s::regclass in (conrelid, confrelid)
           union all select 'a row security policy ' || polname from pg_policy where polrelid = %(table)s::regclass
           union all select 'children or partitions' from pg_inherits where inhparent = %(table)s::regclass
               and not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where c.oid = inhrelid and n.nspname = '_timescaledb_internal')""",
        {"table": f"{LIVE}.{table}"},
    ).fetchone()
    if found is not None:
        raise VersionError(f"{table} has {found[0]}, and a rebuild does not know how to make a table with that")


def _constraints(cursor: Cursor, table: str) -> list[tuple[str, str]]:
    """Name and definition of those that have an index; checks and not-nulls come with the columns."""
    rows = cursor.execute(
        """select conname, pg_get_constraintdef(oid) from pg_constraint
           where conrelid = %s::regclass and contype in ('p', 'u', 'x') order by conname""",
        (f"{LIVE}.{table}",),
    )
    return [(str(name), str(definition)) for name, definition in rows]


def _indexes(cursor: Cursor, table: str) -> list[str]:
    """Definitions of the indexes that are of no constraint."""
    rows = cursor.execute(
        """select pg_get_indexdef(indexrelid) from pg_index where indrelid = %s::regclass
               and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))
           order by indexrelid""",
        (f"{LIVE}.{table}",),
    )
    return [str(definition) for (definition,) in rows]


def _triggers(cursor: Cursor, table: str) -> list[str]:
    """Definitions of the triggers, TimescaleDB's own left out. Their functions are shared, and act by the schema."""
    rows = cursor.execute(
        """select pg_get_triggerdef(oid) from pg_trigger where tgrelid = %s::regclass and not tgisinternal
               and tgname not like 'ts\\_%%' order by tgname""",
        (f"{LIVE}.{table}",),
    )
    return [str(definition) for (definition,) in rows]


def _comment(cursor: Cursor, table: str, schema: str) -> None:
    row = cursor.execute("select obj_description(%s::regclass, 'pg_class')", (f"{LIVE}.{table}",)).fetchone()
    if row is not None and row[0] is not None:
        cursor.execute(sql.SQL("comment on table {} is {}").format(sql.Identifier(schema, table), sql.Literal(row[0])))


def _options(cursor: Cursor, table: str) -> list[str]:
    rows = cursor.execute(
        "select unnest(reloptions) from pg_class where oid = %s::regclass", (f"{LIVE}.{table}",)
    ).fetchall()
    return [str(option) for (option,) in rows]


def _moved(definition: str, table: str, schema: str) -> str:
    """A definition of an index or a trigger, on the table of the same name in another schema."""
    before, after = f" ON {LIVE}.{table} ", f" ON {schema}.{table} "
    if definition.count(before) != 1:
        raise VersionError(f"expected one {before!r} in {definition!r}")
    return definition.replace(before, after)


def _trusted(text: str) -> sql.SQL:
    """A definition that the database's own catalog gave."""
    return sql.SQL(text)
