"""What the projections share: an event as they see it, and writing many rows with one statement.

A projection is a pure function from a batch of live events to rows, and the SQL that applies those rows. Nothing that a
row needs is remembered between batches: it comes from the event, or SQL takes it from the row itself. So the tables do
not depend on how the tape was cut into batches, or on who wrote which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

Cursor = psycopg.Cursor[tuple[Any, ...]]
Row = tuple[Any, ...]

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # an escaped U+0000, not an escaped backslash before "u0000"


class Event(NamedTuple):
    """A live record of a tape, decoded. id: its ce_id; data: its value, JSON."""

    partition: int
    offset: int
    id: str
    message: Any
    data: bytes


def given(columns: Mapping[str, str]) -> str:
    """`(select … from unnest(…)) as given`: the rows that `execute` is given. columns: name -> PostgreSQL type.

    timestamptz columns are given as integer microseconds since 1970 UTC, jsonb and array columns as their text.
    `number` counts the rows from 1.
    """
    names = ", ".join(columns)
    arrays = ", ".join(f"%b::{_wire(type_)}[]" for type_ in columns.values())
    converted = ", ".join(f"{_convert(name, type_)} as {name}" for name, type_ in columns.items())
    return f"(select {converted}, number from unnest({arrays}) with ordinality as sent ({names}, number)) as given"


def insert(table: str, columns: Mapping[str, str]) -> str:
    """`insert into table … select … from unnest(…)`."""
    names = ", ".join(columns)
    return f"insert into {table} ({names}) select {names} from {given(columns)}"


def selected(columns: Mapping[str, str]) -> str:
    """A select list that gives columns as `given` takes them: times as microseconds since 1970 UTC, jsonb as text."""
    return ", ".join(_unconverted(name, type_) for name, type_ in columns.items())


def execute(cursor: Cursor, statement: str, rows: Sequence[Row]) -> None:
    """Run a statement made with `given` over the rows; nothing when there are none.

    PostgreSQL cannot hold U+0000 in texts: it becomes U+FFFD. The archive keeps the bytes.
    """
    if rows:
        cursor.execute(statement.encode(), [_clean(list(column)) for column in zip(*rows, strict=True)])


def clean(text: str) -> str:
    """A text as PostgreSQL can hold it: U+0000 becomes U+FFFD."""
    return text.replace("\x00", "\ufffd")


def json_text(data: bytes) -> str:
    """JSON as jsonb can hold it: U+0000 becomes U+FFFD."""
    text = data.decode()
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def _clean(column: list[Any]) -> list[Any]:
    texts = [value for value in column if type(value) is str]
    if not texts or "\x00" not in "".join(texts):
        return column
    return [clean(value) if type(value) is str else value for value in column]


def _wire(type_: str) -> str:
    """The type in which a column is sent. Arrays of arrays would be flattened, so those travel as text."""
    if type_ == "timestamptz":
        return "bigint"
    return "text" if type_ == "jsonb" or type_.endswith("[]") else type_


def _convert(name: str, type_: str) -> str:
    if type_ == "timestamptz":
        return f"time_of_us({name})"
    return f"{name}::{type_}" if _wire(type_) != type_ else name


def _unconverted(name: str, type_: str) -> str:
    if type_ == "timestamptz":
        return f"us_of_time({name})"
    return f"{name}::text" if type_ == "jsonb" else name
