"""The models' own backtest as a job: what it gives is what the tables, the page and MLflow have.

Method: the desk with its usual programs, real prices, a real MLflow on SQLite; expected values from the result itself,
which the database keeps whole, and from its own digest.
"""

from __future__ import annotations

import zlib
from decimal import Decimal

import pytest

from domain.backtests import BacktestTerms
from models.backtest import BacktestResult
from runtime.page_library import MARK
from runtime.settings import Settings
from streams.backtests.desk import Desk
from streams.backtests.port import Programs
from streams.backtests.queue import Connection, enqueue
from tests.streams.backtests.house import POLICY, asked, row, state
from tests.workers import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
HELD = BacktestTerms(
    symbols=("AAPL", "IBM"),
    first="2011-01-03",
    last="2011-06-30",
    strategy="buy-and-hold",
    cash=Decimal(50_000),
)
FOLLOWED = BacktestTerms(symbols=("AAPL",), first="2011-01-03", last="2011-06-30", model="nobody/7")


def test_what_the_models_give_is_what_is_kept(ledger_settings: Settings, connection: Connection) -> None:
    """Buy and hold of two symbols is DONE, logged and has a page; a model that is not there fails with a code."""
    with connection.transaction(), connection.cursor() as cursor:
        enqueue(cursor, asked("held", HELD), 0, 0, POLICY)
        enqueue(cursor, asked("followed", FOLLOWED), 0, 1, POLICY)
    changes = {"backtest_niceness": 0, "backtest_attempts_max": 1, "backtest_jobs_at_once": 2}
    desk = Desk(ledger_settings.model_copy(update=changes), "w", Programs())

    def is_over() -> bool:
        desk.hear(0.05)
        desk.write(connection)
        return row(connection, "held")["tracking_state"] == "LOGGED" and state(connection, "followed") == "FAILED"

    try:
        eventually(is_over, "both are over, and one is logged", within_s=200)
    finally:
        desk.stop(connection)

    ((raw, report),) = connection.execute("select result, report from backtest_results").fetchall()
    result = BacktestResult.read(zlib.decompress(raw))
    assert result.sealed().digest == result.digest == row(connection, "held")["result_sha256"]
    assert result.terms == HELD
    points = connection.execute("select equity, cash, positions, baseline from backtest_equity order by market_time")
    assert [tuple(map(float, point)) for point in points] == [
        (one.equity, one.cash, one.positions, one.baseline) for one in result.equity
    ]
    trades = connection.execute("select symbol, quantity, entry_price, pnl from backtest_trades order by number")
    assert trades.fetchall() == [(one.symbol, one.quantity, one.entry_price, one.pnl) for one in result.outcome.trades]
    assert {one.symbol for one in result.outcome.trades} == {"AAPL", "IBM"}
    assert report is not None
    assert MARK in report
    assert len(report) < 1_000_000, "the library that draws the charts is not kept with each page"
    assert row(connection, "followed")["failure_code"] == "MODEL_UNKNOWN"
