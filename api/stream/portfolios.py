"""What accounts are worth, at most a few times a second: the one channel in which only the newest state counts.

An account is worth something else with every price of what it holds. So what moved is gathered, and from time to time
the accounts that somebody follows are valued as they stand; states in between are told to nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from api.query.portfolio_sql import NEWEST_PRICE
from api.stream.source import Read
from api.stream.views import Portfolio, made, select

ACCOUNTS_MAX = 200
"""Valued at once; the others follow at the next time."""

Followed = Callable[[], frozenset[str] | None]

_portfolio = made(Portfolio)
_CASH = """(select coalesce(sum(amount), 0) from balances
    where account_id = a.account_id and book_account = any({0}) and commodity = a.currency)"""
_VALUES = f"""
select {
    select(
        Portfolio,
        account_id="a.account_id",
        currency="a.currency",
        as_of="held.as_of",
        cash="money.cash",
        hold="money.hold",
        positions_value="held.value",
        equity="money.cash + money.hold + held.value",
        realized_pnl="held.realized_pnl",
        unrealized_pnl="held.unrealized_pnl",
        fees="held.fees",
        net_deposits="money.brought",
        total_pnl="money.cash + money.hold + held.value - money.brought",
        version="a.version",
    )
}
from accounts as a
cross join lateral (
    select {_CASH.format("'{cash}'")} as cash, {_CASH.format("'{hold}'")} as hold,
        - {_CASH.format("'{external,transfers}'")} as brought) as money
cross join lateral (
    select max(last.market_time) as as_of, coalesce(sum(p.quantity * last.price), 0) as value,
        coalesce(sum(p.realized_pnl), 0) as realized_pnl, coalesce(sum(p.fees), 0) as fees,
        coalesce(sum(p.quantity * last.price - p.cost), 0) as unrealized_pnl
    from positions as p left join lateral ({NEWEST_PRICE}) as last on true
    where p.account_id = a.account_id) as held
where a.account_id = any(%(accounts)s) order by a.account_id
"""
_HOLDERS = """
select account_id from positions
where (%(accounts)s::text[] is null or account_id = any(%(accounts)s)) and symbol = any(%(symbols)s) and quantity <> 0
"""


class Portfolios:
    """Which accounts moved since they were valued. followed: gives the accounts that somebody follows, None for all."""

    def __init__(self, every_ms: int, followed: Followed) -> None:
        self._every_s = every_ms / 1_000
        self._followed = followed
        self._accounts: set[str] = set()
        self._symbols: set[str] = set()
        self._valued_at = 0.0

    def moved(self, accounts: Iterable[str], symbols: Iterable[str]) -> None:
        """These accounts did something, these symbols have another price."""
        self._accounts.update(accounts)
        self._symbols.update(symbols)

    def due(self) -> bool:
        """Whether something moved, and the last time is long enough ago."""
        return bool(self._accounts or self._symbols) and time.monotonic() - self._valued_at >= self._every_s

    async def value(self, read: Read) -> list[Portfolio]:
        """What moved, as it stands. What nobody follows is forgotten: who begins to follow gets a snapshot."""
        followed = self._followed()
        moved = self._accounts if followed is None else self._accounts & followed
        if self._symbols and followed != frozenset():
            parameters = {"symbols": sorted(self._symbols), "accounts": None if followed is None else sorted(followed)}
            moved = moved | {row[0] for row in await read.all(_HOLDERS, parameters)}
        now = sorted(moved)[:ACCOUNTS_MAX]
        rows = await values(read, now)
        self._accounts = moved - set(now)
        self._symbols.clear()
        self._valued_at = time.monotonic()
        return rows


async def values(read: Read, accounts: list[str]) -> list[Portfolio]:
    """These accounts, where they are known."""
    if not accounts:
        return []
    return [_portfolio(row) for row in await read.all(_VALUES, {"accounts": accounts})]
