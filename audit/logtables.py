"""What an event must have put into the tables that are only appended to: journal, fills, refusals, signals, ..."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from audit import expected_outcomes
from audit import logtables_corporate as corporate
from audit.compare import Row, stored, time_of
from domain.actions import ActionRecorded, ActionRefused
from domain.events import (
    CommandRejected,
    FillRestated,
    LedgerEvent,
    OrderAccepted,
    OrderAcknowledged,
    OrderCanceled,
    OrderCancelRequested,
    OrderExpired,
    OrderFilled,
    OrderGroupAccepted,
    OrderGroupRejected,
    OrderRefusedByVenue,
    OrderRejected,
    OrderReplaceRequested,
    RebalanceCanceled,
    RebalancePlanned,
)
from domain.numbers import exact
from domain.signals import SignalGenerated, SignalRefused

_STATUS_AFTER: dict[type[Any], str] = {
    OrderAccepted: "PENDING_NEW",
    OrderRejected: "REJECTED",
    OrderGroupAccepted: "PENDING_NEW",
    OrderGroupRejected: "REJECTED",
    OrderReplaceRequested: "PENDING_REPLACE",
    OrderExpired: "EXPIRED",
    OrderAcknowledged: "NEW",
    OrderCancelRequested: "PENDING_CANCEL",
    OrderCanceled: "CANCELED",
    OrderRefusedByVenue: "REJECTED",
}


class Live(NamedTuple):
    """A live record, decoded. id: its ce_id; value: the raw JSON. steps: what it does to orders (audit.expected)."""

    offset: int
    id: str
    message: Any
    value: bytes
    steps: list[Row]


class LogTable(NamedTuple):
    """leg: the column (or 0) that tells the rows of one event apart. rows: what an event must have given."""

    name: str
    leg: str
    columns: tuple[str, ...]
    rows: Callable[[Live], list[Row]]


def _json(value: Any) -> Any:
    """A struct as PostgreSQL gives its jsonb back."""
    return None if value is None else stored(json.loads(msgspec.json.encode(value)))


def _postings(live: Live) -> list[Row]:
    event: LedgerEvent = live.message
    market_time = time_of(getattr(event, "market_time_us", None))
    return [
        (
            stored(event.originator_id),
            leg.account,
            leg.commodity,
            leg.amount,
            type(event).__name__,
            stored(live.id),
            time_of(event.timestamp),
            market_time,
        )
        for leg in event.postings
    ]


def _fills(live: Live) -> list[Row]:
    fill = live.message
    if not isinstance(fill, OrderFilled):
        return []
    with exact():
        value = fill.quantity * fill.price
        charges = fill.fee + fill.commission
        cash_change = (-value if fill.side == "BUY" else value) - charges
    return [
        (
            stored(fill.execution_id),
            stored(fill.order_id),
            stored(fill.originator_id),
            fill.symbol,
            fill.side,
            fill.quantity,
            fill.price,
            charges,
            fill.realized_pnl,
            cash_change,
            stored(fill.venue),
            time_of(fill.market_time_us),
            time_of(fill.timestamp),
            _json(fill.evidence),
        )
    ]


def _order_events(live: Live) -> list[Row]:
    event = live.message
    terms = event.orders[0] if isinstance(event, OrderGroupAccepted | OrderGroupRejected) else None
    terms = terms or getattr(event, "order", None)
    order_id = getattr(event, "order_id", None) if terms is None else terms.order_id
    if order_id is None:
        return []
    return [
        (
            stored(order_id),
            type(event).__name__,
            event.status if isinstance(event, OrderFilled | FillRestated) else _STATUS_AFTER.get(type(event)),
            time_of(event.timestamp),
            time_of(getattr(event, "market_time_us", None)),
            stored(json.loads(live.value)),
        )
    ]


def _command_rejections(live: Live) -> list[Row]:
    event = live.message
    if not isinstance(event, CommandRejected):
        return []
    return [
        (
            *(
                stored(text)
                for text in (event.originator_id, event.command_id, event.command_type, event.code, event.text)
            ),
            stored(event.details),
            time_of(event.timestamp),
        )
    ]


def _rebalances(live: Live) -> list[Row]:
    event = live.message
    if not isinstance(event, RebalancePlanned | RebalanceCanceled):
        return []
    texts = (stored(event.plan_id), stored(event.originator_id), type(event).__name__)
    return [(*texts, time_of(event.timestamp), stored(json.loads(live.value)))]


def _signals(live: Live) -> list[Row]:
    signal = live.message
    if not isinstance(signal, SignalGenerated):
        return []
    return [
        (
            *(stored(text) for text in (signal.signal_id, signal.symbol, signal.direction)),
            *(signal.probabilities.get(direction) for direction in ("BUY", "SELL", "HOLD")),
            *(stored(text) for text in (signal.model_name, signal.model_version)),
            signal.price,
            _json(signal.features),
            stored(signal.abstained),
            stored(signal.requested_by_id),
            _json(signal.first_tick),
            _json(signal.last_tick),
            time_of(signal.market_time_us),
            time_of(signal.recorded_at_us),
            stored(signal.model_sha256),
        )
    ]


def _signal_refusals(live: Live) -> list[Row]:
    refusal = live.message
    if not isinstance(refusal, SignalRefused):
        return []
    texts = (refusal.request_id, refusal.symbol, refusal.code, refusal.text)
    return [(*(stored(text) for text in texts), time_of(refusal.recorded_at_us))]


def _audit_actions(live: Live) -> list[Row]:
    event = live.message
    if not isinstance(event, ActionRecorded):
        return []
    texts = (event.action_id, event.actor, event.action, event.subject, event.reason)
    times = (time_of(event.issued_at_us), time_of(event.recorded_at_us))
    return [(*(stored(text) for text in texts), stored(event.details), *times)]


def _audit_refusals(live: Live) -> list[Row]:
    event = live.message
    if not isinstance(event, ActionRefused):
        return []
    texts = (event.action_id, event.actor, event.action, event.subject, event.code, event.text)
    return [(*(stored(text) for text in texts), stored(event.values), time_of(event.recorded_at_us))]


LEDGER_LOGS: tuple[LogTable, ...] = (
    LogTable(
        "journal_postings",
        "leg",
        (
            *("account_id", "book_account", "commodity", "amount"),
            *("event_type", "event_id", "recorded_at", "market_time"),
        ),
        _postings,
    ),
    LogTable(
        "fills",
        "0",
        (
            *("execution_id", "order_id", "account_id", "symbol", "side", "quantity", "price", "fee"),
            *("realized_pnl", "cash_change", "venue", "market_time", "recorded_at", "evidence"),
        ),
        _fills,
    ),
    LogTable(
        "order_events",
        "0",
        ("order_id", "event_type", "status", "recorded_at", "market_time", "data"),
        _order_events,
    ),
    LogTable(
        "order_history",
        "leg",
        (
            *("order_id", "account_id", "event_type", "caused_by", "effect", "status_before", "status_after"),
            *("changes", "last_quantity", "last_price", "code", "reason", "recorded_at", "market_time"),
        ),
        lambda live: live.steps,
    ),
    LogTable(
        "command_rejections",
        "0",
        ("account_id", "command_id", "command_type", "code", "text", "details", "recorded_at"),
        _command_rejections,
    ),
    LogTable("rebalance_events", "0", ("plan_id", "account_id", "event_type", "recorded_at", "data"), _rebalances),
    LogTable("operator_actions", "0", corporate.ACTIONS, corporate.actions),
    LogTable("fill_corrections", "0", corporate.CORRECTIONS, corporate.corrections),
    LogTable("position_changes", "leg", corporate.CHANGES, corporate.changes),
)
SIGNAL_LOGS: tuple[LogTable, ...] = (
    LogTable(
        "signals",
        "0",
        (
            *("signal_id", "symbol", "direction", "p_buy", "p_sell", "p_hold", "model_name", "model_version", "price"),
            *("features", "abstained", "requested_by_id", "first_tick", "last_tick", "market_time", "recorded_at"),
            "model_sha256",
        ),
        _signals,
    ),
    LogTable("signal_outcomes", "leg", expected_outcomes.OUTCOMES, expected_outcomes.outcomes),
    LogTable("signal_refusals", "0", ("request_id", "symbol", "code", "text", "recorded_at"), _signal_refusals),
)
AUDIT_LOGS: tuple[LogTable, ...] = (
    LogTable(
        "audit_actions",
        "0",
        ("action_id", "actor", "action", "subject", "reason", "details", "issued_at", "recorded_at"),
        _audit_actions,
    ),
    LogTable(
        "audit_refusals",
        "0",
        ("action_id", "actor", "action", "subject", "code", "text", "details", "recorded_at"),
        _audit_refusals,
    ),
)
