"""Double-entry postings of each event, and the fold that turns postings into balances.

ours"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain.errors import BooksError
from domain.events import Posting
from domain.numbers import ZERO, exact

Balances = dict[tuple[str, str], Decimal]  # (book account, commodity) -> amount; no zeros
Postings = tuple[Posting, ...]


def entry(*legs: tuple[str, str, Decimal]) -> Postings:
    """Postings of (book account, commodity, amount); a leg of zero is left out."""
    return tuple(Posting(account=account, commodity=what, amount=amount) for account, what, amount in legs if amount)


def deposit(currency: str, amount: Decimal) -> Postings:
    return entry(("cash", currency, amount), ("external", currency, -amount))


def withdrawal(currency: str, amount: Decimal) -> Postings:
    return entry(("cash", currency, -amount), ("external", currency, amount))


def hold(currency: str, cash: Decimal, symbol: str, quantity: Decimal) -> Postings:
    """Set cash (a purchase) or units (a sale) aside; below zero gives them back."""
    return entry(
        ("cash", currency, -cash),
        ("hold", currency, cash),
        (f"position:{symbol}", symbol, -quantity),
        (f"position_hold:{symbol}", symbol, quantity),
    )


def purchase(
    currency: str, symbol: str, quantity: Decimal, value: Decimal, fee: Decimal, released: Decimal, pnl: Decimal = ZERO
) -> Postings:
    """A fill of a purchase: the hold pays; what it does not cover comes from free cash, what is over goes back.

    pnl: of the units that were owed and that it covers.
    """
    return entry(
        ("hold", currency, -released),
        ("cash", currency, released - value - fee),
        (f"inventory:{symbol}", currency, value + pnl if pnl else value),
        ("realized_pnl", currency, -pnl if pnl else pnl),
        ("fees", currency, fee),
        (f"position:{symbol}", symbol, quantity),
        (f"market:{symbol}", symbol, -quantity),
    )


def sale(currency: str, symbol: str, quantity: Decimal, proceeds: Decimal, fee: Decimal, cost: Decimal) -> Postings:
    """A fill of a sale. cost: what the units cost when they were bought."""
    return entry(
        (f"position_hold:{symbol}", symbol, -quantity),
        (f"market:{symbol}", symbol, quantity),
        ("cash", currency, proceeds - fee),
        ("fees", currency, fee),
        (f"inventory:{symbol}", currency, -cost),
        ("realized_pnl", currency, cost - proceeds),
    )


def check_balanced(postings: Iterable[Posting]) -> None:
    """Raises BooksError, naming commodity and difference, unless the postings sum to zero per commodity."""
    totals: dict[str, Decimal] = {}
    with exact():
        for leg in postings:
            totals[leg.commodity] = totals.get(leg.commodity, ZERO) + leg.amount
    for commodity, total in totals.items():
        if total:
            raise BooksError(f"postings must sum to zero per commodity, {commodity} sums to {total}")


def fold_postings(balances: Balances, postings: Iterable[Posting]) -> Balances:
    """Add the postings to `balances`, which is changed and returned; a balance that becomes zero is dropped."""
    with exact():
        for leg in postings:
            key = (leg.account, leg.commodity)
            total = balances.get(key, ZERO) + leg.amount
            if total:
                balances[key] = total
            else:
                balances.pop(key, None)
    return balances
