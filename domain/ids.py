"""Ids that are derived from what they name, so that a retry has the same id. Prefix, then 32 hex digits."""

from __future__ import annotations

import hashlib


def derive(prefix: str, *parts: str | int) -> str:
    """A 128-bit id of `parts`: SHA-256 over their length-prefixed texts, the first 32 hex digits."""
    texts = [str(part).encode() for part in parts]
    digest = hashlib.sha256(b"".join(len(text).to_bytes(4, "big") + text for text in texts))
    return f"{prefix}_{digest.hexdigest()[:32]}"


def order_id(account_id: str, client_order_id: str) -> str:
    return derive("ord", account_id, client_order_id)


def group_id(account_id: str, client_group_id: str) -> str:
    return derive("grp", account_id, client_group_id)


def plan_id(account_id: str, command_id: str) -> str:
    return derive("pln", account_id, command_id)


def execution_id(order: str, tick_partition: int, tick_offset: int) -> str:
    """One order fills at most once on one tick."""
    return derive("exe", order, tick_partition, tick_offset)


def report_id(kind: str, order: str, epoch: int, *parts: str | int) -> str:
    return derive("rep", kind, order, epoch, *parts)


def break_id(kind: str, order: str, execution: str | None) -> str:
    """One difference has one id, whoever finds it and however often."""
    return derive("brk", kind, order, execution or "")


def signal_id(symbol: str, *parts: str | int) -> str:
    return derive("sig", symbol, *parts)


def action_id(*parts: str | int) -> str:
    return derive("act", *parts)
