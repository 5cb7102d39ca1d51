"""The wire form: CloudEvents 1.0 in Kafka's binary content mode, with W3C `traceparent`.

Headers `ce_specversion`, `ce_id`, `ce_source`, `ce_type`, `ce_time`, `ce_subject`, `content-type`, `traceparent`, and
on tapes `ce_cause` = `topic:partition:offset:id` of the input. The value is the message as JSON.
Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from domain import schema
from domain.errors import UnreadableInput

Headers = list[tuple[str, bytes]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Cause(NamedTuple):
    """The input that an event answers (design promise 4)."""

    topic: str
    partition: int
    offset: int
    id: str

    def encode(self) -> bytes:
        return f"{self.topic}:{self.partition}:{self.offset}:{self.id}".encode()

    @classmethod
    def decode(cls, raw: bytes) -> Cause:
        try:
            topic, partition, offset, id_ = raw.decode().split(":", 3)
            return cls(topic, int(partition), int(offset), id_)
        except ValueError as error:
            raise UnreadableInput(f"ce_cause is not topic:partition:offset:id, it was {raw!r}") from error


def rfc3339(time_us: int) -> str:
    """Microseconds since 1970 UTC as RFC 3339 with microseconds and Z."""
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(
    message: msgspec.Struct,
    *,
    id_: str,
    source: str,
    time_us: int,
    subject: str,
    traceparent: str | None = None,
    cause: Cause | None = None,
) -> tuple[bytes, Headers]:
    """The value and headers of a message. source: the service's name; subject: what it is about (account, symbol)."""
    type_, value = schema.encode(message)
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type_.encode()),
        ("ce_time", rfc3339(time_us).encode()),
        ("ce_subject", subject.encode()),
        ("content-type", b"application/json"),
    ]
    if cause is not None:
        headers.append(("ce_cause", cause.encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return value, headers


def header(headers: Headers | None, name: str) -> bytes | None:
    """The first header of that name, or None."""
    for key, value in headers or ():
        if key == name:
            return value
    return None


def decode(value: bytes | None, headers: Headers | None) -> Any:
    """The message of a record. Raises UnreadableInput, saying what was expected and what it was."""
    type_ = header(headers, "ce_type")
    if type_ is None:
        raise UnreadableInput("no ce_type header; expected a CloudEvents 1.0 record in binary mode")
    if value is None:
        raise UnreadableInput("the value is empty; expected a JSON message")
    return schema.decode(type_.decode(errors="replace"), value)


def cause_of(headers: Headers | None) -> Cause | None:
    raw = header(headers, "ce_cause")
    return None if raw is None else Cause.decode(raw)


def traceparent_of(headers: Headers | None) -> str | None:
    raw = header(headers, "traceparent")
    return None if raw is None else raw.decode(errors="replace")
