"""Planting changes in tables and undoing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql


class Backup:
    """A copy of some tables, from which they can be restored, and are at the end."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], tables: Sequence[str]) -> None:
        self._connection = connection
        self._tables = tables
        connection.execute("create schema backup")
        for table in tables:
            connection.execute(sql.SQL("create table backup.{0} as table public.{0}").format(sql.Identifier(table)))

    def __enter__(self) -> Backup:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()
        self._connection.execute("drop schema backup cascade")

    def plant(self, statement: str) -> None:
        """Run a change, which must change exactly one row."""
        cursor = self._connection.execute(statement.replace("%%", "%").encode())
        assert cursor.rowcount == 1, f"{cursor.rowcount} rows: {statement}"

    def restore(self) -> None:
        for table in self._tables:
            columns = [
                row[0]
                for row in self._connection.execute(
                    """select column_name from information_schema.columns
                       where table_schema = 'public' and table_name = %s and is_generated = 'NEVER'""",
                    (table,),
                )
            ]
            names = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
            with self._connection.transaction():
                self._connection.execute(sql.SQL("delete from public.{}").format(sql.Identifier(table)))
                self._connection.execute(
                    sql.SQL("insert into public.{0} ({1}) select {1} from backup.{0}").format(
                        sql.Identifier(table), names
                    )
                )
