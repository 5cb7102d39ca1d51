"""What money and positions are worth at the marks, in the account's base currency. Pure functions.

A symbol or a currency pair without a mark makes the answer a MissingMark, never a guess. Only what is not zero needs a
mark. To be called inside domain.numbers.exact().
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.funds import Funds
from domain.journal import Balances
from domain.lots import Position
from domain.numbers import ONE, ZERO, quotient
from domain.world import Marks

RATE_STEP = Decimal("1E-12")


class MissingMark(NamedTuple):
    """name: of the symbol, or of the pair such as EUR/USD, that has no mark."""

    name: str


class Valuation(NamedTuple):
    """In the base currency. cash: free and held together; held: the part set aside for open orders.

    long_value, short_value: of the units long and of the units short at their marks, neither below zero.
    """

    cash: Decimal
    held: Decimal
    long_value: Decimal
    short_value: Decimal

    @property
    def equity(self) -> Decimal:
        """What would be left if everything were closed at the marks, without fees."""
        return self.cash + self.long_value - self.short_value


def rate(marks: Marks, currency: str, base: str) -> Decimal | None:
    """Units of `base` for one of `currency`, from the pair's mark or its inverse's, which is rounded to 1E-12."""
    if currency == base:
        return ONE
    direct = marks.get(f"{currency}/{base}")
    if direct is not None:
        return direct.price
    inverse = marks.get(f"{base}/{currency}")
    return None if inverse is None else quotient(ONE, inverse.price, RATE_STEP)


def unrealized_pnl(position: Position, price: Decimal) -> Decimal:
    """Before fees, in the position's currency: what closing both legs at `price` would realise."""
    long = position.quantity * price - position.cost
    return long + position.short_proceeds - position.short_quantity * price


def value(
    base: str, funds: Mapping[str, Funds], positions: Mapping[str, Position], marks: Marks
) -> Valuation | MissingMark:
    """Of an account, or of what it would be: money by currency and positions by symbol."""
    cash = held = long_value = short_value = ZERO
    for currency, own in funds.items():
        if not own.free and not own.held:
            continue
        to_base = rate(marks, currency, base)
        if to_base is None:
            return MissingMark(f"{currency}/{base}")
        cash += (own.free + own.held) * to_base
        held += own.held * to_base
    for symbol, position in positions.items():
        quantity, short_quantity = position.free + position.held, position.short_quantity
        if not quantity and not short_quantity:
            continue
        price = _base_price(base, symbol, position, marks)
        if isinstance(price, MissingMark):
            return price
        if quantity:
            long_value += quantity * price
        if short_quantity:
            short_value += short_quantity * price
    return Valuation(cash, held, long_value, short_value)


def _base_price(base: str, symbol: str, position: Position, marks: Marks) -> Decimal | MissingMark:
    """Of one unit, in the base currency."""
    mark = marks.get(symbol)
    if mark is None:
        return MissingMark(symbol)
    if position.currency == base:
        return mark.price
    to_base = rate(marks, position.currency, base)
    return MissingMark(f"{position.currency}/{base}") if to_base is None else mark.price * to_base


def unrealized(base: str, positions: Mapping[str, Position], marks: Marks) -> Decimal | MissingMark:
    """Before fees, in the base currency: what closing every position at its mark would realise."""
    total = ZERO
    for symbol, position in positions.items():
        if not position.quantity and not position.short_quantity:
            continue
        mark = marks.get(symbol)
        to_base = rate(marks, position.currency, base)
        if mark is None:
            return MissingMark(symbol)
        if to_base is None:
            return MissingMark(f"{position.currency}/{base}")
        total += unrealized_pnl(position, mark.price) * to_base
    return total


def conversion_pnl(books: Balances, base: str, marks: Marks) -> Decimal | MissingMark:
    """What conversions between currencies have gained at today's rates: the value of the trading accounts, as a profit.

    Peter Selinger, Tutorial on Multiple Currency Accounting (2005), section 4: a trading account per currency takes the
    other side of each conversion; their value at today's rates is the gain, realised and unrealised together.
    """
    gain = ZERO
    for (name, commodity), amount in books.items():
        if name != "conversion":
            continue
        to_base = rate(marks, commodity, base)
        if to_base is None:
            return MissingMark(f"{commodity}/{base}")
        gain -= amount * to_base
    return gain
