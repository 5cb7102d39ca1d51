"""The rows of a result: written once, deleted after their time.

Verification: tests/streams/backtests/test_queue.py (rows by hand), test_desk.py (through a real process).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from streams.backtests.outcomes import Outcome, encoder

Cursor = psycopg.Cursor[tuple[Any, ...]]

_RESULT = "insert into backtest_results (backtest_id, summary, result, report) values (%s, %s::jsonb, %s, %s)"
_OF_TRADES: dict[str, str] = {
    **{"symbol": "text", "status": "text", "quantity": "numeric", "entered_at": "timestamptz"},
    **{"entry_price": "numeric", "exited_at": "timestamptz", "exit_price": "numeric", "pnl": "numeric"},
    **{"return_fraction": "numeric", "fees": "numeric", "fills": "integer"},
    **{"entry_reason": "text", "exit_reason": "text"},
}
_OF_POINTS = {"market_time": "timestamptz"} | dict.fromkeys(("equity", "cash", "positions", "baseline"), "numeric")


def put_results(cursor: Cursor, backtest_id: str, outcome: Outcome, ended_at: datetime) -> None:
    """All rows of a result, in the caller's transaction. A second result of one backtest is refused by the keys."""
    result = zlib.compress(outcome.result)
    cursor.execute(_RESULT, (backtest_id, encoder.encode(outcome.summary).decode(), result, outcome.report))
    _put(cursor, "backtest_trades", _OF_TRADES, outcome.trades, {"backtest_id": backtest_id}, "number")
    _put(
        cursor,
        "backtest_equity",
        _OF_POINTS,
        outcome.equity,
        {"backtest_id": backtest_id, "recorded_at": ended_at},
    )


def _put(
    cursor: Cursor, table: str, columns: dict[str, str], items: Sequence[Any], common: dict[str, Any], number: str = ""
) -> None:
    """Many rows with one statement. columns: name -> type. common: of all rows. number: a column that counts from 1."""
    if not items:
        return
    names = ", ".join(columns)
    arrays = ", ".join(f"%s::{type_}[]" for type_ in columns.values())
    counted = f", {number}" if number else ""
    given = ", ".join("%s" for _ in common)
    statement = (
        f"insert into {table} ({', '.join(common)}, {names}{counted}) select {given}, {names}{counted} "
        f"from unnest({arrays}) with ordinality as sent ({names}, {number or 'number'})"
    )
    cursor.execute(
        statement.encode(), [*common.values(), *([getattr(item, name) for item in items] for name in columns)]
    )


_OLD = """
select backtest_id, ended_at from backtest_jobs where ended_at < now() - make_interval(days => %s)
order by ended_at limit %s for update skip locked
"""
_ROWS_OF = (
    "delete from backtest_results where backtest_id = any(%s)",
    "delete from backtest_trades where backtest_id = any(%s)",
    "delete from backtest_equity where backtest_id = any(%s) and recorded_at = any(%s)",
    "delete from backtest_jobs where backtest_id = any(%s)",
)


def delete_old(connection: psycopg.Connection[tuple[Any, ...]], days: int, jobs_max: int = 100) -> int:
    """Delete the oldest of the jobs that ended so many days ago, with their results; gives how many. 0 days: none."""
    if not days:
        return 0
    with connection.transaction(), connection.cursor() as cursor:
        found = cursor.execute(_OLD, (days, jobs_max)).fetchall()
        ids, times = [row[0] for row in found], [row[1] for row in found]
        for statement in _ROWS_OF if found else ():
            cursor.execute(statement.encode(), (ids, times)[: statement.count("%s")])
    return len(found)
