"""From Python to HTTP: exact decimals, UTC times, and nothing that the API would have to guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from tapeledger_client.errors import NotSent
from tapeledger_client.model import Model, Placed


def body_of(body: Model) -> bytes:
    """JSON of a request's body. Optional fields that are None are left out.

    A decimal may be given as a Decimal, an int or a decimal string, all of which are exact. Raises NotSent for a float,
    for a time without a time zone, and for what does not fit the body's type.
    """
    built = msgspec.to_builtins(body)
    _no_float(built, "$")
    try:
        checked = msgspec.convert(built, type(body))
    except msgspec.ValidationError as error:
        raise NotSent(f"{type(body).__name__}: {error}") from error
    return msgspec.json.encode(_plain(checked, "$"))


def query_of(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Query parameters; a list's name stands once for each element, None is left out. Raises NotSent."""
    pairs = []
    for name, value in parameters.items():
        several = isinstance(value, Iterable) and not isinstance(value, str)
        pairs += [(name, text_of(each, name)) for each in (value if several else (value,)) if each is not None]
    return pairs


def text_of(value: Any, name: str) -> str:
    """A value as text of a URL or a header. Raises NotSent."""
    _no_float(value, name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(_plain(value, name))


def path(template: str, *values: Any) -> str:
    """The template with each `{}` replaced. Raises NotSent for a value that would lead to another path."""
    for value in values:
        text = text_of(value, template)
        if text in {"", ".", ".."}:
            raise NotSent(f"expected an id for {template}, it was {text!r}")
        template = template.replace("{}", quote(text, safe=""), 1)
    return template


def place_text(place: Placed | str) -> str:
    """A place as min_position takes it, `topic:partition:offset`."""
    return place if isinstance(place, str) else f"{place.topic}:{place.partition}:{place.offset}"


def _no_float(value: Any, where: str) -> None:
    if isinstance(value, float):
        raise NotSent(f"expected an exact number such as Decimal('{value}'), it was the float {value!r} - at `{where}`")
    if isinstance(value, dict):
        for name, own in value.items():
            _no_float(own, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for number, own in enumerate(value):
            _no_float(own, f"{where}[{number}]")


def _plain(value: Any, where: str) -> Any:
    """JSON's own types alone."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise NotSent(f"expected a finite number, it was {value} - at `{where}`")
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise NotSent(f"expected a time with a time zone, it was {value.isoformat()} - at `{where}`")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, msgspec.Struct):
        return {
            field.encode_name: _plain(own, f"{where}.{field.encode_name}")
            for field in msgspec.structs.fields(value)
            if (own := getattr(value, field.name)) is not None or field.required
        }
    if isinstance(value, Mapping):
        return {name: _plain(own, f"{where}.{name}") for name, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own, f"{where}[{number}]") for number, own in enumerate(value)]
    return value
