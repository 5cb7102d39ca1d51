"""The strategies that a backtest knows: the live one's own rule, and buying once and holding.

Boundaries: the rule itself is domain.follower.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.backtests import BacktestTerms
from domain.catalog import catalog
from domain.follower import Follower
from domain.numbers import ZERO
from runtime.settings import Settings


def follower_of(terms: BacktestTerms, settings: Settings) -> Follower:
    """The live strategy's rule under the terms: account, strategy id and latency are the settings'.

    So an order that a backtest makes of recorded ticks has the id, and the fills, of the live order.
    """
    return Follower(
        catalog(sorted(terms.symbols)),
        account_id=settings.strategy_account_id,
        strategy_id=settings.strategy_id,
        allocation=terms.allocation,
        protection=terms.protection,
        latency_us=settings.market_latency_us,
        latency_jitter_us=settings.market_latency_jitter_us,
    )


class Holder(Follower):
    """Buy and hold: the rule, told BUY at every close, never SELL.

    It puts the allocation into each symbol, or as much as an equal part of the cash can set aside for it, if that is
    less: an order holds quantity x protection price and the fee, and all are placed before the first has filled.
    """

    @classmethod
    def of(cls, terms: BacktestTerms, settings: Settings, symbols: Sequence[str]) -> Holder:
        """symbols: those that are to be bought."""
        made = cls(
            catalog(sorted(terms.symbols)),
            account_id=settings.strategy_account_id,
            strategy_id=settings.strategy_id,
            allocation=terms.allocation,
            protection=terms.protection,
            latency_us=settings.market_latency_us,
            latency_jitter_us=settings.market_latency_jitter_us,
        )
        made._part = terms.cash / max(1, len(symbols))
        made._fee = 1 + terms.fee_bps.scaleb(-4)
        return made

    _part = ZERO
    _fee = Decimal(1)

    def quantity(self, symbol: str, price: Decimal) -> Decimal:
        step = self.instruments[symbol].quantity_increment
        most = self._part // (self.protection_price(symbol, price) * self._fee * step) * step
        return min(super().quantity(symbol, price), most)
