"""Positions and the lots they are made of.

The lots of a position stand in the order in which its lot method uses them up, so that a sale looks at the lots it
takes and at no other:

- FIFO: the oldest first. LIFO: the newest first.
- HIFO: the one that cost most per unit (a short one: was sold for most) first, of equal ones the oldest. A lot finds
  its place when it is opened, by halving (`_place`), against what the others cost per unit then; nothing is sorted.
- AVERAGE: one pooled lot; a purchase adds its units and its cost, a sale takes its share of the cost.

A position has a long leg and a short one, each with lots of its own. A lot's id is the id of the execution that opened
it; the pooled ones are POOLED_LOT and POOLED_SHORT_LOT. How cost is shared out is domain.numbers.cost_share. Costs
exclude fees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.errors import BooksError
from domain.events import LotUse
from domain.numbers import ZERO, cost_share
from domain.terms import LotMethod

POOLED_LOT = "average"
POOLED_SHORT_LOT = "average_short"


class Lot(msgspec.Struct, kw_only=True):
    """Units opened together. cost: of all that is left, in the instrument's currency. opened_at_us: market time.

    Of a short lot, `cost` is what its units were sold for.
    """

    lot_id: str
    quantity: Decimal
    cost: Decimal
    opened_at_us: int


Lots = deque[Lot]  # the next to be used up first


class Position(msgspec.Struct, kw_only=True):
    """Units of one symbol. pnl and fees (the venue's and commissions) since opening, in `currency`.

    Long: free + held = the lots' quantities; cost = the lots' costs. Short: short_quantity units were sold short, for
    short_proceeds, which are the short lots' sums; neither is below zero. Both legs may be there at once.
    """

    currency: str = ""
    free: Decimal = ZERO
    held: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    lots: Lots = msgspec.field(default_factory=deque)
    short_quantity: Decimal = ZERO
    short_proceeds: Decimal = ZERO
    short_lots: Lots = msgspec.field(default_factory=deque)

    @property
    def quantity(self) -> Decimal:
        """Units of the long leg."""
        return self.free + self.held

    @property
    def net_quantity(self) -> Decimal:
        """Units long less units short."""
        return self.free + self.held - self.short_quantity


class Stock(msgspec.Struct):
    """The lots of both legs of a position, and their sums."""

    quantity: Decimal = ZERO
    lots: Lots = msgspec.field(default_factory=deque)
    short_quantity: Decimal = ZERO
    short_lots: Lots = msgspec.field(default_factory=deque)

    @property
    def cost(self) -> Decimal:
        return sum((lot.cost for lot in self.lots), ZERO)

    @property
    def short_proceeds(self) -> Decimal:
        return sum((lot.cost for lot in self.short_lots), ZERO)


def stock_of(lots: Iterable[Lot], short_lots: Iterable[Lot]) -> Stock:
    """Of these lots themselves, which are not copied."""
    long, short = deque(lots), deque(short_lots)
    return Stock(sum((lot.quantity for lot in long), ZERO), long, sum((lot.quantity for lot in short), ZERO), short)


def copy_of(own: Stock | Position) -> Stock:
    """Lots of its own, for what would become of them."""
    long, short = (deque(msgspec.structs.replace(lot) for lot in lots) for lots in (own.lots, own.short_lots))
    return Stock(own.quantity, long, own.short_quantity, short)


def plan_uses(lots: Iterable[Lot], quantity: Decimal) -> tuple[LotUse, ...]:
    """The lots that are used up when `quantity` units are closed. Raises BooksError when there are too few."""
    uses: list[LotUse] = []
    left = quantity
    for lot in lots:
        taken = min(left, lot.quantity)
        uses.append(LotUse(lot_id=lot.lot_id, quantity=taken, cost=cost_share(lot.cost, lot.quantity, taken)))
        left -= taken
        if not left:
            return tuple(uses)
    raise BooksError(f"the lots lack {left} of the {quantity} units that are to be closed")


def open_lot(lots: Lots, method: LotMethod, lot: Lot, pooled_id: str) -> None:
    """Take in a lot at its place, or add it to the pool, which has the id `pooled_id`."""
    if method == "FIFO":
        lots.append(lot)
    elif method == "LIFO":
        lots.appendleft(lot)
    elif method == "HIFO":
        lots.insert(_place(lots, lot), lot)
    elif lots:
        pool = lots[0]
        pool.quantity += lot.quantity
        pool.cost += lot.cost
    else:
        lot.lot_id = pooled_id
        lots.append(lot)


def _place(lots: Lots, lot: Lot) -> int:
    """Behind all that cost as much or more per unit. Compared crosswise, since a quotient may have no end."""
    low, high = 0, len(lots)
    while low < high:
        middle = (low + high) // 2
        other = lots[middle]
        if other.cost * lot.quantity >= lot.cost * other.quantity:
            low = middle + 1
        else:
            high = middle
    return low


def cost_of(uses: Iterable[LotUse]) -> Decimal:
    return sum((use.cost for use in uses), ZERO)


def units_of(uses: Iterable[LotUse]) -> Decimal:
    return sum((use.quantity for use in uses), ZERO)


def use_up(lots: Lots, uses: Iterable[LotUse]) -> None:
    """Take out of the lots what an event used; it must name them in their order."""
    for use in uses:
        lot = lots[0] if lots else None
        if lot is None or lot.lot_id != use.lot_id or lot.quantity < use.quantity:
            raise BooksError(f"expected {use.quantity} of lot {use.lot_id!r} to be used up next, the next is {lot}")
        lot.quantity -= use.quantity
        lot.cost -= use.cost
        if not lot.quantity:
            if lot.cost:
                raise BooksError(f"lot {lot.lot_id!r} is used up but {lot.cost} of its cost is left")
            lots.popleft()


def buy(position: Position, method: LotMethod, lot: Lot) -> None:
    """Take in units that were bought."""
    position.free += lot.quantity
    position.cost += lot.cost
    open_lot(position.lots, method, lot, POOLED_LOT)


def sell(position: Position, uses: Iterable[LotUse]) -> None:
    """Take out units that were held for a sale and are sold."""
    use_up(position.lots, uses)
    for use in uses:
        position.held -= use.quantity
        position.cost -= use.cost


def restate(position: Position, stock: Stock) -> None:
    """Take over lots; what they have more or less of long units is free."""
    position.free += stock.quantity - position.quantity
    position.cost, position.lots = stock.cost, stock.lots
    position.short_quantity, position.short_proceeds = stock.short_quantity, stock.short_proceeds
    position.short_lots = stock.short_lots


def sell_short(position: Position, method: LotMethod, lot: Lot) -> None:
    """Take in units that were sold short; the lot's cost is what they were sold for."""
    position.short_quantity += lot.quantity
    position.short_proceeds += lot.cost
    open_lot(position.short_lots, method, lot, POOLED_SHORT_LOT)


def cover(position: Position, uses: Iterable[LotUse]) -> None:
    """Take out units that were sold short and are bought back."""
    use_up(position.short_lots, uses)
    for use in uses:
        position.short_quantity -= use.quantity
        position.short_proceeds -= use.cost
