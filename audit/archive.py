"""The archive (table tape_records), and how one of its rows is compared with the record that Kafka has."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from audit.findings import Finding
from audit.tapes import Connection
from streams.codec import header
from streams.tape import TapeRecord, record_hash
from streams.tape.hashing import HASH, PREV, SEQ

_BATCH = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Archived(NamedTuple):
    """One row of tape_records."""

    offset: int
    seq: int
    live: bool
    hash: bytes
    key: bytes | None
    value: bytes | None
    names: list[str]
    contents: list[bytes | None]
    type: str | None
    kafka_time: datetime
    recorded_at: datetime


class Difference(NamedTuple):
    """One field that differs, with what was expected of it and what it is."""

    field: str
    expected: str
    found: str


_WALK = """
select record_offset, seq, live, hash, key, value, header_names, header_values, type, kafka_time, recorded_at
from tape_records
where topic = %s and partition = %s and (record_offset, recorded_at) > (%s, %s)
order by record_offset, recorded_at limit %s"""


def walk(connection: Connection, topic: str, partition: int) -> Iterator[Archived]:
    """The rows of a tape in the order of offsets, a batch in memory at a time."""
    offset, recorded_at = -1, datetime.min.replace(tzinfo=UTC)
    while True:
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_WALK, (topic, partition, offset, recorded_at, _BATCH)).fetchall()
        for row in rows:
            yield Archived(*row)
        if len(rows) < _BATCH:
            return
        offset, recorded_at = rows[-1][0], rows[-1][10]


def foreign(connection: Connection, known: Collection[tuple[str, int]]) -> Iterator[Finding]:
    """Tapes (topic, partition) that the archive has and Kafka has not."""
    rows = connection.execute(
        """select topic, partition, min(record_offset), count(*) from tape_records
           group by topic, partition order by topic, partition"""
    )
    for topic, partition, first, count in rows:
        if (topic, partition) not in known:
            yield Finding(
                kind="archive_foreign",
                topic=topic,
                partition=partition,
                offset=first,
                subject="rows",
                expected="no row, Kafka has no such tape",
                found=f"{count} rows",
            )


def differences(record: TapeRecord, live: bool | None, row: Archived) -> Iterator[Difference]:
    """What differs between a record of Kafka and its archived copy. live: None when the chain is broken before it."""
    for name, expected, found in (("key", record.key, row.key), ("value", record.value, row.value)):
        if expected != found:
            yield Difference(name, *_bytes(expected, found))
    yield from _header_differences(record, row)
    yield from _own_differences(row)
    if live is not None and live != row.live:
        yield Difference("live", str(live).lower(), str(row.live).lower())
    stated = header(record.headers, "ce_type")
    type_ = None if stated is None else stated.decode(errors="replace").replace("\x00", "\ufffd")
    if type_ != row.type:
        yield Difference("type", repr(type_), repr(row.type))
    kafka_time = _EPOCH + timedelta(milliseconds=record.timestamp_ms)
    if kafka_time != row.kafka_time:
        yield Difference("kafka_time", kafka_time.isoformat(), row.kafka_time.isoformat())
    recorded_at = _stated_time(header(record.headers, "ce_time")) or kafka_time
    if recorded_at != row.recorded_at:
        yield Difference("recorded_at", recorded_at.isoformat(), row.recorded_at.isoformat())


def _header_differences(record: TapeRecord, row: Archived) -> Iterator[Difference]:
    if len(row.names) != len(row.contents) or len(row.names) != len(record.headers):
        yield Difference(
            "headers", f"{len(record.headers)} headers", f"{len(row.names)} names, {len(row.contents)} values"
        )
        return
    copies = zip(row.names, row.contents, strict=True)
    for index, ((name, content), (copied_name, copied)) in enumerate(zip(record.headers, copies, strict=True)):
        if name != copied_name:
            yield Difference(f"name of header {index}", repr(name), repr(copied_name))
        elif content != copied:
            yield Difference(f"header {name}", *_bytes(content, copied))


def _own_differences(row: Archived) -> Iterator[Difference]:
    """Does the row contradict itself: is its hash that of its own bytes, and are its columns those of its headers?"""
    own = dict(zip(row.names, row.contents, strict=False))
    try:
        seq, prev, claimed = (own.get(name) or b"" for name in (SEQ, PREV, HASH))
        number, digest = int(seq), bytes.fromhex(claimed.decode())
        headers = [(name, content) for name, content in zip(row.names, row.contents, strict=False)]
        actual = record_hash(number, bytes.fromhex(prev.decode()), row.key, row.value, headers)  # type: ignore[arg-type]
    except ValueError:
        yield Difference("chain headers", "tape-seq, tape-prev and tape-hash", "headers that cannot be read")
        return
    if actual != row.hash:
        yield Difference("hash", f"{actual.hex()} (SHA-256 of the archived bytes)", row.hash.hex())
    if digest != row.hash:
        yield Difference("hash", f"{digest.hex()} (archived header {HASH})", row.hash.hex())
    if number != row.seq:
        yield Difference("seq", f"{number} (archived header {SEQ})", str(row.seq))


def alone(row: Archived) -> Iterator[Difference]:
    """What can be said of a row whose record Kafka does not have: whether it contradicts itself."""
    yield from _own_differences(row)


def _stated_time(ce_time: bytes | None) -> datetime | None:
    try:
        time = None if ce_time is None else datetime.fromisoformat(ce_time.decode())
    except ValueError:
        return None
    return None if time is None or time.tzinfo is None else time


def _bytes(expected: bytes | None, found: bytes | None) -> tuple[str, str]:
    """The first place where two byte strings part."""
    if expected is None or found is None:
        return _length(expected), _length(found)
    place = next((i for i, (one, two) in enumerate(zip(expected, found, strict=False)) if one != two), None)
    if place is None:
        return _length(expected), _length(found)
    return (
        f"byte {place} of {len(expected)} to be 0x{expected[place]:02x}",
        f"0x{found[place]:02x} ({len(found)} bytes)",
    )


def _length(content: bytes | None) -> str:
    return "null" if content is None else f"{len(content)} bytes"
