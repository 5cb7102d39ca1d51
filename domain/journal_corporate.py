"""Postings of corporate actions, cash movements and re-stated fills. The book accounts are in domain.chart."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.journal import Postings, entry
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
    """What something other than a plain fill moves. cash: free and held together; pnl: before fees.

    hold_cash, hold_quantity: by how much more is set aside, of cash and of units.
    """

    quantity: Decimal
    cash: Decimal
    realized_pnl: Decimal
    fees: Decimal = ZERO
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO

    @property
    def cost(self) -> Decimal:
        """By how much the cost of what is held changes: what neither became cash nor was earned or paid."""
        return self.realized_pnl - self.cash - self.fees


def restatement(currency: str, symbol: str, change: Change) -> Postings:
    """Units and cash that come or go, with the cost and the profit that go with them."""
    return entry(
        ("cash", currency, change.cash - change.hold_cash),
        ("hold", currency, change.hold_cash),
        ("fees", currency, change.fees),
        (f"inventory:{symbol}", currency, change.cost),
        ("realized_pnl", currency, -change.realized_pnl),
        (f"position:{symbol}", symbol, change.quantity - change.hold_quantity),
        (f"position_hold:{symbol}", symbol, change.hold_quantity),
        (f"market:{symbol}", symbol, -change.quantity),
    )


def renaming(currency: str, old: str, new: str, free: Decimal, held: Decimal, cost: Decimal) -> Postings:
    """The units of one symbol become as many of another, at the same cost."""
    return entry(
        (f"position:{old}", old, -free),
        (f"position_hold:{old}", old, -held),
        (f"market:{old}", old, free + held),
        (f"inventory:{old}", currency, -cost),
        (f"position:{new}", new, free),
        (f"position_hold:{new}", new, held),
        (f"market:{new}", new, -free - held),
        (f"inventory:{new}", currency, cost),
    )
