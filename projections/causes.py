"""tape_causes: how far each tape answers its inputs, so that a read can wait for what an input has caused."""

from __future__ import annotations

from collections.abc import Sequence

from projections.rows import Cursor, Row, execute, insert
from streams.codec import cause_of, header
from streams.tape import TapeRecord

COLUMNS = {
    "topic": "text",
    "partition": "integer",
    "cause_topic": "text",
    "next_offset": "bigint",
    "record_offset": "bigint",
}
_PUT = f"""
{insert("tape_causes", COLUMNS)}
on conflict (topic, partition, cause_topic) do update set
    next_offset = greatest(tape_causes.next_offset, excluded.next_offset),
    record_offset = greatest(tape_causes.record_offset, excluded.record_offset)
"""


def rows(records: Sequence[tuple[TapeRecord, bool]]) -> list[Row]:
    """Rows of COLUMNS: the newest live record of each tape partition and topic of inputs."""
    newest: dict[tuple[str, int, bytes], Row] = {}
    for record, live in reversed(records):
        raw = header(record.headers, "ce_cause") if live else None
        if raw is None:
            continue
        key = (record.topic, record.partition, raw.partition(b":")[0])
        if key not in newest:
            cause = cause_of(record.headers)
            assert cause is not None, "it has the header"
            newest[key] = (record.topic, record.partition, cause.topic, cause.offset + 1, record.offset)
    return list(newest.values())


def apply(cursor: Cursor, records: Sequence[tuple[TapeRecord, bool]]) -> None:
    execute(cursor, _PUT, rows(records))
