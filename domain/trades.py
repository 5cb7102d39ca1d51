"""What a trade, a split or the end of a listing does to the lots of a position, long or short.

The lots of a position have one sign: those of a position that is owed (sold without having it, because a purchase was
busted afterwards) have a quantity and a cost below zero, the cost being what they were sold for. `own` is the sum of
the lots' quantities, which every caller knows. To be called inside domain.numbers.exact().
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain import lots as lot_rules
from domain.errors import BooksError
from domain.events import LotState, LotUse
from domain.lots import POOLED_LOT, Lot
from domain.numbers import ZERO, cents, scaled
from domain.terms import LotMethod

Lots = deque[Lot]


class Plan(NamedTuple):
    """uses: the lots that are closed, and by how much. realized_pnl: of those. opened: what is left for a new lot."""

    uses: tuple[LotUse, ...]
    realized_pnl: Decimal
    opened: Decimal


def plan(lots: Iterable[Lot], own: Decimal, change: Decimal, price: Decimal) -> Plan:
    """What a trade at `price` does. change: units bought, or below zero those sold."""
    if not own or (own > 0) == (change > 0):
        return Plan((), ZERO, change)
    closing = min(abs(own), abs(change))
    uses = closings(lots, closing if own > 0 else -closing)
    closed = closing if own > 0 else -closing
    return Plan(uses, closed * price - cost_of(uses), change + closed)


def closings(lots: Iterable[Lot], quantity: Decimal) -> tuple[LotUse, ...]:
    """The lots that are used when `quantity` of their units are closed; below zero for units that are owed."""
    if quantity > 0:
        return lot_rules.plan_sale(lots, quantity)
    owed = (msgspec.structs.replace(lot, quantity=-lot.quantity, cost=-lot.cost) for lot in lots)
    return tuple(
        msgspec.structs.replace(use, quantity=-use.quantity, cost=-use.cost)
        for use in lot_rules.plan_sale(owed, -quantity)
    )


def cost_of(uses: Iterable[LotUse]) -> Decimal:
    return sum((use.cost for use in uses), ZERO)


def units_of(uses: Iterable[LotUse]) -> Decimal:
    return sum((use.quantity for use in uses), ZERO)


def close(lots: Lots, uses: Iterable[LotUse]) -> None:
    """Take out of the lots what `uses` say; they must name them in their order. Raises BooksError otherwise."""
    for use in uses:
        lot = lots[0] if lots else None
        if lot is None or lot.lot_id != use.lot_id or abs(lot.quantity) < abs(use.quantity):
            raise BooksError(f"expected {use.quantity} of lot {use.lot_id!r} to be used next, the next is {lot}")
        lot.quantity -= use.quantity
        lot.cost -= use.cost
        if not lot.quantity:
            if lot.cost:
                raise BooksError(f"lot {lot.lot_id!r} is used up but {lot.cost} of its cost is left")
            lots.popleft()


def take(lots: Lots, method: LotMethod, step: Plan, price: Decimal, lot_id: str, opened_at_us: int) -> None:
    """Do to the lots what was planned for a trade; what it opens is a lot of its own or goes to the pool."""
    close(lots, step.uses)
    if step.opened:
        opened = Lot(lot_id=lot_id, quantity=step.opened, cost=step.opened * price, opened_at_us=opened_at_us)
        open_lot(lots, method, opened)


def open_lot(lots: Lots, method: LotMethod, lot: Lot) -> None:
    """Take in units, as a lot of their own or into the pool."""
    if method == "FIFO":
        lots.append(lot)
    elif lots:
        lots[0].quantity += lot.quantity
        lots[0].cost += lot.cost
    else:
        lot.lot_id = POOLED_LOT
        lots.append(lot)


class Fraction(NamedTuple):
    """What a split left over: units that make no whole unit, what was paid for them, and the P&L of that."""

    quantity: Decimal
    cash: Decimal
    realized_pnl: Decimal


def split(lots: Lots, numerator: int, denominator: int, increment: Decimal, price: Decimal | None) -> Fraction:
    """Scale every lot; what makes no whole multiple of `increment` is closed at `price`, in cash.

    Where a lot's share has no end (one of three), the running sums are rounded and the lots are their differences, so
    the lots add up to the position exactly. Costs stay as they are; the fraction takes its share of them.
    """
    before = after = ZERO
    for lot in lots:
        before += lot.quantity
        until_here = scaled(before, numerator, denominator)
        lot.quantity, after = until_here - after, until_here
    whole = before * numerator // (denominator * increment) * increment  # a Decimal's // rounds towards zero
    quantity = after - whole
    if not quantity:
        return Fraction(ZERO, ZERO, ZERO)
    if price is None:
        raise BooksError(f"a split {numerator} for {denominator} leaves {quantity} of a unit and names no price for it")
    uses = closings(lots, quantity)
    close(lots, uses)
    cash = cents(quantity * price)
    return Fraction(quantity, cash, cash - cost_of(uses))


class Payout(NamedTuple):
    """proceeds: whole cents; below zero where units were owed."""

    quantity: Decimal
    proceeds: Decimal
    realized_pnl: Decimal


def pay_out(lots: Lots, price: Decimal) -> Payout:
    """Close all lots at `price`."""
    quantity = sum((lot.quantity for lot in lots), ZERO)
    cost = sum((lot.cost for lot in lots), ZERO)
    lots.clear()
    proceeds = cents(quantity * price)
    return Payout(quantity, proceeds, proceeds - cost)


def copy_of(lots: Iterable[Lot]) -> Lots:
    return deque(msgspec.structs.replace(lot) for lot in lots)


def states(lots: Iterable[Lot]) -> tuple[LotState, ...]:
    """The lots as an event tells them."""
    return tuple(
        LotState(lot_id=lot.lot_id, quantity=lot.quantity, cost=lot.cost, opened_at_us=lot.opened_at_us) for lot in lots
    )


def of_states(lots: Iterable[LotState]) -> Lots:
    """The lots that an event tells."""
    return deque(
        Lot(lot_id=lot.lot_id, quantity=lot.quantity, cost=lot.cost, opened_at_us=lot.opened_at_us) for lot in lots
    )
