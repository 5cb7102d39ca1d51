"""What the ledger should do, written another way: movements of cash, units one by one, fractions, fills kept whole.

It shares no code with domain/: cash is the sum of a list, lots are single units among which each closing looks for its
own, commissions are computed anew from all fills of an order, and what a sale's commission can take beyond its proceeds
is looked for among all quantities. Quantities are whole numbers. Money is in the currencies USD, the base, and EUR.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from tests.domain.model_legs import Fill, Leg, ModelFees

CURRENCIES = {"AAPL": "USD", "IBM": "USD", "SAP": "EUR"}
EASY_TO_BORROW = {"IBM", "SAP"}
LONG_INITIAL = SHORT_INITIAL = Fraction(1, 2)


@dataclass
class Market:
    """What the ledger was told: the prices of symbols and of EUR/USD, and the time of the newest."""

    prices: dict[str, Fraction] = field(default_factory=dict)
    time_us: dict[str, int] = field(default_factory=dict)


@dataclass
class ModelLocate:
    free: int
    expires_at_us: int


@dataclass
class ModelOrder:
    """An order. price: the worst at which it may fill, which a market sale does not have. hold: cash set aside."""

    symbol: str
    side: str
    quantity: int
    price: Fraction | None
    reduce_only: bool = False
    fees: ModelFees | None = None
    fills: list[Fill] = field(default_factory=list)
    hold: Fraction = Fraction(0)
    borrows: list[ModelLocate] = field(default_factory=list)  # one entry a unit that it may still borrow
    done: bool = False
    epoch: int = 1
    worker: str | None = None

    @property
    def filled(self) -> int:
        return sum(fill.quantity for fill in self.fills)

    @property
    def leaves(self) -> int:
        return self.quantity - self.filled

    @property
    def currency(self) -> str:
        return CURRENCIES[self.symbol]

    def end(self) -> None:
        self.done, self.hold = True, Fraction(0)
        for locate in self.borrows:
            locate.free += 1


def cents_up(amount: Fraction) -> Fraction:
    return Fraction(math.ceil(amount * 100), 100)


@dataclass
class ModelAccount:
    """One account. movements: what came in (above zero) and went out (below it) of cash, held or free, by currency."""

    method: str
    fee_bps: Fraction
    market: Market
    currencies: tuple[str, ...] = ("USD",)
    margin: bool = False
    fees: ModelFees | None = None
    movements: dict[str, list[Fraction]] = field(default_factory=lambda: defaultdict(list))
    outside: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    venue_fees: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    commissions: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    pnl: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    orders: dict[str, ModelOrder] = field(default_factory=dict)
    longs: dict[str, Leg] = field(default_factory=dict)
    shorts: dict[str, Leg] = field(default_factory=dict)
    locates: list[tuple[str, ModelLocate]] = field(default_factory=list)
    closings: int = 0

    # What there is

    def long(self, symbol: str) -> Leg:
        return self.longs.setdefault(symbol, Leg(self.method))

    def short(self, symbol: str) -> Leg:
        return self.shorts.setdefault(symbol, Leg(self.method))

    def working(self, side: str, symbol: str) -> list[ModelOrder]:
        return [
            order for order in self.orders.values() if order.side == side and order.symbol == symbol and not order.done
        ]

    def held(self, currency: str) -> Fraction:
        return sum((order.hold for order in self.orders.values() if order.currency == currency), Fraction(0))

    def free(self, currency: str) -> Fraction:
        return sum(self.movements[currency], Fraction(0)) - self.held(currency)

    def held_units(self, symbol: str) -> int:
        return sum(order.leaves for order in self.working("SELL", symbol))

    def free_units(self, symbol: str) -> int:
        return len(self.long(symbol)) - self.held_units(symbol)

    def coverable(self, symbol: str) -> int:
        return max(0, len(self.short(symbol)) - sum(order.leaves for order in self.working("BUY", symbol)))

    def located(self, symbol: str) -> list[ModelLocate]:
        """One entry a unit that may be borrowed for a new order."""
        now_us = self.market.time_us[symbol]
        return [
            locate
            for name, locate in self.locates
            if name == symbol and locate.expires_at_us > now_us
            for _ in range(locate.free)
        ]

    # Cash

    def transfer(self, amount: Fraction, currency: str) -> None:
        self.movements[currency].append(amount)
        self.outside[currency] += amount

    def withdrawal_verdict(self, amount: Fraction, currency: str) -> str:
        if currency not in self.currencies:
            return "CURRENCY_MISMATCH"
        return self.excess_verdict(amount, currency) if self.margin else self.cash_verdict(amount, currency)

    def cash_verdict(self, amount: Fraction, currency: str) -> str:
        return "" if amount <= self.free(currency) else "CASH_INSUFFICIENT"

    def excess_verdict(self, amount: Fraction, currency: str) -> str:
        excess = self.excess()
        if excess is None or currency not in self.rates():
            return "MARK_MISSING"
        return "" if amount * self.rates()[currency] <= excess else "BUYING_POWER_INSUFFICIENT"

    def rates(self) -> dict[str, Fraction]:
        prices = self.market.prices
        return {"USD": Fraction(1)} | ({"EUR": prices["EUR/USD"]} if "EUR/USD" in prices else {})

    def excess(self) -> Fraction | None:
        """Equity less the initial margin of positions and orders; None where a price is not known."""
        prices, rates = self.market.prices, self.rates()
        needed: set[str] = set()
        excess = Fraction(0)
        for own in self.currencies:
            total = sum(self.movements[own], Fraction(0))
            if self.free(own) or self.held(own):
                needed.add(own)
                excess += (total - self.held(own)) * rates.get(own, 0)
        for symbol, currency_of in CURRENCIES.items():
            long, short = len(self.long(symbol)), len(self.short(symbol))
            if long or short:
                if symbol not in prices:
                    return None
                needed.add(currency_of)
                price = prices[symbol] * rates.get(currency_of, 0)
                excess += price * (long * (1 - LONG_INITIAL) - short * (1 + SHORT_INITIAL))
        return excess if needed <= rates.keys() else None

    # Orders

    def verdict(self, order: ModelOrder) -> str:
        """The code that a new order deserves, or empty; then its hold and what it borrows are set."""
        if order.currency not in self.currencies:
            return "CURRENCY_MISMATCH"
        if order.reduce_only:
            most = {"BUY": self.coverable(order.symbol), "SELL": self.free_units(order.symbol), "SELL_SHORT": 0}
            if order.quantity > most[order.side]:
                return "ORDER_NOT_REDUCING"
        order.fees = self.fees
        if order.side == "SELL_SHORT":
            return self.short_verdict(order)
        hold = self.margin_hold(order) if self.margin else self.cash_hold(order)
        verdict = self.money_verdict(hold, order.currency)
        if not verdict and order.side == "SELL" and order.quantity > self.free_units(order.symbol):
            verdict = "POSITION_INSUFFICIENT"
        order.hold = Fraction(0) if verdict else hold
        return verdict

    def short_verdict(self, order: ModelOrder) -> str:
        if not self.margin:
            return "ACCOUNT_NOT_MARGIN"
        if order.symbol not in self.market.prices:
            return "MARK_MISSING"
        borrows = [] if order.symbol in EASY_TO_BORROW else self.located(order.symbol)[: order.quantity]
        if order.symbol not in EASY_TO_BORROW and len(borrows) < order.quantity:
            return "BORROW_UNAVAILABLE"
        price = max(self.market.prices[order.symbol], order.price or Fraction(0))
        hold = self.opening_hold(order, order.quantity, price, SHORT_INITIAL)
        verdict = self.money_verdict(hold, order.currency)
        if not verdict:
            order.hold, order.borrows = hold, borrows
            for locate in borrows:
                locate.free -= 1
        return verdict

    def money_verdict(self, hold: Fraction, currency: str) -> str:
        """What needs nothing is never refused for money: an account in debt can sell what it has."""
        if not hold:
            return ""
        return self.excess_verdict(hold, currency) if self.margin else self.cash_verdict(hold, currency)

    def margin_hold(self, order: ModelOrder) -> Fraction:
        opened = order.quantity - self.coverable(order.symbol) if order.side == "BUY" else 0
        if opened <= 0:
            return Fraction(0)
        assert order.price is not None
        return self.opening_hold(order, opened, order.price, LONG_INITIAL)

    def opening_hold(self, order: ModelOrder, opened: int, price: Fraction, part: Fraction) -> Fraction:
        venue = order.leaves * price * self.fee_bps / 10_000
        return cents_up(opened * price * part + venue) + self.commission_ahead(order, price)

    def cash_hold(self, order: ModelOrder) -> Fraction:
        if order.side == "SELL":
            return self.commission_beyond_proceeds(order)
        assert order.price is not None
        return cents_up(order.leaves * order.price * (1 + self.fee_bps / 10_000)) + self.commission_ahead(
            order, order.price
        )

    def commission_ahead(self, order: ModelOrder, price: Fraction) -> Fraction:
        if order.fees is None:
            return Fraction(0)
        worst = order.fees.owed([*order.fills, Fill(order.leaves, price, "WORST")])
        return max(Fraction(0), cents_up(worst) - order.fees.charged(order.fills))

    def commission_beyond_proceeds(self, order: ModelOrder) -> Fraction:
        if order.fees is None:
            return Fraction(0)
        price, charged = order.price or Fraction(0), order.fees.charged(order.fills)
        parts = [Fill(quantity, price, "WORST") for quantity in range(1, order.leaves + 1)]
        beyond = [cents_up(order.fees.owed([*order.fills, part]) - part.value) - charged for part in parts]
        return max(Fraction(0), *beyond)

    def fill(
        self, order: ModelOrder, quantity: int, price: Fraction, fee: Fraction, liquidity: str | None
    ) -> tuple[Fraction, int]:
        """Gives the commission, and how many short units were covered."""
        before, leaves = order.fees.charged(order.fills) if order.fees else Fraction(0), order.leaves
        order.fills.append(Fill(quantity, price, liquidity))
        commission = order.fees.charged(order.fills) - before if order.fees else Fraction(0)
        value, long, short = quantity * price, self.long(order.symbol), self.short(order.symbol)
        covered = 0
        if order.side == "BUY":
            covered = min(quantity, len(short))
            self.pnl[order.currency] += short.close(covered) - covered * price
            long.open(quantity - covered, price)
        elif order.side == "SELL":
            self.pnl[order.currency] += value - long.close(quantity)
        else:
            short.open(quantity, price)
            del order.borrows[:quantity]
        self.closings += order.side == "SELL" or covered > 0
        self.movements[order.currency].append((-value if order.side == "BUY" else value) - fee - commission)
        self.venue_fees[order.currency] += fee
        self.commissions[order.currency] += commission
        if not order.leaves:
            order.end()
        elif self.margin:
            order.hold = min(order.hold, cents_up(order.hold * order.leaves / leaves))
        else:
            order.hold = min(order.hold, self.cash_hold(order))
        return commission, covered
