"""tape_records: every record of a tape, live or dead, bytes and all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from projections.rows import Cursor, Row, execute, insert
from streams.codec import Headers
from streams.tape import Head, TapeRecord

COLUMNS = {
    "topic": "text",
    "partition": "integer",
    "record_offset": "bigint",
    "seq": "bigint",
    "live": "boolean",
    "hash": "bytea",
    "key": "bytea",
    "value": "bytea",
    "header_names": "text[]",
    "header_values": "bytea[]",
    "type": "text",
    "kafka_time": "timestamptz",
    "recorded_at": "timestamptz",
}
_INSERT = insert("tape_records", COLUMNS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def head_of(record: TapeRecord) -> Head:
    """The head that a record makes when it is live. Its chain headers have been checked by Chain.accept."""
    found = dict(record.headers)
    return Head(int(found["tape-seq"]), bytes.fromhex(found["tape-hash"].decode()))


def rows(records: Sequence[tuple[TapeRecord, bool]]) -> list[Row]:
    """Rows of COLUMNS, one a record. The two header columns are PostgreSQL array literals."""
    return [_row(record, live) for record, live in records]


def apply(cursor: Cursor, records: Sequence[tuple[TapeRecord, bool]]) -> None:
    execute(cursor, _INSERT, rows(records))


def _row(record: TapeRecord, live: bool) -> Row:
    head = head_of(record)
    found = dict(reversed(record.headers))  # the first of a name, as streams.codec.header has it
    type_ = found.get("ce_type")
    kafka_us = record.timestamp_ms * 1_000
    return (
        record.topic,
        record.partition,
        record.offset,
        head.seq,
        live,
        head.hash,
        record.key,
        record.value,
        _names(record.headers),
        _contents(record.headers),
        None if type_ is None else type_.decode(errors="replace"),
        kafka_us,
        _recorded_us(found.get("ce_time"), kafka_us),
    )


def _recorded_us(ce_time: bytes | None, otherwise: int) -> int:
    """ce_time in microseconds since 1970 UTC, or the other time where it has none that can be read."""
    if ce_time is None:
        return otherwise
    try:
        time = datetime.fromisoformat(ce_time.decode())
    except ValueError:
        return otherwise
    return otherwise if time.tzinfo is None else (time - _EPOCH) // _MICROSECOND


def _names(headers: Headers) -> str:
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name, _ in headers)
    return '{"' + '","'.join(quoted) + '"}' if headers else "{}"


def _contents(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Each as bytea's hex form, its backslash doubled for the array."""
    return "{" + ",".join("NULL" if content is None else "\\\\x" + content.hex() for _, content in headers) + "}"
