"""Opaque cursors: where the next page begins, bound to the list and its filters.

A cursor is the key of the last row given, with a checksum. The checksum is no secret and protects nothing: the reader's
rights do. It makes a damaged cursor, or one from another list, a clear error instead of a wrong page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from api.problems import FieldProblem, ProblemError
from api.query.database import Row, Rows

_TAG_BYTES = 8
Key = TypeVar("Key")


def encode(scope: str, key: Sequence[Any]) -> str:
    payload = msgspec.json.encode(list(key))
    return base64.urlsafe_b64encode(_tag(scope, payload) + payload).rstrip(b"=").decode()


def decode(scope: str, cursor: str | None, type_: type[Key]) -> Key | None:
    """The key in a cursor of `scope` (the list's name and its filters), None without one.

    Raises ProblemError 400 CURSOR_INVALID where this list did not give it.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        tag, payload = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if tag == _tag(scope, payload):
            return msgspec.json.decode(payload, type=type_)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        pass
    detail = "expected a cursor as this list gave it, with the same filters; it was damaged or belongs to another list"
    error = FieldProblem(code="CURSOR_INVALID", detail=detail, parameter="query:cursor")
    raise ProblemError(400, "CURSOR_INVALID", detail, errors=[error])


def page(rows: Rows, limit: int, scope: str, key: Callable[[Row], Sequence[Any]]) -> dict[str, Any]:
    """`rows` is what a select of `limit` + 1 rows gave: the page's has_more and cursor, and the rows it keeps."""
    kept = rows[:limit]
    has_more = len(rows) > limit
    return {"data": kept, "has_more": has_more, "cursor": encode(scope, key(kept[-1])) if has_more else None}


def scope_of(name: str, filters: msgspec.Struct | dict[str, Any]) -> str:
    """The list's name with the filters that choose its rows."""
    return name + "?" + msgspec.json.encode(filters, order="deterministic", enc_hook=str).decode()


def _tag(scope: str, payload: bytes) -> bytes:
    return hashlib.sha256(b"tapeledger cursor v1\n" + scope.encode() + b"\n" + payload).digest()[:_TAG_BYTES]
