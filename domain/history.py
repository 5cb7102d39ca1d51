"""What has moved a position since its base, so that a fill can be corrected and everything since be stated anew.

An account remembers its fills, splits and delistings in their order (Account.history) for as long as it remembers ids
(`ids_kept_us`). A position's base is its lots before the oldest of them. `replay` goes from a base through entries to
the position; what a correction changes is the difference between two replays. An entry that is forgotten is taken into
the base. Nothing here knows how lots are matched: that is domain.trades and domain.lots.

A replay costs a step for each entry of the symbol, which corrections alone pay.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.account_terms import Liquidity
from domain.currencies import minor_unit
from domain.fees import Part
from domain.lots import Stock, copy_of
from domain.numbers import ZERO
from domain.terms import LotMethod, Side
from domain.trades import pay_out, plan, split, take


class Effect(msgspec.Struct):
    """What an entry moved: units (long less short), cash (fees included), realised P&L before fees, fees.

    Commissions are not in here: they are of an order, see domain.fees.
    """

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
    """A fill as it is taken for now. restated_by: ids of the reports that have corrected or busted it.

    Money is in `currency`. A busted one moves nothing.
    """

    recorded_at_us: int
    symbol: str
    execution_id: str
    order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_time_us: int
    currency: str
    liquidity: Liquidity | None
    is_busted: bool = False
    restated_by: tuple[str, ...] = ()

    @property
    def part(self) -> Part | None:
        """What it is of its order's commission; None when it was busted."""
        return None if self.is_busted else Part(self.quantity, self.price, self.liquidity)

    def apply(self, stock: Stock, method: LotMethod) -> Effect:
        """Do to the stock what the fill does."""
        if self.is_busted:
            return Effect()
        step = plan(stock, self.side, self.quantity, self.price)
        take(stock, self.side, method, step, self.price, self.execution_id, self.market_time_us)
        change = self.quantity if self.side == "BUY" else -self.quantity
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
    currency: str

    def apply(self, stock: Stock, method: LotMethod) -> Effect:
        """Do to the stock what the split does, whatever the method."""
        before, unit = stock.quantity - stock.short_quantity, minor_unit(self.currency)
        fraction = split(stock, self.numerator, self.denominator, self.increment, self.cash_in_lieu_price, unit)
        after = stock.quantity - stock.short_quantity
        return Effect(after - before, fraction.cash, fraction.realized_pnl)


class Delisting(msgspec.Struct, tag="delisting", array_like=True):
    """The end of a listing, as domain.events.InstrumentDelisted tells it. account_version: of that event."""

    recorded_at_us: int
    symbol: str
    account_version: int
    price: Decimal
    market_time_us: int
    currency: str

    def apply(self, stock: Stock, method: LotMethod) -> Effect:
        """Do to the stock what the delisting does, whatever the method."""
        payout = pay_out(stock, self.price, minor_unit(self.currency))
        return Effect(-payout.quantity, payout.proceeds, payout.realized_pnl)


Action = Split | Delisting
Entry = Execution | Split | Delisting


class Outcome(msgspec.Struct):
    """Where a replay ends. effect: the sum of all entries'. actions: the corporate actions' own, in their order."""

    stock: Stock
    effect: Effect
    actions: list[tuple[Action, Effect]]


def replay(base: Stock, entries: Iterable[Entry], method: LotMethod) -> Outcome:
    """The lots after all entries, and what they moved. The base is left as it is."""
    outcome = Outcome(copy_of(base), Effect(), [])
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
    if stock.lots or stock.short_lots:
        bases[entry.symbol] = stock
