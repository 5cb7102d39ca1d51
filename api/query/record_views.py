"""Events as they stand on the tape, with all that is needed to compute their hashes again."""

from __future__ import annotations

import base64
from typing import Any, Literal

import msgspec
from pydantic import Field

from api.fields import TimeOut, View
from api.query.database import Row
from streams.codec import Cause

_CHAIN = {"tape-seq", "tape-prev", "tape-hash"}


class CauseView(View):
    """The input that the event answers."""

    topic: str = Field(description="as declared", examples=["trading.commands"])
    partition: int
    offset: int
    id: str = Field(examples=["cmd_3f1c9a7e5b2d48069a1be3c5d7f80246"])


class HeaderView(View):
    name: str
    value: str | None


class TapeRecord(View):
    """A record of ledger.events. docs/how-to/check-the-chain.md shows how its hash is computed from it."""

    topic: str = Field(examples=["ledger.events"])
    partition: int
    record_offset: int
    seq: int = Field(description="its number on the partition's chain, from 1; dead records have no place there")
    hash: str = Field(description="tape-hash: SHA-256, hex, 64 digits", examples=["00" * 32])
    prev: str = Field(description="tape-prev: the hash of the record numbered seq − 1", examples=["00" * 32])
    event_id: str | None = Field(description="ce_id")
    event_type: str | None = Field(description="ce_type", examples=["tapeledger.OrderFilled.v1"])
    recorded_at: TimeOut = Field(description="ce_time: when its writer wrote it")
    kafka_time: TimeOut = Field(description="Kafka's CreateTime, milliseconds")
    cause: CauseView | None
    data: dict[str, Any] | None = Field(description="the event")
    encoding: Literal["utf-8", "base64"] = Field(description="of key, value and the headers' values")
    key: str | None = Field(description="the record's key, byte for byte", examples=["acc_demo"])
    value: str | None = Field(description="the record's value, byte for byte: JSON")
    headers: list[HeaderView] = Field(description="all of them, in their order")


def record(row: Row) -> TapeRecord:
    """row: of records_sql."""
    names: list[str] = row["header_names"]
    contents = [None if content is None else bytes(content) for content in row["header_values"]]
    key, value = (None if row[name] is None else bytes(row[name]) for name in ("key", "value"))
    encoding = _encoding([key, value, *contents])
    first = dict(reversed(list(zip(names, contents, strict=True))))
    prev, id_, cause = (first.get(name) for name in ("tape-prev", "ce_id", "ce_cause"))
    return TapeRecord(
        topic=row["topic"],
        partition=row["partition"],
        record_offset=row["record_offset"],
        seq=row["seq"],
        hash=bytes(row["hash"]).hex(),
        prev=(prev or b"").decode(),
        event_id=None if id_ is None else id_.decode(errors="replace"),
        event_type=row["type"],
        recorded_at=row["recorded_at"],
        kafka_time=row["kafka_time"],
        cause=None if cause is None else CauseView(**Cause.decode(cause)._asdict()),
        data=None if value is None else msgspec.json.decode(value),
        encoding=encoding,
        key=_text(key, encoding),
        value=_text(value, encoding),
        headers=[
            HeaderView(name=name, value=_text(content, encoding)) for name, content in zip(names, contents, strict=True)
        ],
    )


def _encoding(parts: list[bytes | None]) -> Literal["utf-8", "base64"]:
    try:
        for part in parts:
            (part or b"").decode()
    except UnicodeDecodeError:
        return "base64"
    return "utf-8"


def _text(part: bytes | None, encoding: str) -> str | None:
    if part is None:
        return None
    return part.decode() if encoding == "utf-8" else base64.b64encode(part).decode()
