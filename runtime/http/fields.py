"""What bodies of requests and responses are, and the field types that every service shares.

Times are RFC 3339, UTC, with microseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

SYMBOL = r"^[A-Z0-9.-]{1,16}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")


class Body(BaseModel):
    """A request body: unknown fields are refused, and nothing is turned from one type into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class View(BaseModel):
    """A response body. Every member is always there."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


def _read_time(value: Any) -> datetime:
    """An aware time from RFC 3339 text (section 5.6), at most microseconds, offset required."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError(
        "time_unreadable",
        "expected an RFC 3339 time such as 2011-06-30T21:00:00.000000Z ('+' written as %2B), it was {value}",
        {"value": repr(str(value)[:64])},
    )


def rfc3339(time: datetime) -> str:
    """RFC 3339 with microseconds and Z; `time` is aware."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


TimeIn = Annotated[
    datetime,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2011-06-30T21:00:00.000000Z"]}),
]
TimeOut = Annotated[
    datetime,
    PlainSerializer(rfc3339),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2011-06-30T21:00:00.000000Z"]}),
]
Symbol = Annotated[
    str,
    StringConstraints(pattern=SYMBOL),
    WithJsonSchema({"type": "string", "pattern": SYMBOL, "examples": ["AAPL"]}),
]


def time_of_us(time_us: int) -> datetime:
    """Microseconds since 1970 UTC as an aware time."""
    return _EPOCH + timedelta(microseconds=time_us)


def us_of_time(time: datetime) -> int:
    """An aware time as microseconds since 1970 UTC, exactly."""
    return (time - _EPOCH) // timedelta(microseconds=1)
