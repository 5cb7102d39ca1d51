"""Ids that are derived from what they name, so that a retry has the same id. Prefix, then 26 base32 characters."""

from __future__ import annotations

import base64
import hashlib


def derive(prefix: str, *parts: str | int) -> str:
    """A 130-bit id of `parts`: SHA-256 over their length-prefixed texts, base32, cut at 26 characters."""
    digest = hashlib.sha256()
    for part in parts:
        text = str(part).encode()
        digest.update(len(text).to_bytes(4, "big"))
        digest.update(text)
    return f"{prefix}_{base64.b32encode(digest.digest())[:26].decode().lower()}"


def order_id(account_id: str, client_order_id: str) -> str:
    return derive("ord", account_id, client_order_id)


def execution_id(order: str, tick_partition: int, tick_offset: int) -> str:
    """One order fills at most once on one tick."""
    return derive("exe", order, tick_partition, tick_offset)


def report_id(kind: str, order: str, epoch: int, *parts: str | int) -> str:
    return derive("rep", kind, order, epoch, *parts)


def signal_id(symbol: str, *parts: str | int) -> str:
    return derive("sig", symbol, *parts)
