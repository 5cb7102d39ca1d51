"""signals and signal_refusals."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.signals import SignalGenerated, SignalRefused
from projections.rows import Cursor, Event, Row, execute, insert, json_text

SIGNALS = {
    "signal_id": "text",
    "symbol": "text",
    "direction": "text",
    "p_buy": "double precision",
    "p_sell": "double precision",
    "p_hold": "double precision",
    "model_name": "text",
    "model_version": "text",
    "price": "numeric",
    "features": "jsonb",
    "abstained": "text",
    "requested_by_id": "text",
    "first_tick": "jsonb",
    "last_tick": "jsonb",
    "market_time": "timestamptz",
    "recorded_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
    "model_sha256": "text",
}
REFUSALS = {
    "partition": "integer",
    "record_offset": "bigint",
    "request_id": "text",
    "symbol": "text",
    "code": "text",
    "text": "text",
    "recorded_at": "timestamptz",
}
_INSERT_SIGNALS = insert("signals", SIGNALS)
_INSERT_REFUSALS = insert("signal_refusals", REFUSALS)
_encode = msgspec.json.encode


def signals(events: Sequence[Event]) -> list[Row]:
    """Rows of SIGNALS."""
    return [_signal(event) for event in events if type(event.message) is SignalGenerated]


def refusals(events: Sequence[Event]) -> list[Row]:
    """Rows of REFUSALS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.request_id,
            event.message.symbol,
            event.message.code,
            event.message.text,
            event.message.recorded_at_us,
        )
        for event in events
        if type(event.message) is SignalRefused
    ]


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT_SIGNALS, signals(events))
    execute(cursor, _INSERT_REFUSALS, refusals(events))


def _signal(event: Event) -> Row:
    signal: SignalGenerated = event.message
    return (
        signal.signal_id,
        signal.symbol,
        signal.direction,
        signal.probabilities.get("BUY"),
        signal.probabilities.get("SELL"),
        signal.probabilities.get("HOLD"),
        signal.model_name,
        signal.model_version,
        signal.price,
        json_text(_encode(signal.features)),
        signal.abstained,
        signal.requested_by_id,
        _json(signal.first_tick),
        _json(signal.last_tick),
        signal.market_time_us,
        signal.recorded_at_us,
        event.partition,
        event.offset,
        signal.model_sha256,
    )


def _json(struct: msgspec.Struct | None) -> str | None:
    return None if struct is None else json_text(_encode(struct))
