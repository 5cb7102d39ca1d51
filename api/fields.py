"""Field types that requests and responses share.

Money, prices and quantities are decimal strings both ways: a JSON number becomes a binary float in most readers. Times
are RFC 3339, UTC, with microseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

DECIMAL_IN = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$"
POSITIVE_IN = r"^(?=.*[1-9])(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?$"
"""Above zero, and of no more digits than the ledger computes with."""
DECIMAL_OUT = r"^-?[0-9]+(\.[0-9]+)?$"
SYMBOL = r"^[A-Z0-9.-]{1,16}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMAL = re.compile(DECIMAL_IN[1:-1])
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")


def _read_whole(value: Any) -> Any:
    """17.0 is an integer in JSON (JSON Schema 2020-12, section 4.2.3), so it is one here."""
    return int(value) if type(value) is float and value.is_integer() else value


WHOLE = BeforeValidator(_read_whole)
"""Reads an integer of a body. In a type with bounds it comes after them: bounds behind it stay out of the schema."""
WholeIn = Annotated[int, WHOLE]


class Body(BaseModel):
    """A request body: unknown fields are refused, and nothing is turned from one type into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Filters(BaseModel):
    """The query parameters of an operation: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """A response body. Every member is always there."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


def _read_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str):
        raise PydanticCustomError(
            "decimal_not_string",
            'expected a decimal string such as "12.50", it was a JSON {kind}',
            {"kind": _json_kind(value)},
        )
    if _DECIMAL.fullmatch(value) is None:
        raise PydanticCustomError(
            "decimal_unreadable",
            "expected at most 18 digits before the point and 18 after it, no exponent, no sign but '-'; it was {value}",
            {"value": repr(value[:64])},
        )
    return Decimal(value)


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict | list):
        return "object" if isinstance(value, dict) else "array"
    return "null"


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


def plain(value: Decimal) -> str:
    """Decimal text without an exponent, digits as they are."""
    return format(value, "f")


def rfc3339(time: datetime) -> str:
    """RFC 3339 with microseconds and Z; `time` is aware."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


DecimalIn = Annotated[
    Decimal,
    BeforeValidator(_read_decimal),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": DECIMAL_IN, "examples": ["100"]}),
]
PositiveIn = Annotated[
    Decimal,
    BeforeValidator(_read_decimal),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": POSITIVE_IN, "examples": ["100"]}),
]
"""Read as any decimal: that it is above zero is the ledger's rule, with the ledger's code."""
DecimalOut = Annotated[
    Decimal,
    PlainSerializer(plain),
    WithJsonSchema({"type": "string", "format": "decimal", "pattern": DECIMAL_OUT, "examples": ["185.25"]}),
]
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
AccountId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$"),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z0-9_.-]{1,64}$", "examples": ["acc_demo"]}),
]
OrderId = Annotated[
    str,
    StringConstraints(pattern=r"^ord_[0-9a-f]{32}$"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^ord_[0-9a-f]{32}$", "examples": ["ord_5f0c7d1b9e3a42688c21f4d0b7a9635e"]}
    ),
]
ClientId = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]{1,48}$"),
    WithJsonSchema({"type": "string", "pattern": r"^[!-~]{1,48}$", "examples": ["rebalance-2011-06-30-1"]}),
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
