"""What the ledger should do, written another way: movements of cash, units one by one, fractions, no holds kept.

It shares no code with domain/: holds are computed anew from the open orders each time, cash is the sum of a list, and
lots are single units among which each sale looks for its own. Quantities are whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """One unit of a symbol: the price it was opened at, and how many units were opened before it."""

    price: Fraction
    number: int


# Which unit is closed next, as a key of which the smallest is taken.
ORDERS = {
    "FIFO": lambda unit: unit.number,
    "LIFO": lambda unit: -unit.number,
    "HIFO": lambda unit: (-unit.price, unit.number),
}


class Leg:
    """Units of one side of a position, and what they cost. Pooled: the cost of all, of which a closing takes its part.

    LIFO takes whole lots from the newest on; within a lot all units are alike, so their order does not show.
    """

    def __init__(self, method: str) -> None:
        self.method = method
        self.units: list[Unit] = []
        self.pool = Fraction(0)
        self.opened = 0

    def __len__(self) -> int:
        return len(self.units)

    @property
    def cost(self) -> Fraction:
        return self.pool if self.method == "AVERAGE" else sum((unit.price for unit in self.units), Fraction(0))

    def open(self, quantity: int, price: Fraction) -> None:
        self.units += [Unit(price, self.opened + number) for number in range(quantity)]
        self.opened += quantity
        self.pool += quantity * price

    def close(self, quantity: int) -> Fraction:
        """Gives what the units that are closed had cost."""
        if self.method == "AVERAGE":
            cost = self.pool * quantity / len(self.units)
            self.pool -= cost
            del self.units[:quantity]
            return cost
        closed = sorted(self.units, key=ORDERS[self.method])[:quantity]
        self.units = [unit for unit in self.units if unit not in closed]
        return sum((unit.price for unit in closed), Fraction(0))


@dataclass
class ModelOrder:
    """An order. price: the worst at which it may fill, which a market sale does not have."""

    symbol: str
    side: str
    quantity: int
    price: Fraction | None
    filled: int = 0
    done: bool = False
    epoch: int = 1
    worker: str | None = None

    @property
    def leaves(self) -> int:
        return self.quantity - self.filled


@dataclass
class ModelAccount:
    """One account. movements: what came in (above zero) and went out (below it) of cash, held or free."""

    method: str
    fee_bps: Fraction
    movements: list[Fraction] = field(default_factory=list)
    outside: list[Fraction] = field(default_factory=list)
    orders: dict[str, ModelOrder] = field(default_factory=dict)
    longs: dict[str, Leg] = field(default_factory=dict)
    pnl: Fraction = Fraction(0)
    closings: int = 0
    fees: Fraction = Fraction(0)

    def working(self, side: str) -> list[ModelOrder]:
        return [order for order in self.orders.values() if order.side == side and not order.done]

    def hold_of(self, quantity: int, price: Fraction) -> Fraction:
        return Fraction(math.ceil(quantity * price * (1 + self.fee_bps / 10_000) * 100), 100)

    @property
    def held(self) -> Fraction:
        holds = [self.hold_of(order.leaves, order.price or Fraction(0)) for order in self.working("BUY")]
        return sum(holds, Fraction(0))

    @property
    def free(self) -> Fraction:
        return sum(self.movements, Fraction(0)) - self.held

    def held_units(self, symbol: str) -> int:
        return sum(order.leaves for order in self.working("SELL") if order.symbol == symbol)

    def free_units(self, symbol: str) -> int:
        return len(self.long(symbol)) - self.held_units(symbol)

    def long(self, symbol: str) -> Leg:
        return self.longs.setdefault(symbol, Leg(self.method))

    def transfer(self, amount: Fraction) -> None:
        self.movements.append(amount)
        self.outside.append(amount)

    def verdict(self, order: ModelOrder) -> str:
        """The code that a new order deserves, or empty."""
        if order.side == "BUY":
            assert order.price is not None
            return "" if self.hold_of(order.quantity, order.price) <= self.free else "CASH_INSUFFICIENT"
        return "" if order.quantity <= self.free_units(order.symbol) else "POSITION_INSUFFICIENT"

    def fill(self, order: ModelOrder, quantity: int, price: Fraction, fee: Fraction) -> None:
        value = quantity * price
        long = self.long(order.symbol)
        if order.side == "BUY":
            long.open(quantity, price)
            self.movements.append(-value - fee)
        else:
            self.pnl += value - long.close(quantity)
            self.movements.append(value - fee)
            self.closings += 1
        self.fees += fee
        order.filled += quantity
        order.done = order.leaves == 0
