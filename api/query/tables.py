"""A page of a list as a table: CSV and Arrow with the rows and the columns of its JSON.

Columns are the fields of the item's view, in their order. What is an object or an array in JSON is JSON text in both.

CSV (RFC 4180): a header line, CRLF, commas. Null is an empty cell, an empty text `""`. A text that begins with `=`,
`+`, `-`, `@`, tab, carriage return or an apostrophe gets an apostrophe in front, so that no spreadsheet takes it for a
formula (OWASP, CSV injection); who reads texts back takes one leading apostrophe off. Decimals are as in JSON, digit by
digit, and get none.

Arrow (IPC stream): times are timestamp[us, UTC]. Decimals are decimal128(38, 18); a column of which a page has a value
that this cannot hold exactly is utf8 in that page, and its field's metadata says `decimal`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import pyarrow as pa
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from api.fields import View, plain, rfc3339

_PRECISION, _SCALE = 38, 18
_STEP = Decimal(1).scaleb(-_SCALE)
_EXACT = Context(prec=_PRECISION, traps=[Inexact, InvalidOperation])
_QUOTED = re.compile(r'[",\r\n]|^$|^\s|\s$')
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def csv(item: type[View], rows: Sequence[View]) -> bytes:
    """UTF-8."""
    columns = columns_of(item)
    lines = [",".join(columns)]
    lines += [",".join([_cell(kind, getattr(row, name)) for name, kind in columns.items()]) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def arrow(item: type[View], rows: Sequence[View]) -> bytes:
    """An IPC stream of one batch."""
    fields, arrays = [], []
    for name, kind in columns_of(item).items():
        field, array = _column(name, kind, [getattr(row, name) for row in rows])
        fields.append(field)
        arrays.append(array)
    schema = pa.schema(fields)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return bytes(sink.getvalue())


def columns_of(item: type[View]) -> dict[str, Any]:
    """Name -> the Python type of its values: Decimal, datetime, bool, int, float, str, or a TypeAdapter for JSON."""
    return {name: _kind(field) for name, field in item.model_fields.items()}


def _kind(field: FieldInfo) -> Any:
    named = field.annotation
    while get_origin(named) is Annotated:
        named = get_args(named)[0]
    options = get_args(named) if get_origin(named) in (Union, UnionType) else (named,)
    kinds = [option for option in options if option is not NoneType]
    kind = kinds[0]
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, Decimal | datetime | bool | int | float | str):
        return kind
    if all(isinstance(value, str) for value in get_args(kind)) and get_args(kind):  # a Literal of texts
        return str
    assert field.annotation is not None
    return TypeAdapter(field.annotation)


def _cell(kind: Any, value: Any) -> str:
    if value is None:
        return ""
    if kind is Decimal:
        return plain(value)
    if kind is datetime:
        return rfc3339(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return _json(value)
    text: str = value if kind is str else _json_text(kind, value)
    if text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _json_text(adapter: TypeAdapter[Any], value: Any) -> str:
    return adapter.dump_json(value).decode()


def _column(name: str, kind: Any, values: list[Any]) -> tuple[pa.Field, pa.Array]:
    if kind is Decimal:
        return _decimals(name, values)
    simple = {datetime: pa.timestamp("us", tz="UTC"), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    if kind in simple:
        return pa.field(name, simple[kind]), pa.array(values, simple[kind])
    if kind is str:
        return pa.field(name, pa.utf8()), pa.array(values, pa.utf8())
    texts = [None if value is None else _json_text(kind, value) for value in values]
    return pa.field(name, pa.utf8(), metadata={"form": "json"}), pa.array(texts, pa.utf8())


def _decimals(name: str, values: list[Decimal | None]) -> tuple[pa.Field, pa.Array]:
    try:
        scaled = [None if value is None else value.quantize(_STEP, context=_EXACT) for value in values]
    except ArithmeticError:  # Inexact, or more than 38 digits
        texts = [None if value is None else plain(value) for value in values]
        return pa.field(name, pa.utf8(), metadata={"form": "decimal"}), pa.array(texts, pa.utf8())
    type_ = pa.decimal128(_PRECISION, _SCALE)
    return pa.field(name, type_), pa.array(scaled, type_)
