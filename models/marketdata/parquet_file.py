"""Bars out of a Parquet file, through Arrow: only the columns that are needed, a batch at a time, as text.

As text, so that there is one way from rows to bars. Arrow writes a float as the shortest text that reads as that float,
so a Parquet file and a CSV file of the same data give the same bars. Pages that carry a checksum are held to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from models.marketdata import files
from models.marketdata.columns import places
from models.marketdata.declared import Declared
from models.marketdata.reading import read
from models.marketdata.report import Reading
from models.marketdata.rows import Row

_BATCH_ROWS = 65_536


def read_parquet(path: Path, declared: Declared, bytes_max: int = files.BYTES_MAX) -> Reading:
    """The bars of a file. Rows are numbered from 1.

    Raises UnavailableError when it is not there, UnreadableInput when it is empty, damaged or no Parquet, InvalidValue
    when it has too many rows, or its columns are not those that are needed or hold what is no number and no time.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise UnavailableError(f"Parquet needs the package pyarrow, which is not installed ({error})") from error
    files.size(path, bytes_max)
    try:
        with path.open("rb") as opened:
            kind = files.kind_of(opened.read(16))
            if kind is None or "Parquet" not in kind:
                raise UnreadableInput(f"{path} is no Parquet file but {kind or 'text or of an unknown kind'}")
            file = ParquetFile(opened, page_checksum_verification=True)
            if file.metadata.num_rows > declared.rows_max:
                raise InvalidValue(
                    "BARS_TOO_MANY",
                    f"expected at most {declared.rows_max} rows, {path} has {file.metadata.num_rows}; cut it, or "
                    "declare more: rows_max=N",
                )
            return read(f"parquet:{path}", "row", file.schema_arrow.names, _rows(file, declared), declared)
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path} is damaged: {str(error).splitlines()[0]}") from error


def _rows(file: Any, declared: Declared) -> Iterator[tuple[int, Row]]:
    names = file.schema_arrow.names
    used = places(names, declared).used()
    for place in used:
        _require_plain(file.schema_arrow.field(place))
    blank = [""] * len(names)
    number = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[names[place] for place in used]):
        columns = [_texts(batch.column(names[place])) for place in used]
        for values in zip(*columns, strict=True):
            row = blank.copy()
            for place, value in zip(used, values, strict=True):
                row[place] = value or ""
            number += 1
            yield number, row


def _texts(column: Any) -> list[str | None]:
    from pyarrow import compute, string, types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    found: list[str | None] = compute.cast(column, string()).to_pylist()
    return found


def _require_plain(field: Any) -> None:
    from pyarrow import types

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    plain = (
        types.is_integer,
        types.is_floating,
        types.is_decimal,
        types.is_string,
        types.is_large_string,
        types.is_date,
        types.is_timestamp,
        types.is_null,
    )
    if not any(is_kind(kind) for is_kind in plain):
        raise InvalidValue(
            "BARS_COLUMNS", f"expected numbers, days or times, or text in the column {field.name!r}, it holds {kind}"
        )
