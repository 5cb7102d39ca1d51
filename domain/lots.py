"""Positions and the lots they are made of.

FIFO: each purchase is a lot of its own (its id is the execution id); a sale consumes the oldest first.
AVERAGE: one pooled lot, POOLED_LOT; a purchase adds its units and its cost, a sale takes its share of the cost.
How cost is shared out is domain.numbers.cost_share. Costs exclude fees.
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


class Lot(msgspec.Struct, kw_only=True):
    """Units bought together. cost: of all that is left, in the account's currency. opened_at_us: market time."""

    lot_id: str
    quantity: Decimal
    cost: Decimal
    opened_at_us: int


class Position(msgspec.Struct, kw_only=True):
    """Units of one symbol. free + held = the lots' quantities; cost = the lots' costs; pnl and fees since opening."""

    free: Decimal = ZERO
    held: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    lots: deque[Lot] = msgspec.field(default_factory=deque)

    @property
    def quantity(self) -> Decimal:
        return self.free + self.held


def plan_sale(lots: Iterable[Lot], quantity: Decimal) -> tuple[LotUse, ...]:
    """The lots that a sale of `quantity` units consumes, oldest first. Raises BooksError when there are too few."""
    uses: list[LotUse] = []
    left = quantity
    for lot in lots:
        taken = min(left, lot.quantity)
        uses.append(LotUse(lot_id=lot.lot_id, quantity=taken, cost=cost_share(lot.cost, lot.quantity, taken)))
        left -= taken
        if not left:
            return tuple(uses)
    raise BooksError(f"the lots lack {left} of the {quantity} units that were held for this sale")


def add_purchase(position: Position, method: LotMethod, lot: Lot) -> None:
    """Take in units that were bought, as a lot of their own or into the pool."""
    position.free += lot.quantity
    position.cost += lot.cost
    if method == "FIFO":
        position.lots.append(lot)
    elif position.lots:
        pool = position.lots[0]
        pool.quantity += lot.quantity
        pool.cost += lot.cost
    else:
        lot.lot_id = POOLED_LOT
        position.lots.append(lot)


def consume(position: Position, uses: Iterable[LotUse]) -> None:
    """Take out of the lots what a sale used; `uses` must name them from the oldest on."""
    for use in uses:
        lot = position.lots[0] if position.lots else None
        if lot is None or lot.lot_id != use.lot_id or lot.quantity < use.quantity:
            raise BooksError(f"a sale uses {use.quantity} of lot {use.lot_id!r}, the oldest lot is {lot}")
        lot.quantity -= use.quantity
        lot.cost -= use.cost
        position.held -= use.quantity
        position.cost -= use.cost
        if not lot.quantity:
            if lot.cost:
                raise BooksError(f"lot {lot.lot_id!r} is used up but {lot.cost} of its cost is left")
            position.lots.popleft()
