"""What an event must have put into the tables of corporate actions, cash movements and corrections of fills."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from audit.compare import Row, stored, time_of
from domain import events as e
from domain.numbers import ZERO, exact

ACTIONS = (
    *("account_id", "event_type", "symbol", "command_id", "actor", "reason", "reference"),
    *("market_time", "recorded_at", "data"),
)
CORRECTIONS = (
    *("execution_id", "order_id", "account_id", "symbol", "state", "old_quantity", "old_price", "old_fee"),
    *("quantity", "price", "fee", "quantity_change", "cash_change", "realized_pnl_change", "fees_change"),
    *("actor", "report_id", "command_id", "reason", "reference", "market_time", "recorded_at"),
)
CHANGES = (
    *("account_id", "symbol", "event_type", "quantity_change", "cash_change", "realized_pnl_change"),
    *("market_time", "recorded_at"),
)


def actions(live: Any) -> list[Row]:
    """Rows of ACTIONS: one for an operator's event."""
    event = live.message
    if not isinstance(event, e.OperatorEvent):
        return []
    row = (
        *(stored(event.originator_id), type(event).__name__, stored(getattr(event, "symbol", None))),
        *(stored(text) for text in (event.command_id, event.actor, event.reason, event.reference)),
        *(time_of(getattr(event, "market_time_us", None)), time_of(event.timestamp), stored(json.loads(live.value))),
    )
    return [row]


def corrections(live: Any) -> list[Row]:
    """Rows of CORRECTIONS: one for a fill that was re-stated. What moved is read off the postings."""
    event = live.message
    if not isinstance(event, e.FillRestated):
        return []
    is_busted = isinstance(event, e.FillBusted)
    now = [ZERO] * 3 if is_busted else [getattr(event, name) for name in ("quantity", "price", "fee")]
    row = (
        *(stored(text) for text in (event.execution_id, event.order_id, event.originator_id, event.symbol)),
        *("BUSTED" if is_busted else "CORRECTED", event.old_quantity, event.old_price, event.old_fee, *now),
        _moved(event, *_units(event.symbol)),
        _moved(event, "cash", "hold"),
        -_moved(event, "realized_pnl"),
        _moved(event, "fees", "commission"),
        *(stored(text) or None for text in (event.actor, event.report_id, event.command_id)),
        *(stored(event.reason), stored(event.reference) or None),
        *(time_of(event.market_time_us), time_of(event.timestamp)),
    )
    return [row]


def changes(live: Any) -> list[Row]:
    """Rows of CHANGES: what an event other than a fill moves on the market's clock."""
    event = live.message
    found: list[tuple[str, Decimal, Decimal, Decimal, int]] = []
    if isinstance(event, e.FillRestated):
        found = _restated(event)
    elif isinstance(event, e.DividendPaid | e.SharesSplit | e.InstrumentDelisted | e.SymbolChanged):
        symbols = (event.symbol, event.new_symbol) if isinstance(event, e.SymbolChanged) else (event.symbol,)
        cash = _moved(event, "cash", "hold")
        for number, symbol in enumerate(symbols):
            units = _moved(event, *_units(symbol))
            found.append((symbol, units, cash, _earned(event, number), event.market_time_us))
    texts = (stored(event.originator_id), type(event).__name__)
    return [
        (texts[0], stored(symbol), texts[1], units, cash, pnl, time_of(at_us), time_of(event.timestamp))
        for symbol, units, cash, pnl, at_us in found
    ]


def _earned(event: Any, number: int) -> Decimal:
    """Realised P&L; of a new symbol what goes over to it, taken off the old one."""
    if isinstance(event, e.SymbolChanged):
        return event.realized_pnl if number else -event.realized_pnl
    return -_moved(event, "realized_pnl")


def _restated(event: e.FillRestated) -> list[tuple[str, Decimal, Decimal, Decimal, int]]:
    parts = [(action.quantity_change, action.cash_change, action.realized_pnl_change) for action in event.actions]
    whole = (event.quantity_change, event.cash_change, event.realized_pnl_change)
    with exact():
        own = [total - sum((part[n] for part in parts), ZERO) for n, total in enumerate(whole)]
    times = [event.market_time_us, *(action.market_time_us for action in event.actions)]
    return [(event.symbol, *part, at_us) for part, at_us in zip([tuple(own), *parts], times, strict=True)]  # type: ignore[misc]


def _units(symbol: str) -> tuple[str, ...]:
    """The book accounts of a position's units, of which those of the short leg are below zero."""
    return f"position:{symbol}", f"position_hold:{symbol}", f"position_short:{symbol}"


def _moved(event: e.LedgerEvent, *names: str) -> Decimal:
    with exact():
        return sum((leg.amount for leg in event.postings if leg.account in names), ZERO)
