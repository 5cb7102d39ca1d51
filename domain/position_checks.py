"""Checks of what positions need: equity, borrowed units, something to reduce. Each gives a Refusal or None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from domain import margin, valuation
from domain.account import Account
from domain.checks import Refusal, refuse
from domain.events import Posting
from domain.funds import Funds
from domain.lots import Position
from domain.numbers import ZERO, plain
from domain.terms import OrderTerms
from domain.valuation import MissingMark
from domain.world import Marks

_COSTS = ("inventory:", "short_proceeds:")


def excess(
    account: Account, needed: Decimal, currency: str, marks: Marks, coming: Sequence[Posting] = ()
) -> Refusal | None:
    """Whether equity beyond all initial margin covers `needed` more. The account has margin terms.

    coming: postings of the same event, which count as done.
    """
    assert account.margin is not None
    funds: Mapping[str, Funds] = account.funds
    positions: Mapping[str, Position] = account.positions
    if coming:
        funds, positions = _afterwards(account, coming)
    valued = valuation.value(account.currency, funds, positions, marks)
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


def _afterwards(account: Account, coming: Sequence[Posting]) -> tuple[Mapping[str, Funds], Mapping[str, Position]]:
    """Money and units as they will be; costs, which no margin looks at, as they are."""
    currencies = {leg.account.partition(":")[2]: leg.commodity for leg in coming if leg.account.startswith(_COSTS)}
    funds = {code: msgspec.structs.replace(own) for code, own in account.funds.items()}
    positions = dict(account.positions)
    for leg in coming:
        kind, _, symbol = leg.account.partition(":")
        if kind in ("cash", "hold"):
            own = funds[leg.commodity]
            own.free += leg.amount if kind == "cash" else ZERO
            own.held += leg.amount if kind == "hold" else ZERO
        elif kind in ("position", "position_hold", "position_short"):
            before = positions.get(symbol) or Position(currency=currencies.get(symbol, account.currency))
            name = {"position": "free", "position_hold": "held", "position_short": "short_quantity"}[kind]
            sign = -1 if kind == "position_short" else 1
            changed = getattr(before, name) + sign * leg.amount
            positions[symbol] = msgspec.structs.replace(before, **{name: changed})
    return funds, positions


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
