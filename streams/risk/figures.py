"""Limits as a risk officer types them: NAME=VALUE, lists with commas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from domain.errors import InvalidValue
from domain.limits import Limits

NAMES = Limits.__struct_fields__
_LISTS = ("restricted_symbols", "permitted_traders")


def parse(figures: Sequence[str]) -> Limits:
    """`order_value_max=1000 restricted_symbols=FB,IBM`. None at all: no limits. Raises InvalidValue."""
    given: dict[str, Any] = {}
    for figure in figures:
        name, equals, value = figure.partition("=")
        if not equals or name not in NAMES:
            raise InvalidValue(
                "LIMIT_INVALID", f"expected NAME=VALUE with one of {', '.join(NAMES)}; it was {figure!r}"
            )
        if name in given:
            raise InvalidValue("LIMIT_INVALID", f"expected {name} once, it was given again as {figure!r}")
        given[name] = [text for text in value.split(",") if text] if name in _LISTS else value
    try:
        return msgspec.convert(given, Limits, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidValue("LIMIT_INVALID", f"expected limits, they were {' '.join(figures)}: {error}") from error


def text(limits: dict[str, Any] | None) -> str:
    """Limits as they are typed."""
    return " ".join(
        f"{name}={','.join(value) if isinstance(value, list) else value}" for name, value in (limits or {}).items()
    )
