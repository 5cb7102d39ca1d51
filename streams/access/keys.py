"""API keys: 256 random bits, shown once. What is kept is the SHA-256 of the whole key; with so many random bits nothing
slower is needed to keep it from being guessed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

_KEY = re.compile(r"tk_([0-9a-f]{16}|root)_[0-9a-f]{64}")


class NewKey(NamedTuple):
    """A key that was just made. text: what its owner gets, and nobody keeps."""

    key_id: str
    text: str
    sha256: str


def make() -> NewKey:
    name = secrets.token_hex(8)
    text = f"tk_{name}_{secrets.token_hex(32)}"
    return NewKey(f"key_{name}", text, digest(text))


def key_id_of(text: str) -> str | None:
    """The id that a well-formed key names; None for anything else."""
    match = _KEY.fullmatch(text)
    return None if match is None else f"key_{match[1]}"


def digest(text: str) -> str:
    """SHA-256 of a key, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
