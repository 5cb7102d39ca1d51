"""What a margin account's equity must cover, and what it still can. Pure functions of a valuation; base currency.

Equity counts a short position as a debt of its market value, and its proceeds as cash. So Regulation T's 150 % for a
short sale is the proceeds, which are in the cash, and the short_initial part of the market value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.account_terms import MarginTerms
from domain.numbers import ZERO, quotient
from domain.valuation import Valuation

_STEP = Decimal("0.0001")


class Standing(NamedTuple):
    """initial: the equity that the positions needed to be opened at the marks. maintenance: to be kept.

    held: the initial margin of the working orders.
    """

    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    held: Decimal

    @property
    def excess(self) -> Decimal:
        """Equity that is free for further positions, or to be withdrawn; below zero when there is too little."""
        return self.equity - self.initial - self.held

    @property
    def margin_call(self) -> Decimal:
        """Equity that is lacking to keep the positions; zero when nothing is."""
        return max(ZERO, self.maintenance - self.equity)


def standing(terms: MarginTerms, valuation: Valuation) -> Standing:
    long_value, short_value = valuation.long_value, valuation.short_value
    return Standing(
        equity=valuation.equity,
        initial=terms.long_initial * long_value + terms.short_initial * short_value,
        maintenance=terms.long_maintenance * long_value + terms.short_maintenance * short_value,
        held=valuation.held,
    )


def buying_power(terms: MarginTerms, own: Standing) -> Decimal:
    """The market value that could still be bought, rounded to 0.0001; not below zero."""
    return max(ZERO, quotient(own.excess, terms.long_initial, _STEP))
