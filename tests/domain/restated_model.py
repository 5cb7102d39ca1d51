"""What the books should be after corrections, busts, splits and delistings: the whole history computed from scratch.

It shares no code with domain/ and remembers nothing but what has happened, as it is taken for now; each question is
answered by going through all of it in fractions. Lots are [units, cost] with one sign, below zero where units are owed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tests.domain.model import ModelAccount, ModelOrder

Lot = list[Fraction]


@dataclass
class ModelFill:
    """A fill as it is taken for now."""

    order: ModelOrder
    quantity: int
    price: Fraction
    fee: Fraction
    execution_id: str = ""
    is_busted: bool = False
    recorded_at_us: int = 0

    @property
    def symbol(self) -> str:
        return self.order.symbol


@dataclass
class ModelSplit:
    """numerator new units for denominator old ones; price: of a new unit, for fractions."""

    symbol: str
    numerator: int
    denominator: int
    price: Fraction


@dataclass
class ModelDelisting:
    """The end, for that price a unit."""

    symbol: str
    price: Fraction


@dataclass
class Holding:
    """Where the history of a symbol ends. cash: all that its trades and actions have moved."""

    lots: list[Lot] = field(default_factory=list)
    cash: Fraction = Fraction(0)
    pnl: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)

    @property
    def units(self) -> Fraction:
        return sum((units for units, _ in self.lots), Fraction(0))

    @property
    def cost(self) -> Fraction:
        return sum((cost for _, cost in self.lots), Fraction(0))

    def close(self, units: Fraction) -> Fraction:
        """Take that many units (of the lots' sign) out, the oldest first; gives their cost."""
        cost = Fraction(0)
        while units:
            lot = self.lots[0]
            taken = lot[0] if abs(lot[0]) <= abs(units) else units
            share = lot[1] * taken / lot[0]
            cost += share
            units -= taken
            if taken == lot[0]:
                self.lots.pop(0)
            else:
                self.lots[0] = [lot[0] - taken, lot[1] - share]
        return cost

    def trade(self, change: Fraction, price: Fraction, *, is_pooled: bool) -> None:
        own = self.units
        closed = Fraction(0)
        if own * change < 0:
            closed = -change if abs(change) <= abs(own) else own
            self.pnl += closed * price - self.close(closed)
        opened = change + closed
        if opened and is_pooled and self.lots:
            self.lots[0] = [self.lots[0][0] + opened, self.lots[0][1] + opened * price]
        elif opened:
            self.lots.append([opened, opened * price])
        self.cash -= change * price


def _cents(amount: Fraction) -> Fraction:
    return Fraction(round(amount * 100), 100)  # of a fraction, half to even


@dataclass
class RestatedAccount(ModelAccount):
    """A model account whose trades are a history that may be re-stated."""

    is_pooled: bool = False
    log: list[ModelFill | ModelSplit | ModelDelisting] = field(default_factory=list)

    def fill(self, order: ModelOrder, quantity: int, price: Fraction, fee: Fraction) -> None:
        self.log.append(ModelFill(order, quantity, price, fee))
        order.filled += quantity
        order.done = order.leaves == 0

    def fills(self) -> Iterator[ModelFill]:
        return (item for item in self.log if isinstance(item, ModelFill))

    def holding(self, symbol: str) -> Holding:
        held = Holding()
        for item in self.log:
            if item.symbol != symbol:
                continue
            if isinstance(item, ModelFill):
                self._fill(held, item)
            elif isinstance(item, ModelSplit):
                self._split(held, item)
            else:
                proceeds = _cents(held.units * item.price)
                held.cash += proceeds
                held.pnl += proceeds - held.cost
                held.lots = []
        return held

    def _fill(self, held: Holding, item: ModelFill) -> None:
        if item.is_busted:
            return
        change = Fraction(item.quantity if item.order.side == "BUY" else -item.quantity)
        held.trade(change, item.price, is_pooled=self.is_pooled)
        held.cash -= item.fee
        held.fees += item.fee

    def _split(self, held: Holding, item: ModelSplit) -> None:
        held.lots = [[units * item.numerator / item.denominator, cost] for units, cost in held.lots]
        fraction = held.units - int(held.units)  # int() cuts towards zero
        if fraction:
            paid = _cents(fraction * item.price)
            held.pnl += paid - held.close(fraction)
            held.cash += paid

    def symbols(self) -> set[str]:
        return {item.symbol for item in self.log}

    @property
    def free(self) -> Fraction:
        traded = sum((self.holding(symbol).cash for symbol in self.symbols()), Fraction(0))
        return sum(self.movements, Fraction(0)) + traded - self.held

    def free_units(self, symbol: str) -> int:
        return int(self.holding(symbol).units) - self.held_units(symbol)
