"""What the pre-trade checks should say, written another way: everything recomputed from lists, nothing kept up.

It shares no code with domain/: figures are fractions, what works is summed anew each time, and messages and fills are
whole histories of which the window is cut out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.domain.model import ModelAccount, ModelOrder

Figures = Mapping[str, Any]


@dataclass
class Asked:
    """What a verdict needs to know of an order besides the order. lifted: codes that are overridden."""

    at_us: int
    strategy: str | None = None
    trader: str | None = None
    kind: str = "LIMIT"
    lifted: frozenset[str] = frozenset()


@dataclass
class RiskModel(ModelAccount):
    """limits: figures by scope, None for the account's own, otherwise a strategy's. desk: those of the desk.

    messages: (record time, strategy) of all; accepted: (record time, content); fills: strategy -> market times.
    """

    limits: dict[str | None, Figures] = field(default_factory=dict)
    desk: Figures = field(default_factory=dict)
    marks: dict[str, Fraction] = field(default_factory=dict)
    halted: set[str | None] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)
    messages: list[tuple[int, str | None]] = field(default_factory=list)
    accepted: list[tuple[int, tuple[Any, ...]]] = field(default_factory=list)
    fills: dict[str, list[int]] = field(default_factory=dict)
    strategies: dict[str, str | None] = field(default_factory=dict)
    asked: Asked = field(default_factory=lambda: Asked(0))
    used: set[str] = field(default_factory=set)

    def verdict(self, order: ModelOrder) -> str:
        """The code that a new order deserves, or empty. used: the lifted codes that it would have had."""
        asked = self.asked
        self.used = set()
        if None in self.halted:
            return "ACCOUNT_HALTED"
        if asked.strategy is not None and asked.strategy in self.halted | self.disabled:
            return "STRATEGY_DISABLED"
        if order.currency not in self.currencies:
            return "CURRENCY_MISMATCH"
        for code, given in self._limits(order):
            if given and code in asked.lifted:
                self.used.add(code)
            elif given:
                return given
        return super().verdict(order)

    def content(self, order: ModelOrder) -> tuple[Any, ...]:
        return (order.symbol, order.side, self.asked.kind, order.quantity, order.price)

    def _scopes(self) -> list[tuple[bool, Figures]]:
        """(of a strategy, its figures) of all that hold."""
        own = self.limits.get(self.asked.strategy, {}) if self.asked.strategy else {}
        return [(False, self.limits.get(None, {})), (True, own), (False, self.desk)]

    def _least(self, figure: str) -> Fraction | None:
        found = [Fraction(figures[figure]) for _, figures in self._scopes() if figure in figures]
        return min(found, default=None)

    def _limits(self, order: ModelOrder) -> list[tuple[str, str]]:
        """(the check's code, what it gives) of each check, in their order."""
        return [
            ("MESSAGE_RATE_EXCEEDED", self._rate()),
            ("ORDER_DUPLICATE", self._duplicate(order)),
            ("ORDER_QUANTITY_EXCEEDED", self._above("ORDER_QUANTITY_EXCEEDED", "order_quantity_max", order.quantity)),
            ("PRICE_COLLAR_EXCEEDED", self._collar(order)),
            ("ORDER_VALUE_EXCEEDED", self._value(order)),
            ("OPEN_ORDERS_EXCEEDED", self._open()),
            ("POSITION_LIMIT_EXCEEDED", self._position(order)),
            ("EXPOSURE_GROSS_EXCEEDED", self._exposure(order, "EXPOSURE_GROSS_EXCEEDED", "gross_exposure_max")),
            ("EXPOSURE_NET_EXCEEDED", self._exposure(order, "EXPOSURE_NET_EXCEEDED", "net_exposure_max")),
        ]

    def _above(self, code: str, figure: str, actual: Fraction | int) -> str:
        limit = self._least(figure)
        return code if limit is not None and actual > limit else ""

    def _rate(self) -> str:
        for of_strategy, figures in self._scopes():
            if "message_rate_max" in figures:
                since_us = self.asked.at_us - figures["message_rate_window_us"]
                whose = [us for us, name in self.messages if not of_strategy or name == self.asked.strategy]
                if sum(us > since_us for us in whose) >= figures["message_rate_max"]:
                    return "MESSAGE_RATE_EXCEEDED"
        return ""

    def _duplicate(self, order: ModelOrder) -> str:
        windows = [figures["duplicate_window_us"] for _, figures in self._scopes() if "duplicate_window_us" in figures]
        since_us = self.asked.at_us - max(windows, default=0)
        same = [us for us, content in self.accepted if content == self.content(order) and us > since_us]
        return "ORDER_DUPLICATE" if windows and same else ""

    def _collar(self, order: ModelOrder) -> str:
        bps = self._least("price_collar_bps")
        if bps is None:
            return ""
        if order.symbol not in self.marks:
            return "MARK_MISSING"
        if order.price is None:
            return "PRICE_COLLAR_EXCEEDED"
        over = order.price / self.marks[order.symbol] - 1
        over = over if order.side == "BUY" else -over
        return "PRICE_COLLAR_EXCEEDED" if over * 10_000 > bps else ""

    def _value(self, order: ModelOrder) -> str:
        price = order.price
        if price is None and self._least("order_value_max") is not None:
            if order.symbol not in self.marks:
                return "MARK_MISSING"
            price = self.marks[order.symbol]
        return self._above("ORDER_VALUE_EXCEEDED", "order_value_max", order.quantity * (price or Fraction(0)))

    def _open(self) -> str:
        for of_strategy, figures in self._scopes():
            working = [name for name, order in self.orders.items() if not order.done]
            if of_strategy:
                working = [name for name in working if self.strategies[name] == self.asked.strategy]
            if len(working) + 1 > figures.get("open_orders_max", len(working) + 1):
                return "OPEN_ORDERS_EXCEEDED"
        return ""

    def _extremes(self, symbol: str, more: ModelOrder | None = None) -> tuple[int, int]:
        """(highest, lowest) position if all that works on one side were filled."""
        position = len(self.long(symbol)) - len(self.short(symbol))
        working = [*self.orders.values(), *([more] if more else [])]
        own = [order for order in working if order.symbol == symbol and not order.done]
        bought = sum(order.leaves for order in own if order.side == "BUY")
        return position + bought, position - sum(order.leaves for order in own if order.side != "BUY")

    def _position(self, order: ModelOrder) -> str:
        code = "POSITION_LIMIT_EXCEEDED"
        highest, lowest = self._extremes(order.symbol, order)
        reached = highest if order.side == "BUY" else -lowest
        given = self._above(code, "position_quantity_max", reached)
        if given or reached <= 0 or self._least("position_value_max") is None:
            return given
        if order.symbol not in self.marks:
            return "MARK_MISSING"
        return self._above(code, "position_value_max", reached * self.marks[order.symbol])

    def _exposure(self, order: ModelOrder, code: str, figure: str) -> str:
        """Gross: the larger side of each symbol. Net: the side of the order, of all symbols."""
        if self._least(figure) is None:
            return ""

        def units(symbol: str, more: ModelOrder | None) -> int:
            highest, lowest = self._extremes(symbol, more)
            if figure == "gross_exposure_max":
                return max(abs(highest), abs(lowest))
            return highest if order.side == "BUY" else -lowest

        if units(order.symbol, order) <= units(order.symbol, None):
            return ""
        symbols = {order.symbol, *self.longs, *(other.symbol for other in self.orders.values())}
        counted = {symbol: units(symbol, order if symbol == order.symbol else None) for symbol in symbols}
        # The order's own symbol needs its mark even where the order takes it exactly to zero.
        needed = {symbol for symbol, number in counted.items() if number} | {order.symbol}
        if not needed <= self.marks.keys():
            return "MARK_MISSING"
        return self._above(code, figure, sum(self.marks[symbol] * counted[symbol] for symbol in needed))

    def stops(self, strategy: str, market_time_us: int) -> bool:
        """Whether a fill at this market time is one too many; takes it in."""
        times = self.fills.setdefault(strategy, [])
        times.append(market_time_us)
        self.asked.strategy = strategy
        for _, figures in self._scopes():
            if "executions_max" in figures:
                since_us = max(times) - figures["executions_window_us"]
                if sum(us > since_us for us in times) >= figures["executions_max"]:
                    return strategy not in self.disabled
        return False
