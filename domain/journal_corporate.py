"""Postings of corporate actions, cash movements and re-stated fills. The book accounts are in domain.chart."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.journal import Postings, entry
from domain.lots import Position, Stock
from domain.numbers import ZERO
from domain.terms import AdjustmentKind

ADJUSTMENTS: dict[AdjustmentKind, str] = {
    "INTEREST": "interest",
    "FEE": "account_fees",
    "REBATE": "rebates",
    "CORRECTION": "corrections",
}


def dividend(currency: str, symbol: str, gross: Decimal, withheld: Decimal) -> Postings:
    return entry(
        ("cash", currency, gross - withheld),
        ("withholding_tax", currency, withheld),
        (f"dividends:{symbol}", currency, -gross),
    )


def adjustment(currency: str, kind: AdjustmentKind, amount: Decimal) -> Postings:
    return entry(("cash", currency, amount), (ADJUSTMENTS[kind], currency, -amount))


def transfer(currency: str, amount: Decimal) -> Postings:
    """amount: above zero comes in, below zero goes out."""
    return entry(("cash", currency, amount), ("transfers", currency, -amount))


class Change(NamedTuple):
    """What something other than a plain fill moves. quantity: long less short; cash: free and held; pnl: before fees.

    hold_cash, hold_quantity: by how much more is set aside, of cash and of units. short_quantity, short_proceeds: of
    the short leg, whose units are in `quantity` as well.
    """

    quantity: Decimal
    cash: Decimal
    realized_pnl: Decimal
    fees: Decimal = ZERO
    commission: Decimal = ZERO
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO
    short_quantity: Decimal = ZERO
    short_proceeds: Decimal = ZERO

    @property
    def cost(self) -> Decimal:
        """By how much the cost of what is long changes: what neither became cash nor was earned, paid or is short."""
        return self.realized_pnl - self.cash - self.fees - self.commission + self.short_proceeds


def between(before: Stock | Position, after: Stock) -> dict[str, Decimal]:
    """What a Change has of the short leg."""
    return {
        "short_quantity": after.short_quantity - before.short_quantity,
        "short_proceeds": after.short_proceeds - before.short_proceeds,
    }


def restatement(currency: str, symbol: str, change: Change) -> Postings:
    """Units and cash that come or go, with the cost and the profit that go with them."""
    return entry(
        ("cash", currency, change.cash - change.hold_cash),
        ("hold", currency, change.hold_cash),
        ("fees", currency, change.fees),
        ("commission", currency, change.commission),
        (f"inventory:{symbol}", currency, change.cost),
        (f"short_proceeds:{symbol}", currency, -change.short_proceeds),
        ("realized_pnl", currency, -change.realized_pnl),
        (f"position:{symbol}", symbol, change.quantity + change.short_quantity - change.hold_quantity),
        (f"position_hold:{symbol}", symbol, change.hold_quantity),
        (f"position_short:{symbol}", symbol, -change.short_quantity),
        (f"market:{symbol}", symbol, -change.quantity),
    )


def renaming(old: str, new: str, position: Position) -> Postings:
    """The units of one symbol become as many of another, at the same cost."""
    return entry(*_standing(old, position, -1), *_standing(new, position, 1))


def _standing(symbol: str, position: Position, sign: int) -> tuple[tuple[str, str, Decimal], ...]:
    """A whole position, or with -1 its end."""
    return (
        (f"position:{symbol}", symbol, sign * position.free),
        (f"position_hold:{symbol}", symbol, sign * position.held),
        (f"position_short:{symbol}", symbol, -sign * position.short_quantity),
        (f"market:{symbol}", symbol, -sign * position.net_quantity),
        (f"inventory:{symbol}", position.currency, sign * position.cost),
        (f"short_proceeds:{symbol}", position.currency, -sign * position.short_proceeds),
    )
