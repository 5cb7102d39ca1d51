"""The last line of every model's bytes: which kind they are, and their hash.

A library's reader trusts its file. One flipped bit makes XGBoost read beyond its memory, and a LightGBM file that is
cut short does the same: both end the process. So no library sees bytes whose hash is not right. The line comes last,
because XGBoost's and LightGBM's own tools skip it: their models stay files that anybody can open.

Boundaries: a seal finds damage, not forgery. Who made a model is for the registry to say, which keeps the hash of the
whole in meta.json.
"""

from __future__ import annotations

import hashlib

from domain.errors import UnreadableInput

_START = b"\ntapeledger "


def sealed(kind: str, body: bytes) -> bytes:
    """The body and the line `tapeledger <kind> sha256:<hex>`."""
    return body + _START + f"{kind} sha256:{_hash(kind, body)}\n".encode()


def opened(kind: str, data: bytes) -> bytes:
    """The body of `sealed`. Raises UnreadableInput when the bytes are damaged, of another kind, or no model at all."""
    body, _, line = bytes(data).rpartition(_START)
    found, _, digest = line.partition(b" sha256:")
    if not body or not digest.endswith(b"\n"):
        raise UnreadableInput(
            f"not a model of kind {kind}: {len(data)} bytes that are not a model with a seal at its end"
        )
    if found != kind.encode():
        raise UnreadableInput(f"expected a model of kind {kind}, it was {found.decode(errors='replace')!r}")
    if digest != f"{_hash(kind, body)}\n".encode():
        raise UnreadableInput(
            f"a model of kind {kind} is damaged: SHA-256 {_hash(kind, body)}, its seal says {digest[:64]!r}"
        )
    return body


def _hash(kind: str, body: bytes) -> str:
    return hashlib.sha256(kind.encode() + b"\n" + body).hexdigest()
