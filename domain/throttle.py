"""The throttle on repeated executions of a strategy (EU 2017/589, RTS 6, article 15(3)).

It counts by market time, as everything that fills do to later decisions must: the same data replayed faster gives the
same fills, the same stops and the same orders. By record time a fast replay would stop what a slow one lets trade.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.account import Account
from domain.scopes import scopes_of
from domain.world import DeskView


def stops(account: Account, strategy_id: str | None, market_time_us: int, desk: DeskView) -> str | None:
    """The strategy, when this fill is one too many within the window that ends with its newest fill; else None."""
    if not strategy_id or strategy_id in account.risk.disabled_strategies:
        return None
    times: Sequence[int] = account.risk.executions.get(strategy_id, ())
    newest_us = max(market_time_us, times[-1]) if times else market_time_us
    for scope in scopes_of(account, strategy_id, desk):
        limit = scope.limits.executions_max
        if limit is None:
            continue
        if (
            len(times) + 1 >= limit
            and _newest(times, market_time_us, limit) > newest_us - scope.limits.executions_window_us
        ):
            return strategy_id
    return None


def _newest(times: Sequence[int], added: int, number: int) -> int:
    """The `number`-th newest of sorted times and one more, of which there are as many at least."""
    if number > 1:
        added = min(added, times[1 - number])
    return max(added, times[-number]) if len(times) >= number else added
