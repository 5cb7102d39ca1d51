"""What the books should be after corrections, busts, splits and delistings: the whole history computed from scratch.

It shares no code with domain/ and remembers nothing but what has happened, as it is taken for now; each question is
answered by going through all of it in fractions. Lots are [units, cost] with one sign, below zero where units are owed,
in the order in which the lot method uses them up. The accounts are cash accounts: nothing is sold short on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tests.domain.model import ModelAccount, ModelOrder
from tests.domain.model_legs import Fill

Lot = list[Fraction]


@dataclass
class ModelFill:
    """A fill as it is taken for now."""

    order: ModelOrder
    quantity: int
    price: Fraction
    fee: Fraction
    liquidity: str | None = None
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
    """Where the history of a symbol ends. cash: all that its trades and actions have moved, but for commissions."""

    method: str
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
        """Take that many units (of the lots' sign) out, the first first; gives their cost."""
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

    def open(self, units: Fraction, cost: Fraction) -> None:
        if self.method == "AVERAGE" and self.lots:
            self.lots[0] = [self.lots[0][0] + units, self.lots[0][1] + cost]
        elif self.method == "LIFO":
            self.lots.insert(0, [units, cost])
        elif self.method == "HIFO":
            dearer = [lot for lot in self.lots if lot[1] / lot[0] >= cost / units]
            self.lots.insert(len(dearer), [units, cost])
        else:
            self.lots.append([units, cost])

    def trade(self, change: Fraction, price: Fraction) -> None:
        own = self.units
        closed = Fraction(0)
        if own * change < 0:
            closed = -change if abs(change) <= abs(own) else own
            self.pnl += closed * price - self.close(closed)
        opened = change + closed
        if opened:
            self.open(opened, opened * price)
        self.cash -= change * price


def _cents(amount: Fraction) -> Fraction:
    return Fraction(round(amount * 100), 100)  # of a fraction, half to even


@dataclass
class RestatedAccount(ModelAccount):
    """A model account whose trades are a history that may be re-stated."""

    log: list[ModelFill | ModelSplit | ModelDelisting] = field(default_factory=list)

    def fill(
        self, order: ModelOrder, quantity: int, price: Fraction, fee: Fraction, liquidity: str | None
    ) -> tuple[Fraction, int]:
        """Gives the commission, and how many owed units were covered."""
        before, owed = self.commission(order), max(0, -int(self.holding(order.symbol).units))
        self.log.append(ModelFill(order, quantity, price, fee, liquidity))
        self.settle(order)
        return self.commission(order) - before, min(quantity, owed) if order.side == "BUY" else 0

    def settle(self, order: ModelOrder) -> None:
        """Let an order have the fills that the log has of it, and hold for what is left."""
        filled = order.filled
        order.fills = [
            Fill(item.quantity, item.price, item.liquidity)
            for item in self.fills()
            if item.order is order and not item.is_busted
        ]
        if order.done or not order.leaves:
            order.done, order.hold = True, Fraction(0)
        elif order.filled >= filled:
            order.hold = min(order.hold, self.cash_hold(order))
        else:
            order.hold = max(order.hold, self.cash_hold(order))

    def commission(self, order: ModelOrder) -> Fraction:
        return order.fees.charged(order.fills) if order.fees and order.fills else Fraction(0)

    def commission_of(self, symbol: str) -> Fraction:
        return sum((self.commission(order) for order in self.orders.values() if order.symbol == symbol), Fraction(0))

    def fills(self) -> Iterator[ModelFill]:
        return (item for item in self.log if isinstance(item, ModelFill))

    def holding(self, symbol: str) -> Holding:
        held = Holding(self.method)
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
        held.trade(change, item.price)
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

    def free(self, currency: str) -> Fraction:
        assert currency == "USD", "the only one here"
        traded = sum((self.holding(symbol).cash - self.commission_of(symbol) for symbol in self.symbols()), Fraction(0))
        return sum(self.movements[currency], Fraction(0)) + traded - self.held(currency)

    def free_units(self, symbol: str) -> int:
        return max(0, int(self.holding(symbol).units)) - self.held_units(symbol)

    def coverable(self, symbol: str) -> int:
        owed = max(Fraction(0), -self.holding(symbol).units)
        return max(0, int(owed) - sum(order.leaves for order in self.working("BUY", symbol)))
