"""Bars out of a CSV file: text in a declared encoding, with a heading; plain or packed by gzip.

Fields are set off by comma, semicolon or tab, whichever the heading has most of; decimals by a point. No field may go
over several lines: a quote that is not closed would swallow the rows behind it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from models.marketdata import files
from models.marketdata.declared import Declared
from models.marketdata.reading import read
from models.marketdata.report import Reading
from models.marketdata.rows import Row

_DELIMITERS = ",;\t"
_BINARY = b"\x00"


def read_csv(path: Path, declared: Declared, bytes_max: int = files.BYTES_MAX) -> Reading:
    """The bars of a file.

    Raises UnavailableError when it is not there, UnreadableInput when it is no text in the declared encoding, empty,
    binary or broken off, InvalidValue when it is too large, or its columns are not those that are needed.
    """
    text = _text(path, _unpacked(path, bytes_max), declared.encoding)
    return read_text(f"csv:{path}", text, declared)


def read_text(source: str, text: str, declared: Declared) -> Reading:
    """The bars of the text of a CSV file. source: its name, for errors and the report."""
    heading_line = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=heading_line.count)
    lines = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    rows = _numbered(source, lines)
    _, heading = next(rows, (0, ()))
    if not heading:
        raise UnreadableInput(f"{source} has no heading: it is blank")
    return read(source, "line", heading, rows, declared)


def _numbered(source: str, lines: Iterator[Row]) -> Iterator[tuple[int, Row]]:
    """Rows with the lines they end in; blank lines are no rows. `lines`: a csv.reader."""
    last = 0
    try:
        for row in lines:
            line: int = lines.line_num  # type: ignore[attr-defined]
            if line != last + 1:
                raise UnreadableInput(
                    f"{source}: the row that begins in line {last + 1} goes on to line {line}: a quote?"
                )
            last = line
            if row:
                yield line, row
    except csv.Error as error:
        raise UnreadableInput(f"{source}: behind line {last} it is no CSV: {error}") from error


def _unpacked(path: Path, bytes_max: int) -> bytes:
    files.size(path, bytes_max)
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(bytes_max + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableInput(f"{path} is packed by gzip and damaged: {error}") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > bytes_max:
        raise InvalidValue("BARS_FILE_TOO_LARGE", f"{path} holds more than {bytes_max} bytes when unpacked: cut it")
    return data


def _text(path: Path, data: bytes, encoding: str) -> str:
    kind = files.kind_of(data)
    if kind is not None:
        raise UnreadableInput(f"{path} is no CSV but {kind}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and "16" not in encoding and "32" not in encoding:
        raise UnreadableInput(f"{path} is UTF-16, expected {encoding}: declare encoding=utf-16")
    if _BINARY in data and "16" not in encoding and "32" not in encoding:
        raise UnreadableInput(f"{path} is binary: byte {data.index(_BINARY)} is zero; expected text")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableInput(
            f"{path} is not {encoding}: {error.reason} at byte {error.start}, line {line}; "
            "declare the encoding it has (encoding=latin-1, say)"
        ) from error
    except LookupError as error:
        raise InvalidValue("BARS_DECLARATION", f"there is no encoding {encoding!r}") from error
    except UnicodeError as error:
        raise UnreadableInput(f"{path} is not {encoding}: {error}") from error
