"""Portfolios: positions at their newest price, lots, and the equity's history."""

from __future__ import annotations

from api.query.database import Rows, Snapshot


async def positions(snapshot: Snapshot, account_id: str) -> Rows:
    """Each position with the price of its symbol's newest tick, or of its newest fill where there is no tick.

    market_value and unrealized_pnl are computed here, in numeric, so that no digit is lost. Index: ticks_symbol and
    fills_symbol.
    """
    return await snapshot.all(
        """select p.symbol, p.quantity, p.held_quantity, p.cost,
                  last.price as last_price, last.market_time as priced_at,
                  p.quantity * last.price as market_value, p.quantity * last.price - p.cost as unrealized_pnl,
                  p.realized_pnl, p.fees
           from positions p
           left join lateral (
               (select 1 as rank, price, market_time from ticks where symbol = p.symbol
                order by market_time desc, tick_offset desc limit 1)
               union all
               (select 2 as rank, price, market_time from fills where symbol = p.symbol
                order by market_time desc, record_offset desc limit 1)
               order by rank limit 1
           ) last on true
           where p.account_id = %(account_id)s order by p.symbol""",
        {"account_id": account_id},
    )


async def lots(snapshot: Snapshot, account_id: str) -> Rows:
    """Oldest first within a symbol."""
    return await snapshot.all(
        """select symbol, lot_id, quantity, cost, opened_at from lots where account_id = %(account_id)s
           order by symbol, opened_at, lot_id""",
        {"account_id": account_id},
    )


async def history(snapshot: Snapshot, account_id: str, points: int) -> Rows:
    """At most `points` rows at even distances counted from the newest, oldest first; `total`: how many there are."""
    return await snapshot.all(
        """select market_time, cash, positions_value, equity, total from (
               select market_time, cash, positions_value, equity, count(*) over () as total,
                      row_number() over (order by market_time desc) - 1 as age
               from portfolio_values where account_id = %(account_id)s) numbered
           where age %% ((total - 1) / %(points)s + 1) = 0
           order by market_time""",
        {"account_id": account_id, "points": points},
    )
