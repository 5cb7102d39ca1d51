"""One sequence of bytes for one state, for comparing states by their digests."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

import msgspec

from domain.numbers import plain


def digest(state: Any) -> bytes:
    """SHA-256 over the canonical JSON of `state`: keys sorted, decimals by value, bytes as hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(_canonical(state), order="sorted")).digest()


def _canonical(value: Any) -> Any:
    result: Any
    match value:
        case None | str() | int():
            result = value
        case Decimal():
            result = plain(value)
        case bytes():
            result = value.hex()
        case msgspec.Struct():
            result = {name: _canonical(getattr(value, name)) for name in value.__struct_fields__}
        case OrderedDict():  # its order is part of the state
            result = [[key, _canonical(item)] for key, item in value.items()]
        case Mapping():
            result = {_key(key): _canonical(item) for key, item in value.items()}
        case Set():
            result = sorted(value)
        case list() | tuple() | deque():
            result = [_canonical(item) for item in value]
        case _:
            raise TypeError(f"no canonical form for {type(value).__name__}")
    return result


def _key(key: str | tuple[str, ...]) -> str:
    return key if isinstance(key, str) else " ".join(key)
