"""Field types that requests and responses of the API share, those of runtime.http.fields included.

Money, prices and quantities are decimal strings both ways: a JSON number becomes a binary float in most readers.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from runtime.http.fields import SYMBOL, Body, Symbol, TimeIn, TimeOut, View, rfc3339, time_of_us, us_of_time

DECIMAL_IN = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$"
POSITIVE_IN = r"^(?=.*[1-9])(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?$"
"""Above zero, and of no more digits than the ledger computes with."""
DECIMAL_OUT = r"^-?[0-9]+(\.[0-9]+)?$"
_DECIMAL = re.compile(DECIMAL_IN[1:-1])
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _read_whole(value: Any) -> Any:
    """17.0 is an integer in JSON (JSON Schema 2020-12, section 4.2.3), so it is one here."""
    return int(value) if type(value) is float and value.is_integer() else value


WHOLE = BeforeValidator(_read_whole)
"""Reads an integer of a body. In a type with bounds it comes after them: bounds behind it stay out of the schema."""
WholeIn = Annotated[int, WHOLE]


class Filters(BaseModel):
    """The query parameters of an operation: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


def plain(value: Decimal) -> str:
    """Decimal text without an exponent, digits as they are."""
    return format(value, "f")


def _read_day(value: Any) -> date:
    """A full-date of RFC 3339 (section 5.6)."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError(
        "day_unreadable", "expected a day such as 2011-06-30, it was {value}", {"value": repr(str(value)[:64])}
    )


DayIn = Annotated[
    date,
    BeforeValidator(_read_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2011-06-30"]}),
]
DayOut = Annotated[date, WithJsonSchema({"type": "string", "format": "date", "examples": ["2011-06-30"]})]
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
BacktestPath = Annotated[
    str,
    Path(pattern=r"^bkt_[0-9a-f]{32}$", examples=["bkt_3f1c9a7e5b2d48069a1be3c5d7f80246"]),
]
ClientId = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]{1,48}$"),
    WithJsonSchema({"type": "string", "pattern": r"^[!-~]{1,48}$", "examples": ["rebalance-2011-06-30-1"]}),
]


__all__ = [
    "DECIMAL_IN",
    "DECIMAL_OUT",
    "POSITIVE_IN",
    "SYMBOL",
    "WHOLE",
    "AccountId",
    "Body",
    "ClientId",
    "DayIn",
    "DayOut",
    "DecimalIn",
    "DecimalOut",
    "Filters",
    "OrderId",
    "PositiveIn",
    "Symbol",
    "TimeIn",
    "TimeOut",
    "View",
    "WholeIn",
    "plain",
    "rfc3339",
    "time_of_us",
    "us_of_time",
]
