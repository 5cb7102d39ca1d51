"""Figures as they are typed: NAME=VALUE, lists with commas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from domain.errors import InvalidValue

Kind = TypeVar("Kind", bound=msgspec.Struct)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def struct_of(figures: Sequence[str], kind: type[Kind], code: str, lists: Collection[str] = ()) -> Kind:
    """The struct whose fields are named; those that are not have their defaults. lists: fields that are lists.

    Raises InvalidValue of that code.
    """
    names = kind.__struct_fields__
    given: dict[str, Any] = {}
    for figure in figures:
        name, equals, value = figure.partition("=")
        if not equals or name not in names:
            raise InvalidValue(code, f"expected NAME=VALUE with one of {', '.join(names)}; it was {figure!r}")
        if name in given:
            raise InvalidValue(code, f"expected {name} once, it was given again as {figure!r}")
        given[name] = [text for text in value.split(",") if text] if name in lists else value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidValue(code, f"expected {kind.__name__}, it was {' '.join(figures)}: {error}") from error


def decimal(text: str, what: str) -> Decimal:
    """Raises InvalidValue when it is no number; whether it can be computed with, the domain says."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidValue("NUMBER_INVALID", f"expected {what} to be a number, it was {text!r}") from error


def time_us(text: str, what: str) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 time, or of the first moment of a day, UTC. Raises InvalidValue."""
    try:
        if len(text) == len("2012-08-09"):
            moment = datetime.combine(date.fromisoformat(text), time(), UTC)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_time(text, what) from error
    if moment.tzinfo is None:
        raise _no_time(text, what)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _no_time(text: str, what: str) -> InvalidValue:
    expected = f"expected {what} to be a day or a time such as 2012-08-09 or 2012-08-09T13:30:00Z"
    return InvalidValue("TIME_INVALID", f"{expected}, it was {text!r}")
