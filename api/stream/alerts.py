"""What somebody should look at: refusals, kill switches and halts, differences with the venue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from api.stream.changes import Encoded, encoded
from api.stream.places import Batches, arrays, within
from api.stream.source import Read
from api.stream.views import TIME, Alert, AlertKind

_ON_TAPE: dict[str, AlertKind] = {
    "KillSwitchEngaged": "KILL_SWITCH_ENGAGED",
    "KillSwitchReleased": "KILL_SWITCH_RELEASED",
    "TradingHalted": "TRADING_HALTED",
    "TradingResumed": "TRADING_RESUMED",
    "BreakFound": "BREAK_FOUND",
    "BreakResolved": "BREAK_RESOLVED",
}
_OF_THE_DESK = frozenset({"TRADING_HALTED", "TRADING_RESUMED"})
_OF_NOBODY: dict[str, AlertKind] = {
    "reconciliation.break_found": "BREAK_FOUND",
    "reconciliation.break_resolved": "BREAK_RESOLVED",
}
_REJECTIONS = ["OrderRejected", "OrderGroupRejected", "OrderRefusedByVenue"]
_encode = msgspec.json.encode

_ORDERS = f"""
select partition, record_offset, leg, history.account_id, orders.symbol, history.order_id, code, reason,
    coalesce(orders.reject_details::text, '{{}}'), {TIME.format("recorded_at")}
from (select found.* from {within("order_history.*", "order_history", where="event_type = any(%(types)s)")}) as history
left join lateral (
    select symbol, reject_details from orders where orders.order_id = history.order_id) as orders on true
"""
_COMMANDS = f"""
select partition, record_offset, account_id, code, text, details::text, {TIME.format("recorded_at")}
from {within("command_rejections.*", "command_rejections")}
"""
_TAPE = f"""
select partition, record_offset, split_part(type, '.', 2), convert_from(key, 'UTF8'), value, {
    TIME.format("recorded_at")
}
from {
    within(
        "tape_records.*",
        "tape_records",
        where="topic = %(topic)s and live and split_part(type, '.', 2) = any(%(types)s)",
    )
}
"""
_AUDIT = f"""
select partition, record_offset, action, reason, actor, details::text, {TIME.format("recorded_at")}
from {within("audit_actions.*", "audit_actions", where="action = any(%(actions)s)")}
"""


async def changes(read: Read, batches: Batches) -> list[Encoded]:
    """The alerts that the records of these batches are."""
    found: list[tuple[int | None, Alert]] = []
    ledger, audit = arrays(batches.spans("ledger")), arrays(batches.spans("audit"))
    if ledger["partitions"]:
        for row in await read.all(_ORDERS, {**ledger, "types": _REJECTIONS}):
            found.append((batches.seq("ledger", *row[:2]), _rejected_order(row)))
        for row in await read.all(_COMMANDS, ledger):
            found.append((batches.seq("ledger", *row[:2]), _rejected_command(row)))
        for row in await read.all(_TAPE, {**ledger, "topic": batches.topics["ledger"], "types": list(_ON_TAPE)}):
            found.append((batches.seq("ledger", *row[:2]), _on_tape(row)))
    if audit["partitions"]:
        for row in await read.all(_AUDIT, {**audit, "actions": list(_OF_NOBODY)}):
            found.append((batches.seq("audit", *row[:2]), _of_nobody(row)))
    return [encoded(seq, "alerts", alert) for seq, alert in found if seq is not None]


def _rejected_order(row: Sequence[Any]) -> Alert:
    partition, offset, leg, account_id, symbol, order_id, code, reason, details, at = row
    return Alert(
        alert_id=f"ledger-{partition}-{offset}-{leg}",
        alert="ORDER_REJECTED",
        account_id=account_id,
        symbol=symbol,
        order_id=order_id,
        code=code,
        text=reason or "",
        by=None,
        details=msgspec.Raw(details.encode()),
        recorded_at=at,
    )


def _rejected_command(row: Sequence[Any]) -> Alert:
    partition, offset, account_id, code, text, details, at = row
    return Alert(
        alert_id=f"ledger-{partition}-{offset}-0",
        alert="COMMAND_REJECTED",
        account_id=account_id,
        symbol=None,
        order_id=None,
        code=code,
        text=text,
        by=None,
        details=msgspec.Raw(details.encode()),
        recorded_at=at,
    )


def _on_tape(row: Sequence[Any]) -> Alert:
    """Of events that have no table of their own, or not all that is to be said here."""
    partition, offset, type_, key, value, at = row
    event = msgspec.json.decode(value)
    kind = _ON_TAPE[type_]
    shown = ("command_id", "scope", "strategy_id", "break_id", "kind", "execution_id", "venue", "expected", "actual")
    return Alert(
        alert_id=f"ledger-{partition}-{offset}-0",
        alert=kind,
        account_id=None if kind in _OF_THE_DESK else key,
        symbol=event.get("symbol"),
        order_id=event.get("order_id"),
        code=event.get("kind"),
        text=event.get("reason") or "",
        by=event.get("by"),
        details=msgspec.Raw(_encode({name: event[name] for name in shown if event.get(name) is not None})),
        recorded_at=at,
    )


def _of_nobody(row: Sequence[Any]) -> Alert:
    """Breaks of orders that no account has."""
    partition, offset, action, reason, actor, details, at = row
    event = msgspec.json.decode(details)
    return Alert(
        alert_id=f"audit-{partition}-{offset}-0",
        alert=_OF_NOBODY[action],
        account_id=None,
        symbol=event.get("symbol"),
        order_id=event.get("order_id"),
        code=event.get("kind"),
        text=reason,
        by=actor,
        details=msgspec.Raw(details.encode()),
        recorded_at=at,
    )


_HALTS = f"""
select partition, record_offset, strategy_id, officer, reason, command_id, {TIME.format("changed_at")}
from desk_controls where control = 'HALT' and in_force order by changed_at, partition
"""
_BREAKS = f"""
select partition, record_offset, account_id, symbol, order_id, kind, break_id, venue, expected, actual,
    {TIME.format("found_at")}
from reconciliation_breaks_all where status = 'OPEN'
    and (%(accounts)s::text[] is null or account_id = any(%(accounts)s))
    and (%(symbols)s::text[] is null or symbol = any(%(symbols)s))
order by found_at desc limit %(rows)s
"""


async def in_force(read: Read, symbols: list[str] | None, accounts: list[str] | None, rows: int) -> list[Alert]:
    """Halts that hold, and the newest breaks that are open."""
    halts = [
        Alert(
            alert_id=f"ledger-{partition}-{offset}-0",
            alert="TRADING_HALTED",
            account_id=None,
            symbol=None,
            order_id=None,
            code=None,
            text=reason,
            by=officer,
            details=msgspec.Raw(
                _encode({"command_id": command_id, "scope": "STRATEGY", "strategy_id": strategy_id})
                if strategy_id
                else _encode({"command_id": command_id, "scope": "ALL"})
            ),
            recorded_at=at,
        )
        for partition, offset, strategy_id, officer, reason, command_id, at in await read.all(_HALTS, {})
    ]
    found = await read.all(_BREAKS, {"accounts": accounts, "symbols": symbols, "rows": rows})
    breaks = [
        Alert(
            alert_id=f"{'audit' if account_id is None else 'ledger'}-{partition}-{offset}-0",
            alert="BREAK_FOUND",
            account_id=account_id,
            symbol=symbol,
            order_id=order_id,
            code=kind,
            text="",
            by=None,
            details=msgspec.Raw(
                _encode({"break_id": break_id, "venue": venue, "expected": expected, "actual": actual})
            ),
            recorded_at=at,
        )
        for partition, offset, account_id, symbol, order_id, kind, break_id, venue, expected, actual, at in found
    ]
    return halts + breaks
