"""What a trade, a split or the end of a listing does to the lots of both legs of a position.

A purchase covers short lots first and opens a long lot with what is left. A sale closes long lots; what it sells beyond
them is owed (a purchase was busted afterwards, or two legs that exclude each other have both filled) and opens a short
lot. A short sale only opens. To be called inside domain.numbers.exact().
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from domain import lots as lot_rules
from domain.errors import BooksError
from domain.events import LotState, LotUse
from domain.lots import POOLED_LOT, POOLED_SHORT_LOT, Lot, Lots, Position, Stock, cost_of, stock_of
from domain.numbers import ZERO, nearest, scaled
from domain.terms import LotMethod, Side


class Plan(NamedTuple):
    """uses: the lots that are closed, which have `closed` units and a cost of `basis`. opened: the units of a new lot.

    realized_pnl: of the units that are closed.
    """

    uses: tuple[LotUse, ...]
    closed: Decimal
    basis: Decimal
    opened: Decimal
    realized_pnl: Decimal


def plan(own: Stock | Position, side: Side, quantity: Decimal, price: Decimal) -> Plan:
    """What a trade at `price` does."""
    if side == "SELL_SHORT":
        return Plan((), ZERO, ZERO, quantity, ZERO)
    is_purchase = side == "BUY"
    there = own.short_quantity if is_purchase else own.quantity
    closed = min(quantity, there) if there else ZERO
    if closed <= 0:
        return Plan((), ZERO, ZERO, quantity, ZERO)
    uses = lot_rules.plan_uses(own.short_lots if is_purchase else own.lots, closed)
    basis = cost_of(uses)
    pnl = closed * price - basis
    return Plan(uses, closed, basis, quantity - closed, -pnl if is_purchase else pnl)


def take(own: Stock, side: Side, method: LotMethod, step: Plan, price: Decimal, lot_id: str, at_us: int) -> None:
    """Do to the lots what was planned for a trade. at_us: market time."""
    if side == "BUY":
        lot_rules.use_up(own.short_lots, step.uses)
        own.short_quantity -= step.closed
    elif step.uses:
        lot_rules.use_up(own.lots, step.uses)
        own.quantity -= step.closed
    if not step.opened:
        return
    lot = Lot(lot_id=lot_id, quantity=step.opened, cost=step.opened * price, opened_at_us=at_us)
    if side == "BUY":
        own.quantity += step.opened
        lot_rules.open_lot(own.lots, method, lot, POOLED_LOT)
    else:
        own.short_quantity += step.opened
        lot_rules.open_lot(own.short_lots, method, lot, POOLED_SHORT_LOT)


class Fraction(NamedTuple):
    """What a split left over: units that make no whole unit, what was paid for them, and the P&L of that.

    Of both legs together: quantity and cash of short units are below zero.
    """

    quantity: Decimal
    cash: Decimal
    realized_pnl: Decimal


def split(
    own: Stock, numerator: int, denominator: int, increment: Decimal, price: Decimal | None, unit: Decimal
) -> Fraction:
    """Scale every lot; what makes no whole multiple of `increment` on its leg is closed at `price`, in cash.

    Where a lot's share has no end (one of three), the running sums are rounded and the lots are their differences, so
    the lots add up to the position exactly. Costs stay as they are; the fraction takes its share of them. unit: the
    smallest amount of the currency.
    """
    left, basis = _scale(own.lots, numerator, denominator, increment, price)
    short_left, short_basis = _scale(own.short_lots, numerator, denominator, increment, price)
    own.quantity = sum((lot.quantity for lot in own.lots), ZERO)
    own.short_quantity = sum((lot.quantity for lot in own.short_lots), ZERO)
    quantity = left - short_left
    if price is None or not (left or short_left):
        return Fraction(quantity, ZERO, ZERO)
    cash = nearest(left * price, unit) - nearest(short_left * price, unit)
    return Fraction(quantity, cash, cash - basis + short_basis)


def _scale(
    lots: Lots, numerator: int, denominator: int, increment: Decimal, price: Decimal | None
) -> tuple[Decimal, Decimal]:
    """Scale one leg; gives the fraction that was closed, and its share of the cost."""
    before = after = ZERO
    for lot in lots:
        before += lot.quantity
        until_here = scaled(before, numerator, denominator)
        lot.quantity, after = until_here - after, until_here
    fraction = after - before * numerator // (denominator * increment) * increment
    if not fraction:
        return ZERO, ZERO
    if price is None:
        raise BooksError(f"a split {numerator} for {denominator} leaves {fraction} of a unit and names no price for it")
    uses = lot_rules.plan_uses(lots, fraction)
    lot_rules.use_up(lots, uses)
    return fraction, cost_of(uses)


class Payout(NamedTuple):
    """What closing both legs gives. quantity: long less short. proceeds: whole, below zero where units were short."""

    quantity: Decimal
    proceeds: Decimal
    realized_pnl: Decimal


def pay_out(own: Stock, price: Decimal, unit: Decimal) -> Payout:
    """Close all lots at `price`. unit: the smallest amount of the currency."""
    quantity = own.quantity - own.short_quantity
    cost = own.cost - own.short_proceeds
    own.lots.clear()
    own.short_lots.clear()
    own.quantity = own.short_quantity = ZERO
    proceeds = nearest(quantity * price, unit)
    return Payout(quantity, proceeds, proceeds - cost)


def states(own: Stock) -> tuple[LotState, ...]:
    """The lots as an event tells them, those of the short leg below zero."""
    return (*_states(own.lots, 1), *_states(own.short_lots, -1))


def _states(lots: Iterable[Lot], sign: int) -> Iterator[LotState]:
    for lot in lots:
        yield LotState(
            lot_id=lot.lot_id, quantity=sign * lot.quantity, cost=sign * lot.cost, opened_at_us=lot.opened_at_us
        )


def of_states(lots: Iterable[LotState]) -> Stock:
    """The lots that an event tells."""
    long: list[Lot] = []
    short: list[Lot] = []
    for told in lots:
        sign = 1 if told.quantity >= 0 else -1
        lot = Lot(
            lot_id=told.lot_id, quantity=sign * told.quantity, cost=sign * told.cost, opened_at_us=told.opened_at_us
        )
        (long if sign > 0 else short).append(lot)
    return stock_of(long, short)
