"""Portfolios: positions at their newest price, lots, and the equity's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from api.query import intervals
from api.query.database import Row, Rows, Snapshot
from api.query.filters import PointFilters, where


class AfterPoint(msgspec.Struct, array_like=True, frozen=True):
    time: datetime


NEWEST_PRICE = """(select 1 as rank, price, market_time from ticks where symbol = p.symbol
                order by market_time desc, tick_offset desc limit 1)
            union all
            (select 2 as rank, price, market_time from fills where symbol = p.symbol
                order by market_time desc, record_offset desc limit 1)
            order by rank limit 1"""
"""At which a position `p` is valued: of its symbol's newest tick, or of its newest fill where there is no tick."""


async def positions(snapshot: Snapshot, account_id: str) -> Rows:
    """Each position with the price of its symbol's newest tick, or of its newest fill where there is no tick.

    market_value and unrealized_pnl are computed here, in numeric, so that no digit is lost. Index: ticks_symbol and
    fills_symbol.
    """
    return await snapshot.all(
        f"""select p.symbol, p.quantity, p.held_quantity, p.cost,
                  last.price as last_price, last.market_time as priced_at,
                  p.quantity * last.price as market_value, p.quantity * last.price - p.cost as unrealized_pnl,
                  p.realized_pnl, p.fees
           from positions p
           left join lateral ({NEWEST_PRICE}) last on true
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


def point_key(row: Row) -> tuple[Any, ...]:
    return (row["market_time"],)


async def points(snapshot: Snapshot, account_id: str, filters: PointFilters, after: AfterPoint | None) -> Rows:
    """limit + 1 points before `after`, newest first. Index: the primary key.

    With an interval: from the last point of one span to the last before that span, a step through the index each.
    """
    span = None if filters.interval is None else intervals.span(filters.interval)
    bound = "%(after)s" if span is None else "date_bin(%(span)s, %(after)s, %(origin)s)"
    clause, parameters = where(
        account_id=("account_id = %(account_id)s", account_id),
        start=("market_time >= %(start)s", filters.start),
        end=("market_time < %(end)s", filters.end),
        after=(f"market_time < {bound}", after and after.time),
    )
    parameters |= {"rows": filters.limit + 1, "span": span, "origin": intervals.ORIGIN}
    point = f"select market_time, cash, positions_value, equity from portfolio_values {clause}"
    newest = "order by market_time desc limit"
    if span is None:
        return await snapshot.all(f"{point} {newest} %(rows)s", parameters)
    return await snapshot.all(
        f"""with recursive span as (
                ({point} {newest} 1)
                union all
                select earlier.* from span cross join lateral (
                    {point} and market_time < date_bin(%(span)s, span.market_time, %(origin)s) {newest} 1
                ) as earlier)
            select * from span limit %(rows)s""",
        parameters,
    )
