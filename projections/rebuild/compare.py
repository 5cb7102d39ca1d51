"""Comparing two versions of a projection, table by table, in SQL: counts, and sums that do not hang on the order.

A row is compared by its values: of numbers the scale does not count (2.50 is 2.5), since it tells how a sum was added
up. The checksum adds up two 64-bit hashes of each row: against mistakes, not against an adversary. Each table has a
primary key, by which rows that differ are found and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from psycopg import sql

from projections.progress import Connection
from projections.rebuild.tables import LIVE

_EXAMPLES_MAX = 5


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One row that is not the same in both. live, new: the columns that differ with their values; None: no such row."""

    key: dict[str, Any]
    live: dict[str, Any] | None
    new: dict[str, Any] | None

    def __str__(self) -> str:
        key = ", ".join(f"{name} {value}" for name, value in self.key.items())
        if self.live is None or self.new is None:
            return f"{key}: {'not in the live version' if self.live is None else 'not in the new version'}"
        return f"{key}: " + ", ".join(
            f"{name} is {self.live.get(name)!r}, in the new version {self.new.get(name)!r}" for name in self.live
        )


class TableResult(msgspec.Struct, frozen=True, kw_only=True):
    """rows, checksum: of both versions. differing: keys whose rows are not the same, those of one version included."""

    table: str
    live_rows: int
    new_rows: int
    live_checksum: str
    new_checksum: str
    differing: int
    examples: list[Example]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """positions: by partition, where both versions stood. stood_still_s: how long the live one did, seconds."""

    projection: str
    version: int
    positions: dict[int, int]
    tables: list[TableResult]
    stood_still_s: float = 0.0

    @property
    def differing(self) -> int:
        return sum(table.differing for table in self.tables)

    def text(self) -> str:
        """The outcome in one line."""
        rows = sum(table.new_rows for table in self.tables)
        if not self.differing:
            return f"{rows:,} rows of {len(self.tables)} tables are those of the live version"
        found = ", ".join(f"{table.table} {table.differing:,}" for table in self.tables if table.differing)
        return f"{self.differing:,} rows of {rows:,} differ from the live version: {found}"


def compare(
    connection: Connection, schema: str, tables: Iterable[str], tell: Callable[[str], None]
) -> list[TableResult]:
    """Both versions as this connection sees them; that they stand at the same positions is the caller's care."""
    results = []
    for table in tables:
        tell(table)
        results.append(_table(connection, schema, table))
    return results


def _table(connection: Connection, schema: str, table: str) -> TableResult:
    columns = _columns(connection, table)
    (live_rows, live_sum), (new_rows, new_sum) = (
        _checksum(connection, sql.Identifier(one, table), columns) for one in (LIVE, schema)
    )
    differing, examples = 0, list[Example]()
    if (live_rows, live_sum) != (new_rows, new_sum):
        differing, examples = _differences(connection, schema, table, columns)
    return TableResult(
        table=table,
        live_rows=live_rows,
        new_rows=new_rows,
        live_checksum=live_sum,
        new_checksum=new_sum,
        differing=differing,
        examples=examples,
    )


def _checksum(connection: Connection, table: sql.Identifier, columns: dict[str, str]) -> tuple[int, str]:
    row = connection.execute(
        sql.SQL(
            "select count(*), coalesce(sum(hashtextextended(row_text, 0)), 0), "
            "coalesce(sum(hashtextextended(row_text, 1)), 0) "
            "from (select row({})::text as row_text from {} offset 0) as rows"  # each text is made once
        ).format(_values(columns), table)
    ).fetchone()
    assert row is not None, "an aggregate gives a row"
    return int(row[0]), f"{row[1]}/{row[2]}"


def _differences(connection: Connection, schema: str, table: str, columns: dict[str, str]) -> tuple[int, list[Example]]:
    """How many keys have other rows, and the first of them."""
    keys = _keys(connection, table)
    listed = sql.SQL(", ").join(map(sql.Identifier, keys))
    row = sql.SQL("select {}, row({})::text as row_text from {}")
    both = sql.SQL(
        "({}) as live full join ({}) as new using ({}) where live.row_text is distinct from new.row_text"
    ).format(*(row.format(listed, _values(columns), sql.Identifier(one, table)) for one in (LIVE, schema)), listed)
    (count,) = connection.execute(sql.SQL("select count(*) from {}").format(both)).fetchone() or (0,)
    found = connection.execute(
        sql.SQL("select {} from {} order by {} limit {}").format(listed, both, listed, sql.Literal(_EXAMPLES_MAX))
    ).fetchall()
    examples = [dict(zip(keys, key, strict=True)) for key in found]
    return int(count), [_example(connection, schema, table, columns, key) for key in examples]


def _example(connection: Connection, schema: str, table: str, columns: dict[str, str], key: dict[str, Any]) -> Example:
    where = sql.SQL(" and ").join(
        sql.SQL("{} is not distinct from {}").format(sql.Identifier(name), sql.Placeholder()) for name in key
    )
    rows = []
    for one in (LIVE, schema):
        row = connection.execute(
            sql.SQL("select {} from {} where {}").format(_texts(columns), sql.Identifier(one, table), where),
            list(key.values()),
        ).fetchone()
        rows.append(None if row is None else dict(zip(columns, row, strict=True)))
    live, new = rows
    shown = {name: str(value) for name, value in key.items()}
    if live is None or new is None:
        return Example(key=shown, live=live, new=new)
    names = [name for name in columns if live[name] != new[name]]
    return Example(key=shown, live={name: live[name] for name in names}, new={name: new[name] for name in names})


def _columns(connection: Connection, table: str) -> dict[str, str]:
    """Name and type of each column, in the order of the table."""
    rows = connection.execute(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
           where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum""",
        (f"{LIVE}.{table}",),
    )
    return {str(name): str(type_) for name, type_ in rows}


def _keys(connection: Connection, table: str) -> list[str]:
    """The columns of the primary key."""
    rows = connection.execute(
        """select attname from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey)
           where indrelid = %s::regclass and indisprimary order by attnum""",
        (f"{LIVE}.{table}",),
    ).fetchall()
    assert rows, f"{table} has no primary key"
    return [str(name) for (name,) in rows]


def _value(name: str, type_: str) -> sql.Composed:
    column = sql.Identifier(name)
    return sql.SQL("trim_scale({})").format(column) if type_ == "numeric" else sql.SQL("{}").format(column)


def _values(columns: dict[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(_value(name, type_) for name, type_ in columns.items())


def _texts(columns: dict[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}::text").format(_value(*column)) for column in columns.items())
