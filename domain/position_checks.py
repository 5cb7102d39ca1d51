"""Checks of what positions need: equity, borrowed units, something to reduce. Each gives a Refusal or None."""

from __future__ import annotations

from decimal import Decimal

from domain import margin, valuation
from domain.account import Account
from domain.checks import Refusal, refuse
from domain.numbers import plain
from domain.terms import OrderTerms
from domain.valuation import MissingMark
from domain.world import Marks


def excess(account: Account, needed: Decimal, currency: str, marks: Marks) -> Refusal | None:
    """Whether equity beyond all initial margin covers `needed` more. The account has margin terms."""
    assert account.margin is not None
    valued = valuation.value(account.currency, account.funds, account.positions, marks)
    if isinstance(valued, MissingMark):
        return mark_missing(valued.name)
    to_base = valuation.rate(marks, currency, account.currency)
    if to_base is None:
        return mark_missing(f"{currency}/{account.currency}")
    own = margin.standing(account.margin, valued)
    if needed * to_base <= own.excess:
        return None
    return refuse(
        "BUYING_POWER_INSUFFICIENT",
        f"expected at most the excess equity of {figure(own.excess)} {account.currency}, "
        f"it needs {figure(needed * to_base)}",
        needed=figure(needed * to_base),
        excess=figure(own.excess),
        equity=figure(own.equity),
        initial_margin=figure(own.initial),
        working_orders=figure(own.held),
        currency=account.currency,
    )


def reducing(terms: OrderTerms, quantity: Decimal, reducible: Decimal) -> Refusal | None:
    """Whether an order that may only reduce the position would do no more."""
    if quantity <= reducible:
        return None
    return refuse(
        "ORDER_NOT_REDUCING",
        f"expected at most the {reducible} units of {terms.symbol} that a {terms.side} can close, it was {quantity}",
        symbol=terms.symbol,
        side=terms.side,
        quantity=quantity,
        reducible=reducible,
    )


def not_margin(account: Account, symbol: str) -> Refusal:
    text = f"expected a margin account for a short sale, {account.id!r} is a cash account"
    return refuse("ACCOUNT_NOT_MARGIN", text, account_id=account.id, symbol=symbol)


def not_shortable(symbol: str) -> Refusal:
    return refuse(
        "INSTRUMENT_NOT_SHORTABLE", f"expected an instrument that may be sold short, {symbol} may not", symbol=symbol
    )


def no_borrow(symbol: str, quantity: Decimal, located: Decimal) -> Refusal:
    return refuse(
        "BORROW_UNAVAILABLE",
        f"expected locates for {quantity} units of {symbol}, there are {located}",
        symbol=symbol,
        quantity=quantity,
        located=located,
    )


def mark_missing(name: str) -> Refusal:
    """name: of the symbol or the currency pair."""
    return refuse("MARK_MISSING", f"expected a mark of {name}, the ledger was told none", mark=name)


def figure(amount: Decimal) -> str:
    """A computed amount as it is shown: no trailing zeros, no exponent."""
    return plain(amount)
