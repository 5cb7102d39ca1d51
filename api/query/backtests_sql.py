"""Backtests: jobs newest first by the time of asking; trades and equity of one. Written by streams.backtests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.backtests_filters import BacktestFilters, EquityFilters, TradeFilters
from api.query.database import Row, Rows, Snapshot
from api.query.filters import where

QUEUE_LOOKED_AT_MAX = 1_000
"""Further ahead nobody counts."""


class After(msgspec.Struct, array_like=True, frozen=True):
    time: datetime
    backtest_id: str


class AfterTrade(msgspec.Struct, array_like=True, frozen=True):
    number: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class AfterPoint(msgspec.Struct, array_like=True, frozen=True):
    time: datetime


_JOB = """backtest_id, state, requested_by, requested_at, queued_at, started_at, ended_at, terms, attempts, share,
    progress, cancel_requested_at, cancelled_by, failure_code, failure_text, result_sha256, tracking_state, run_id,
    version"""


def key(row: Row) -> tuple[Any, ...]:
    return row["requested_at"], row["backtest_id"]


async def page(snapshot: Snapshot, filters: BacktestFilters, after: After | None) -> Rows:
    """limit + 1 jobs beyond `after`. Index: one of backtest_jobs_requested, _by_state and _requester."""
    clause, parameters = where(
        state=("state = %(state)s", filters.state),
        requested_by=("requested_by = %(requested_by)s", filters.requested_by),
        start=("requested_at >= %(start)s", filters.start),
        end=("requested_at < %(end)s", filters.end),
        after=("(requested_at, backtest_id) < (%(after)s, %(after_id)s)", after and after.time),
    )
    return await snapshot.all(
        f"""select {_JOB} from backtest_jobs {clause}
            order by requested_at desc, backtest_id desc limit %(rows)s""",
        {**parameters, "after_id": after and after.backtest_id, "rows": filters.limit + 1},
    )


async def standing(snapshot: Snapshot, backtest_id: str) -> Row | None:
    """Whose it is, and what it is now."""
    return await snapshot.one(
        "select requested_by, state, ended_at, version from backtest_jobs where backtest_id = %(id)s",
        {"id": backtest_id},
    )


async def ahead(snapshot: Snapshot, backtest_id: str) -> int | None:
    """How many wait before it, at most QUEUE_LOOKED_AT_MAX; None where it does not. Index: backtest_jobs_queued."""
    row = await snapshot.one(
        """select (select count(*) from (
                select 1 from backtest_jobs where state = 'QUEUED' and number < job.number
                order by number limit %(most)s) as before) as ahead
           from backtest_jobs job where backtest_id = %(id)s and state = 'QUEUED'""",
        {"id": backtest_id, "most": QUEUE_LOOKED_AT_MAX},
    )
    return None if row is None else int(row["ahead"])


async def one(snapshot: Snapshot, backtest_id: str) -> Row | None:
    """A job, with its result's summary where it is done."""
    return await snapshot.one(
        f"""select job.*, summary, report is not null as has_report
            from (select {_JOB} from backtest_jobs where backtest_id = %(id)s) as job
            left join backtest_results using (backtest_id)""",
        {"id": backtest_id},
    )


async def report(snapshot: Snapshot, backtest_id: str) -> str | None:
    row = await snapshot.one("select report from backtest_results where backtest_id = %(id)s", {"id": backtest_id})
    return None if row is None else row["report"]


def trade_key(row: Row) -> tuple[Any, ...]:
    return (row["number"],)


async def trades(snapshot: Snapshot, backtest_id: str, filters: TradeFilters, after: AfterTrade | None) -> Rows:
    """limit + 1 trades before `after`, the last entry first. Index: the primary key."""
    clause, parameters = where(
        id=("backtest_id = %(id)s", backtest_id),
        symbol=("symbol = %(symbol)s", filters.symbol),
        status=("status = %(status)s", filters.status),
        after=("number < %(after)s", after and after.number),
    )
    return await snapshot.all(
        f"""select number, symbol, status, quantity, entered_at, entry_price, exited_at, exit_price, pnl,
                return_fraction, fees, fills, entry_reason, exit_reason
            from backtest_trades {clause} order by number desc limit %(rows)s""",
        {**parameters, "rows": filters.limit + 1},
    )


def point_key(row: Row) -> tuple[Any, ...]:
    return (row["market_time"],)


async def equity(
    snapshot: Snapshot, backtest_id: str, recorded_at: datetime, filters: EquityFilters, after: AfterPoint | None
) -> Rows:
    """limit + 1 points before `after`, newest first. recorded_at: the job's end, by which its chunk is found.

    Thinned: every k-th of the points between from and to, counted from the newest. Index: the primary key.
    """
    bounds, parameters = where(
        id=("backtest_id = %(id)s", backtest_id),
        recorded=("recorded_at = %(recorded)s", recorded_at),
        start=("market_time >= %(start)s", filters.start),
        end=("market_time < %(end)s", filters.end),
    )
    beyond, more = where(after=("market_time < %(after)s", after and after.time))
    parameters |= {**more, "rows": filters.limit + 1, "points": filters.points}
    columns = "market_time, equity, cash, positions, baseline"
    source = f"(select {columns} from backtest_equity {bounds}) as curve"
    if filters.points is not None:
        source = f"""(select {columns} from (
                select {columns}, count(*) over () as total, row_number() over (order by market_time desc) - 1 as age
                from backtest_equity {bounds}) numbered
            where age %% ((total - 1) / %(points)s + 1) = 0) as curve"""
    return await snapshot.all(
        f"select {columns} from {source} {beyond} order by market_time desc limit %(rows)s", parameters
    )
