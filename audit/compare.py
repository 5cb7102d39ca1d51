"""Rows that must be against rows that are: each difference with the event that last touched its key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from psycopg import sql

from audit.tapes import Connection
from domain.numbers import plain

_FETCH = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROW = "(row)"

Row = tuple[Any, ...]


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one row. column is `(row)` when the whole row is missing or should not be there.

    topic, partition, offset: the last event that touched the key, None where no event did.
    """

    table: str
    key: str
    column: str
    expected: str
    found: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        place = "no event" if self.topic is None else f"{self.topic}/{self.partition} offset {self.offset}"
        return f"{self.table} [{self.key}] {self.column}: expected {self.expected}, found {self.found} (last: {place})"


def time_of(time_us: int | None) -> datetime | None:
    """Microseconds since 1970 UTC as PostgreSQL gives them back."""
    return None if time_us is None else _EPOCH + timedelta(microseconds=time_us)


def stored(value: Any) -> Any:
    """A text or a JSON value as PostgreSQL can hold it: U+0000 becomes U+FFFD."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, dict):
        return {stored(key): stored(item) for key, item in value.items()}
    return value


def show(value: Any) -> str:
    """A value as a finding shows it."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return "null" if value is None else str(value)


def columns_that_differ(
    table: str, key: str, columns: Sequence[str], pair: tuple[Row, Row], place: Place | None
) -> Iterator[Difference]:
    """pair: the row that must be, and the row that is."""
    for column, expected, found in zip(columns, *pair, strict=True):
        if expected != found:
            yield difference(table, key, column, show(expected), show(found), place)


def difference(
    table: str,
    key: str,
    column: str,
    expected: str,
    found: str,
    place: Place | None,
) -> Difference:
    where = place._asdict() if place is not None else {}
    return Difference(table=table, key=key, column=column, expected=expected, found=found, **where)


class StateTable(NamedTuple):
    """A table whose rows change. null_row: what a row that is not there counts as, None when it must be there."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    null_row: Row | None = None


class StateReader:
    """One table whose rows change, read once, a batch in memory at a time. rows: how many there were."""

    def __init__(self, connection: Connection, table: StateTable) -> None:
        self.rows = 0
        self._connection = connection
        self._table = table

    def differences(
        self, expected: Mapping[Row, Row], touched: Mapping[tuple[str, Row], Place]
    ) -> Iterator[Difference]:
        """expected: key -> columns. touched: (table, key) -> the last event that touched it."""
        table = self._table
        seen: set[Row] = set()
        for key, found in self._read():
            seen.add(key)
            wanted = expected.get(key, table.null_row)
            name, place = _name(key), touched.get((table.name, key))
            if wanted is None:
                yield difference(table.name, name, ROW, "no row", "a row", place)
            else:
                yield from columns_that_differ(table.name, name, table.columns, (wanted, found), place)
        for key, wanted in expected.items():
            if key not in seen and wanted != table.null_row:
                yield difference(table.name, _name(key), ROW, "a row", "no row", touched.get((table.name, key)))

    def _read(self) -> Iterator[tuple[Row, Row]]:
        width = len(self._table.key)
        names = [sql.Identifier(name) for name in (*self._table.key, *self._table.columns)]
        query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(names), sql.Identifier(self._table.name))
        with self._connection.cursor(f"state_{self._table.name}") as cursor:
            cursor.itersize = _FETCH
            for row in cursor.execute(query):
                self.rows += 1
                yield row[:width], row[width:]


def _name(key: Row) -> str:
    return ", ".join(show(part) for part in key)


def foreign_rows(connection: Connection, table: str, partitions: Sequence[int]) -> Iterator[Difference]:
    """Rows of partitions that the tape does not have."""
    query = sql.SQL("select partition, record_offset from {} where partition <> all(%s)").format(sql.Identifier(table))
    for partition, offset in connection.execute(query, (list(partitions),)):
        key = f"partition {partition}, record_offset {offset}"
        yield difference(table, key, ROW, f"no row, the partitions are {list(partitions)}", "a row", None)


class LogReader:
    """One table that is only appended to, read along with the tape that feeds it. Rows are (offset, leg, columns)."""

    def __init__(self, connection: Connection, table: str, columns: Sequence[str], leg: str, place: Place) -> None:
        self.table = table
        self.columns = columns
        self.rows = 0
        self._leg = leg
        self._place = place
        self._cursor = connection.cursor(f"log_{table}_{place.partition}")
        self._cursor.itersize = _FETCH
        query = sql.SQL(
            "select record_offset, {leg}, {columns} from {table} where partition = {partition} order by 1, 2"
        )
        self._cursor.execute(
            query.format(
                leg=sql.SQL(leg),
                columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
                table=sql.Identifier(table),
                partition=place.partition,
            )
        )
        self._rows = iter(self._cursor)
        self._row = next(self._rows, None)

    def take(self, offset: int, expected: Sequence[Row]) -> Iterator[Difference]:
        """The event at `offset` must have given these rows; rows of offsets before it that nobody took are extra."""
        yield from self._extra(offset)
        found: dict[int, Row] = {}
        while self._row is not None and self._row[0] == offset:
            leg = self._row[1]
            if leg in found or leg >= len(expected):
                yield self._difference(offset, leg, ROW, "no row", "a row")
            else:
                found[leg] = self._row[2:]
            self._next()
        for leg, wanted in enumerate(expected):
            if leg not in found:
                yield self._difference(offset, leg, ROW, "a row", "no row")
            else:
                key = self._key(offset, leg)
                pair = (wanted, found[leg])
                yield from columns_that_differ(self.table, key, self.columns, pair, self._at(offset))

    def finish(self) -> Iterator[Difference]:
        """Rows behind the last event are extra."""
        yield from self._extra(None)
        self._cursor.close()

    def _extra(self, before: int | None) -> Iterator[Difference]:
        while self._row is not None and (before is None or self._row[0] < before):
            yield self._difference(self._row[0], self._row[1], ROW, "no row", "a row")
            self._next()

    def _next(self) -> None:
        self.rows += 1
        self._row = next(self._rows, None)

    def _difference(self, offset: int, leg: int, column: str, expected: str, found: str) -> Difference:
        return difference(self.table, self._key(offset, leg), column, expected, found, self._at(offset))

    def _key(self, offset: int, leg: int) -> str:
        key = f"partition {self._place.partition}, record_offset {offset}"
        return f"{key}, leg {leg}" if self._leg != "0" else key

    def _at(self, offset: int) -> Place:
        return self._place._replace(offset=offset)
