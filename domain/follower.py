"""The rule that turns signals into order commands: long or flat in each symbol.

State is the fold of `trading.signals` and of nothing else, per symbol, so workers may share the tape's partitions, and
a command that is derived again from the same signal has the same bytes. What became of an order is not looked at.
The live strategy (streams.strategy) and the backtest (models.backtest) both trade by it.
Boundaries: the rule knows no cash; the ledger refuses what the account cannot pay.
Verification: tests/streams/strategy/test_rule.py.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from domain import ids
from domain.catalog import Catalog
from domain.commands import SubmitOrder
from domain.latency import delay_us
from domain.numbers import ZERO
from domain.signals import SignalGenerated
from domain.terms import Side


class Follower:
    """Follows a model's signals for one account.

    allocation: cash put into one symbol by one entry, in the account's currency. protection: how far above the signal's
    price a purchase may fill, as a fraction. latency_us, latency_jitter_us: from a decision's tick to its order
    being active, see domain.latency. Symbols outside the catalog are left alone.
    """

    def __init__(
        self,
        instruments: Catalog,
        *,
        account_id: str,
        strategy_id: str,
        allocation: Decimal,
        protection: Decimal,
        latency_us: int,
        latency_jitter_us: int = 0,
    ) -> None:
        self.instruments = instruments
        self._account_id = account_id
        self._strategy_id = strategy_id
        self._allocation = allocation
        self._protection = protection
        self._latency_us = latency_us
        self._latency_jitter_us = latency_jitter_us
        self._held: dict[str, Decimal] = {}

    def held(self, symbol: str) -> Decimal:
        """Units that the rule believes to hold; zero when it is flat."""
        return self._held.get(symbol, ZERO)

    def fold(self, signal: SignalGenerated) -> None:
        """Take in a signal of the past."""
        self.decide(signal)

    def decide(self, signal: SignalGenerated) -> SubmitOrder | None:
        """The command that a signal causes, already applied to this state. Signals come in the tape's order.

        BUY when flat buys as many whole increments as the allocation pays for; SELL when long sells them all.
        """
        if signal.abstained is not None or signal.requested_by_id is not None or signal.direction == "HOLD":
            return None
        if signal.price is None or signal.last_tick is None or signal.symbol not in self.instruments:
            return None
        held = self.held(signal.symbol)
        if signal.direction == "SELL":
            self._held.pop(signal.symbol, None)
            return self._command(signal, "SELL", held, None) if held else None
        quantity = ZERO if held else self.quantity(signal.symbol, signal.price)
        if not quantity:
            return None
        self._held[signal.symbol] = quantity
        return self._command(signal, "BUY", quantity, self.protection_price(signal.symbol, signal.price))

    def quantity(self, symbol: str, price: Decimal) -> Decimal:
        """Units that an entry at this price buys."""
        step = self.instruments[symbol].quantity_increment
        return (self._allocation // (price * step)) * step

    def protection_price(self, symbol: str, price: Decimal) -> Decimal:
        """The worst price for a purchase, rounded up to the instrument's increment."""
        step = self.instruments[symbol].price_increment
        steps = (price * (1 + self._protection) / step).to_integral_value(ROUND_CEILING)
        return (steps * step).quantize(step)

    def _command(
        self, signal: SignalGenerated, side: Side, quantity: Decimal, protection_price: Decimal | None
    ) -> SubmitOrder:
        assert signal.last_tick is not None, "a signal without ticks causes no command"
        client_order_id = ids.derive("cli", self._strategy_id, signal.signal_id)
        order_id = ids.order_id(self._account_id, client_order_id)
        return SubmitOrder(
            command_id=ids.derive("cmd", self._strategy_id, signal.signal_id),
            account_id=self._account_id,
            issued_at_us=signal.recorded_at_us,
            order_id=order_id,
            client_order_id=client_order_id,
            symbol=signal.symbol,
            side=side,
            order_type="MARKET",
            quantity=quantity,
            protection_price=protection_price,
            active_after=signal.last_tick,
            active_from_us=signal.market_time_us + delay_us(order_id, self._latency_us, self._latency_jitter_us),
            signal_id=signal.signal_id,
            strategy_id=self._strategy_id,
        )
