"""Trades as people count them: from flat to flat in one symbol, whatever number of fills that took. In Decimal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from domain.numbers import ZERO, exact, quotient
from domain.signals import SignalGenerated
from models.backtest.trading import Fill

_PRICE_STEP = Decimal("0.0001")
_RETURN_STEP = Decimal("0.000001")
STILL_OPEN = "still open at the end, valued at the last close"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A round trip, or what is open of one. Times are market times, microseconds UTC.

    quantity: units bought. entry_price, exit_price: means over the fills, four decimals; of an open trade the exit is
    the last close. pnl: net of fees, in USD. return_fraction: pnl / what the entry cost. fees: of all its fills.
    """

    symbol: str
    status: Literal["CLOSED", "OPEN"]
    entry_time_us: int
    exit_time_us: int | None
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    return_fraction: Decimal
    fees: Decimal
    fills: int
    entry_reason: str
    exit_reason: str


def trades_of(
    fills: Sequence[Fill], last_prices: Mapping[str, Decimal], signals: Mapping[str, SignalGenerated]
) -> list[Trade]:
    """The trades of fills in the order of time, by entry time and symbol.

    last_prices: by symbol, what an open trade is valued at. signals: by id, for the reasons.
    """
    made: list[Trade] = []
    running: dict[str, list[Fill]] = {}
    units: dict[str, Decimal] = {}
    for fill in fills:
        running.setdefault(fill.symbol, []).append(fill)
        units[fill.symbol] = units.get(fill.symbol, ZERO) + (fill.quantity if fill.side == "BUY" else -fill.quantity)
        if not units[fill.symbol]:
            made.append(_trade(running.pop(fill.symbol), None, signals))
    for symbol, own in running.items():
        made.append(_trade(own, last_prices[symbol], signals))
    return sorted(made, key=lambda trade: (trade.entry_time_us, trade.symbol))


def _trade(fills: Sequence[Fill], mark: Decimal | None, signals: Mapping[str, SignalGenerated]) -> Trade:
    """mark: of an open trade, the price at which what is left is valued."""
    with exact():
        bought = [fill for fill in fills if fill.side == "BUY"]
        sold = [fill for fill in fills if fill.side == "SELL"]
        quantity = sum((fill.quantity for fill in bought), ZERO)
        left = quantity - sum((fill.quantity for fill in sold), ZERO)
        cost = sum((fill.quantity * fill.price for fill in bought), ZERO)
        proceeds = sum((fill.quantity * fill.price for fill in sold), ZERO) + left * (mark or ZERO)
        fees = sum((fill.fee for fill in fills), ZERO)
        pnl = proceeds - cost - fees
    return Trade(
        symbol=fills[0].symbol,
        status="CLOSED" if mark is None else "OPEN",
        entry_time_us=fills[0].time_us,
        exit_time_us=fills[-1].time_us if mark is None else None,
        quantity=quantity,
        entry_price=quotient(cost, quantity, _PRICE_STEP),
        exit_price=quotient(proceeds, quantity, _PRICE_STEP),
        pnl=pnl,
        return_fraction=quotient(pnl, cost, _RETURN_STEP),
        fees=fees,
        fills=len(fills),
        entry_reason=_reason(bought[0], signals),
        exit_reason=_reason(sold[-1], signals) if mark is None else STILL_OPEN,
    )


def _reason(fill: Fill, signals: Mapping[str, SignalGenerated]) -> str:
    """In words, from the signal behind an order."""
    signal = signals.get(fill.signal_id)
    if signal is None:
        return f"{fill.side} order {fill.order_id}"
    if not signal.model_name:
        return "bought once, to be held"
    return f"{signal.direction} signal, probability {signal.probabilities[signal.direction]:.3f}"
