"""Parts of the model: units one by one with what each was opened at, and commissions from the list of all fills.

Fractions throughout; no code is shared with domain/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple


class Unit(NamedTuple):
    """One unit of a symbol: the price it was opened at, and how many units were opened before it."""

    price: Fraction
    number: int


# Which unit is closed next, as a key of which the smallest is taken.
ORDERS: dict[str, Callable[[Unit], Any]] = {
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
        if not quantity:
            return Fraction(0)
        if self.method == "AVERAGE":
            cost = self.pool * quantity / len(self.units)
            self.pool -= cost
            del self.units[:quantity]
            return cost
        closed = sorted(self.units, key=ORDERS[self.method])[:quantity]
        self.units = [unit for unit in self.units if unit not in closed]
        return sum((unit.price for unit in closed), Fraction(0))


class Fill(NamedTuple):
    """liquidity: MAKER, TAKER, None, or WORST for the dearest that may come."""

    quantity: int
    price: Fraction
    liquidity: str | None

    @property
    def value(self) -> Fraction:
        return self.quantity * self.price


@dataclass(frozen=True)
class ModelFees:
    """A fee schedule in units of money and parts of the value."""

    per_order: Fraction = Fraction(0)
    per_unit: Fraction = Fraction(0)
    maker: Fraction = Fraction(0)
    taker: Fraction = Fraction(0)
    minimum: Fraction | None = None
    cap: Fraction | None = None

    def owed(self, fills: Sequence[Fill]) -> Fraction:
        """By an order that has filled like this, before it is rounded."""
        if not fills:
            return Fraction(0)
        rates = {"MAKER": self.maker, "WORST": max(Fraction(0), self.maker, self.taker)}
        total = self.per_order
        for fill in fills:
            total += self.per_unit * fill.quantity + rates.get(fill.liquidity or "", self.taker) * fill.value
        if self.minimum is not None:
            total = max(total, self.minimum)
        if self.cap is not None:
            total = min(total, self.cap * sum(fill.value for fill in fills))
        return total

    def charged(self, fills: Sequence[Fill]) -> Fraction:
        """What it has been charged in whole cents, halves to even."""
        return Fraction(round(self.owed(fills) * 100), 100)
