"""Limits as a risk officer types them: NAME=VALUE, lists with commas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.limits import Limits
from streams.asking.figures import struct_of

_LISTS = ("restricted_symbols", "permitted_traders")


def parse(figures: Sequence[str]) -> Limits:
    """`order_value_max=1000 restricted_symbols=FB,IBM`. None at all: no limits. Raises InvalidValue."""
    return struct_of(figures, Limits, "LIMIT_INVALID", _LISTS)


def text(limits: dict[str, Any] | None) -> str:
    """Limits as they are typed."""
    return " ".join(
        f"{name}={','.join(value) if isinstance(value, list) else value}" for name, value in (limits or {}).items()
    )
