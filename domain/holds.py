"""What an order needs to be set aside before it goes out: cash or units. The first phase of a two-phase transfer."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain import checks
from domain.account import Account
from domain.checks import Refusal
from domain.numbers import ZERO
from domain.terms import OrderTerms


class Hold(NamedTuple):
    """cash: in the account's currency, rounded up to the cent. quantity: units of the order's symbol."""

    cash: Decimal
    quantity: Decimal


NO_HOLD = Hold(ZERO, ZERO)


def needed(account: Account, terms: OrderTerms, leaves: Decimal) -> Hold:
    """What `leaves` units of an order need. The terms have been checked."""
    if terms.is_sale:
        return Hold(ZERO, leaves)
    assert terms.worst_price is not None
    return Hold(account.hold_for(leaves, terms.worst_price), ZERO)


def check(account: Account, terms: OrderTerms, more: Hold) -> Refusal | None:
    """Whether the account has that much more to set aside."""
    return checks.cash(account, more.cash) or checks.units(account, terms.symbol, more.quantity)
