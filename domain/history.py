"""What has moved a position since its base, so that a fill can be corrected and everything since be stated anew.

An account remembers its fills, splits and delistings in their order (Account.history) for as long as it remembers ids
(`ids_kept_us`). A position's base is its lots before the oldest of them. `replay` goes from a base through entries to
the position; what a correction changes is the difference between two replays. An entry that is forgotten is taken into
the base. Nothing here knows how lots are matched: that is domain.trades and domain.lots.

A replay costs a step for each entry of the symbol, which corrections alone pay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.lots import Lot
from domain.numbers import ZERO
from domain.terms import LotMethod, Side
from domain.trades import Lots, copy_of, pay_out, plan, split, take


class Stock(msgspec.Struct):
    """Units and the lots they are made of. quantity: the sum of the lots' quantities."""

    quantity: Decimal = ZERO
    lots: Lots = msgspec.field(default_factory=deque)


class Effect(msgspec.Struct):
    """What an entry moved: units, cash (fees included), realised P&L before fees, fees."""

    quantity: Decimal = ZERO
    cash: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO

    def add(self, other: Effect) -> None:
        self.quantity += other.quantity
        self.cash += other.cash
        self.realized_pnl += other.realized_pnl
        self.fees += other.fees


class Execution(msgspec.Struct, tag="fill", array_like=True):
    """A fill as it is taken for now. restated_by: ids of the reports that have corrected or busted it."""

    recorded_at_us: int
    symbol: str
    execution_id: str
    order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_time_us: int
    is_busted: bool = False
    restated_by: tuple[str, ...] = ()

    @property
    def signed_quantity(self) -> Decimal:
        """Units bought, or below zero those sold; none when it was busted."""
        if self.is_busted:
            return ZERO
        return self.quantity if self.side == "BUY" else -self.quantity

    def apply(self, stock: Stock, method: LotMethod) -> Effect:
        """Do to the stock what the fill does."""
        change = self.signed_quantity
        if not change:
            return Effect()
        step = plan(stock.lots, stock.quantity, change, self.price)
        take(stock.lots, method, step, self.price, self.execution_id, self.market_time_us)
        stock.quantity += change
        return Effect(change, -change * self.price - self.fee, step.realized_pnl, self.fee)


class Split(msgspec.Struct, tag="split", array_like=True):
    """A split, as domain.events.SharesSplit tells it. account_version: of that event."""

    recorded_at_us: int
    symbol: str
    account_version: int
    numerator: int
    denominator: int
    increment: Decimal
    cash_in_lieu_price: Decimal | None
    market_time_us: int

    def apply(self, stock: Stock, method: LotMethod) -> Effect:
        """Do to the stock what the split does, whatever the method."""
        before = stock.quantity
        fraction = split(stock.lots, self.numerator, self.denominator, self.increment, self.cash_in_lieu_price)
        stock.quantity = sum((lot.quantity for lot in stock.lots), ZERO)
        return Effect(stock.quantity - before, fraction.cash, fraction.realized_pnl)


class Delisting(msgspec.Struct, tag="delisting", array_like=True):
    """The end of a listing, as domain.events.InstrumentDelisted tells it. account_version: of that event."""

    recorded_at_us: int
    symbol: str
    account_version: int
    price: Decimal
    market_time_us: int

    def apply(self, stock: Stock, method: LotMethod) -> Effect:
        """Do to the stock what the delisting does, whatever the method."""
        payout = pay_out(stock.lots, self.price)
        stock.quantity = ZERO
        return Effect(-payout.quantity, payout.proceeds, payout.realized_pnl)


Action = Split | Delisting
Entry = Execution | Split | Delisting


class Outcome(msgspec.Struct):
    """Where a replay ends. effect: the sum of all entries'. actions: the corporate actions' own, in their order."""

    stock: Stock
    effect: Effect
    actions: list[tuple[Action, Effect]]

    @property
    def cost(self) -> Decimal:
        return sum((lot.cost for lot in self.stock.lots), ZERO)


def replay(base: Iterable[Lot], entries: Iterable[Entry], method: LotMethod) -> Outcome:
    """The lots after all entries, and what they moved. The base is left as it is."""
    lots = copy_of(base)
    outcome = Outcome(Stock(sum((lot.quantity for lot in lots), ZERO), lots), Effect(), [])
    for entry in entries:
        effect = entry.apply(outcome.stock, method)
        outcome.effect.add(effect)
        if not isinstance(entry, Execution):
            outcome.actions.append((entry, effect))
    return outcome


def forget(entry: Entry, bases: dict[str, Stock], method: LotMethod) -> None:
    """Take the oldest entry into the base of its position; it can be corrected no more."""
    stock = bases.pop(entry.symbol, None) or Stock()
    entry.apply(stock, method)
    if stock.lots:
        bases[entry.symbol] = stock
