"""What the ledger should do, written another way: movements of cash, units one by one, fractions, no holds kept.

It shares no code with domain/: holds are computed anew from the open orders each time, cash is the sum of a list, and
FIFO cost is a queue of single units. Quantities are whole numbers.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction


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

    fee_bps: Fraction
    movements: list[Fraction] = field(default_factory=list)
    outside: list[Fraction] = field(default_factory=list)
    orders: dict[str, ModelOrder] = field(default_factory=dict)
    units: dict[str, deque[Fraction]] = field(default_factory=dict)  # what each unit cost, the oldest first
    fifo_pnl: Fraction = Fraction(0)
    average_pnl: Fraction = Fraction(0)
    average_cost: dict[str, Fraction] = field(default_factory=dict)
    sales: int = 0
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
        return len(self.units.get(symbol, ())) - self.held_units(symbol)

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
        queue = self.units.setdefault(order.symbol, deque())
        pool = self.average_cost.get(order.symbol, Fraction(0))
        if order.side == "BUY":
            queue.extend([price] * quantity)
            self.average_cost[order.symbol] = pool + value
            self.movements.append(-value - fee)
        else:
            share = pool * quantity / len(queue)
            self.fifo_pnl += value - sum(queue.popleft() for _ in range(quantity))
            self.average_pnl += value - share
            self.average_cost[order.symbol] = pool - share
            self.movements.append(value - fee)
            self.sales += 1
        self.fees += fee
        order.filled += quantity
        order.done = order.leaves == 0
