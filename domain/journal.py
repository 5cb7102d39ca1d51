"""Double-entry postings of each event, and the fold that turns postings into balances.


Debits are above zero, credits below it. Postings of an event sum to zero per commodity; a leg of zero is left out. The
chart of accounts is in domain.chart.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

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


def conversion(from_currency: str, amount: Decimal, to_currency: str, received: Decimal) -> Postings:
    """Each currency sums to zero on its own, through its trading account (P. Selinger, see domain.valuation)."""
    return entry(
        ("cash", from_currency, -amount),
        ("conversion", from_currency, amount),
        ("cash", to_currency, received),
        ("conversion", to_currency, -received),
    )


def hold(currency: str, cash: Decimal, symbol: str, quantity: Decimal) -> Postings:
    """Set cash or units (a sale) aside; below zero gives them back."""
    return entry(
        ("cash", currency, -cash),
        ("hold", currency, cash),
        (f"position:{symbol}", symbol, -quantity),
        (f"position_hold:{symbol}", symbol, quantity),
    )


class Charges(NamedTuple):
    """What goes with a fill. released: of the hold. fee: the venue's. commission: by the fee schedule."""

    released: Decimal
    fee: Decimal
    commission: Decimal


class Moved(NamedTuple):
    """Units that a fill opens or closes. value: at the fill's price. basis: what they cost or were sold short for."""

    quantity: Decimal
    value: Decimal
    basis: Decimal


def purchase(currency: str, symbol: str, opened: Moved, covered: Moved, charges: Charges) -> Postings:
    """A fill of a purchase: the hold pays; what it does not cover comes from free cash, what is over goes back."""
    released, fee, commission = charges
    paid = opened.value + covered.value + fee + commission
    return entry(
        ("hold", currency, -released),
        ("cash", currency, released - paid),
        (f"inventory:{symbol}", currency, opened.basis),
        (f"short_proceeds:{symbol}", currency, covered.basis),
        ("realized_pnl", currency, covered.value - covered.basis),
        ("fees", currency, fee),
        ("commission", currency, commission),
        (f"position:{symbol}", symbol, opened.quantity),
        (f"position_short:{symbol}", symbol, covered.quantity),
        (f"market:{symbol}", symbol, -opened.quantity - covered.quantity),
    )


def sale(currency: str, symbol: str, closed: Moved, owed: Moved, charges: Charges) -> Postings:
    """A fill of a sale of long units. owed: what was sold beyond them: held before, free and short afterwards."""
    released, fee, commission = charges
    return entry(
        (f"position_hold:{symbol}", symbol, -closed.quantity - owed.quantity),
        (f"position:{symbol}", symbol, owed.quantity),
        (f"position_short:{symbol}", symbol, -owed.quantity),
        (f"market:{symbol}", symbol, closed.quantity + owed.quantity),
        ("hold", currency, -released),
        ("cash", currency, released + closed.value + owed.value - fee - commission),
        (f"short_proceeds:{symbol}", currency, -owed.basis),
        ("fees", currency, fee),
        ("commission", currency, commission),
        (f"inventory:{symbol}", currency, -closed.basis),
        ("realized_pnl", currency, closed.basis - closed.value),
    )


def short_sale(currency: str, symbol: str, opened: Moved, charges: Charges) -> Postings:
    """A fill of a short sale: proceeds come in, and are owed as units."""
    released, fee, commission = charges
    return entry(
        (f"position_short:{symbol}", symbol, -opened.quantity),
        (f"market:{symbol}", symbol, opened.quantity),
        ("hold", currency, -released),
        ("cash", currency, released + opened.value - fee - commission),
        ("fees", currency, fee),
        ("commission", currency, commission),
        (f"short_proceeds:{symbol}", currency, -opened.basis),
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
