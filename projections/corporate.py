"""operator_actions, fill_corrections and position_changes: what moved positions and cash besides trades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from domain.events import (
    DividendPaid,
    FillBusted,
    FillCorrected,
    FillRestated,
    InstrumentDelisted,
    LedgerEvent,
    OperatorEvent,
    SharesSplit,
    SymbolChanged,
)
from domain.numbers import ZERO, exact
from projections.rows import Cursor, Event, Row, execute, insert, json_text

ACTIONS = {
    "partition": "integer",
    "record_offset": "bigint",
    "account_id": "text",
    "event_type": "text",
    "symbol": "text",
    "command_id": "text",
    "actor": "text",
    "reason": "text",
    "reference": "text",
    "market_time": "timestamptz",
    "recorded_at": "timestamptz",
    "data": "jsonb",
}
CORRECTIONS = {
    "partition": "integer",
    "record_offset": "bigint",
    "execution_id": "text",
    "order_id": "text",
    "account_id": "text",
    "symbol": "text",
    "state": "text",
    "old_quantity": "numeric",
    "old_price": "numeric",
    "old_fee": "numeric",
    "quantity": "numeric",
    "price": "numeric",
    "fee": "numeric",
    "quantity_change": "numeric",
    "cash_change": "numeric",
    "realized_pnl_change": "numeric",
    "fees_change": "numeric",
    "actor": "text",
    "report_id": "text",
    "command_id": "text",
    "reason": "text",
    "reference": "text",
    "market_time": "timestamptz",
    "recorded_at": "timestamptz",
}
CHANGES = {
    "partition": "integer",
    "record_offset": "bigint",
    "leg": "integer",
    "account_id": "text",
    "symbol": "text",
    "event_type": "text",
    "quantity_change": "numeric",
    "cash_change": "numeric",
    "realized_pnl_change": "numeric",
    "market_time": "timestamptz",
    "recorded_at": "timestamptz",
}
_INSERT_ACTIONS = insert("operator_actions", ACTIONS)
_INSERT_CORRECTIONS = insert("fill_corrections", CORRECTIONS)
_INSERT_CHANGES = insert("position_changes", CHANGES)

Change = tuple[str, Decimal, Decimal, Decimal, int]  # symbol; change of units, cash, P&L; market time in microseconds


def actions(events: Sequence[Event]) -> list[Row]:
    """Rows of ACTIONS."""
    return [
        (
            event.partition,
            event.offset,
            event.message.originator_id,
            type(event.message).__name__,
            getattr(event.message, "symbol", None),
            event.message.command_id,
            event.message.actor,
            event.message.reason,
            event.message.reference,
            getattr(event.message, "market_time_us", None),
            event.message.timestamp,
            json_text(event.data),
        )
        for event in events
        if isinstance(event.message, OperatorEvent)
    ]


def corrections(events: Sequence[Event]) -> list[Row]:
    """Rows of CORRECTIONS."""
    return [_correction(event) for event in events if isinstance(event.message, FillRestated)]


def changes(events: Sequence[Event]) -> list[Row]:
    """Rows of CHANGES."""
    return [
        (
            event.partition,
            event.offset,
            leg,
            event.message.originator_id,
            symbol,
            type(event.message).__name__,
            quantity,
            cash,
            pnl,
            market_time_us,
            event.message.timestamp,
        )
        for event in events
        for leg, (symbol, quantity, cash, pnl, market_time_us) in enumerate(changes_of(event.message))
    ]


def changes_of(message: LedgerEvent) -> list[Change]:
    """What an event other than a fill moves on the market's clock; nothing for most events."""
    with exact():
        return list(_changes(message))


def _changes(message: LedgerEvent) -> Iterator[Change]:
    match message:
        case DividendPaid():
            yield message.symbol, ZERO, message.gross - message.withheld, ZERO, message.market_time_us
        case SharesSplit():
            units = message.new_quantity - message.old_quantity
            yield message.symbol, units, message.lieu_cash, message.realized_pnl, message.market_time_us
        case SymbolChanged():
            units = message.quantity - message.short_quantity
            yield message.symbol, -units, ZERO, -message.realized_pnl, message.market_time_us
            yield message.new_symbol, units, ZERO, message.realized_pnl, message.market_time_us
        case InstrumentDelisted():
            yield (
                *(message.symbol, -message.quantity, message.proceeds, message.realized_pnl),
                message.market_time_us,
            )
        case FillCorrected() | FillBusted():
            yield from _restated(message)


def _restated(message: FillRestated) -> Iterator[Change]:
    """The fill's own part at its market time, then each action since that comes out differently at its own."""
    units, cash, pnl = message.quantity_change, message.cash_change, message.realized_pnl_change
    for action in message.actions:
        units -= action.quantity_change
        cash -= action.cash_change
        pnl -= action.realized_pnl_change
    yield message.symbol, units, cash, pnl, message.market_time_us
    for action in message.actions:
        yield (
            *(message.symbol, action.quantity_change, action.cash_change, action.realized_pnl_change),
            action.market_time_us,
        )


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT_ACTIONS, actions(events))
    execute(cursor, _INSERT_CORRECTIONS, corrections(events))
    execute(cursor, _INSERT_CHANGES, changes(events))


def _correction(event: Event) -> Row:
    message: Any = event.message
    figures = (ZERO, ZERO, ZERO)
    if isinstance(message, FillCorrected):
        figures = (message.quantity, message.price, message.fee)
    return (
        event.partition,
        event.offset,
        message.execution_id,
        message.order_id,
        message.originator_id,
        message.symbol,
        "CORRECTED" if isinstance(message, FillCorrected) else "BUSTED",
        message.old_quantity,
        message.old_price,
        message.old_fee,
        *figures,
        message.quantity_change,
        message.cash_change,
        message.realized_pnl_change,
        message.fees_change + message.commission_change,
        message.actor or None,
        message.report_id or None,
        message.command_id or None,
        message.reason,
        message.reference or None,
        message.market_time_us,
        message.timestamp,
    )
