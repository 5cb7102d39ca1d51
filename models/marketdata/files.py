"""What a file is before it is read as something: there, not too large, not empty, and not of another kind."""

from __future__ import annotations

from pathlib import Path

from domain.errors import InvalidValue, UnavailableError, UnreadableInput

BYTES_MAX = 1 << 28
"""A file, and what a packed one holds, may have so many bytes: more are read by cutting it."""

_KINDS = (
    (b"PAR1", "a Parquet file: name it as parquet:PATH"),
    (b"\x1f\x8b", "packed by gzip"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet: unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet: save it as CSV"),
    (b"BZh", "packed by bzip2: unpack it"),
    (b"\xfd7zXZ\x00", "packed by xz: unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by zstandard: unpack it"),
    (b"\x89HDF", "an HDF5 file: save it as Parquet"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"\x80\x04", "a pickle, which is never read: save it as Parquet"),
    (b"\x80\x05", "a pickle, which is never read: save it as Parquet"),
)


def size(path: Path, bytes_max: int = BYTES_MAX) -> int:
    """The bytes of a file. Raises UnavailableError when it is not there, UnreadableInput for an empty one or none.

    Raises InvalidValue when it is too large.
    """
    try:
        if not path.is_file():
            path.stat()
            raise UnreadableInput(f"{path} is no regular file")
        found = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise UnavailableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if found == 0:
        raise UnreadableInput(f"{path} is empty")
    if found > bytes_max:
        raise InvalidValue("BARS_FILE_TOO_LARGE", f"{path} has {found} bytes; expected at most {bytes_max}: cut it")
    return found


def kind_of(data: bytes) -> str | None:
    """What a file is by its first bytes, when it is none of text."""
    return next((kind for magic, kind in _KINDS if data.startswith(magic)), None)
