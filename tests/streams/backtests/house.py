"""Requests for backtests, a small outcome, and a look at the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from domain import ids
from domain.backtests import BacktestCancelled, BacktestRequested, BacktestTerms
from runtime.clock import now_us
from streams.backtests.outcomes import Outcome
from streams.backtests.queue import Connection, Policy, cancel, enqueue
from streams.backtests.translation import outcome_of
from tests.streams.backtests.small import earning

POLICY = Policy(attempts_max=3, backoff_s=0.0, lease_s=60.0, waiting_max=100, request_age_s_max=600)
TERMS = BacktestTerms(symbols=("AAPL",), first="2011-01-03", last="2011-01-05")


def id_of(name: str) -> str:
    return ids.derive("bkt", "test", name)


def asked(name: str = "one", terms: BacktestTerms = TERMS, **changes: Any) -> BacktestRequested:
    fields = {"backtest_id": id_of(name), "requested_by": "ada", "issued_at_us": now_us(), "terms": terms} | changes
    return BacktestRequested(**fields)


def cancelled(name: str = "one", by: str = "grace") -> BacktestCancelled:
    return BacktestCancelled(backtest_id=id_of(name), requested_by=by, issued_at_us=now_us())


def put(connection: Connection, *names: str, policy: Policy = POLICY) -> None:
    """Jobs that wait, in this order."""
    with connection.transaction(), connection.cursor() as cursor:
        for name in names:
            assert enqueue(cursor, asked(name), 0, 0, policy)


def end(connection: Connection, name: str = "one") -> bool:
    """Ask for its end."""
    with connection.transaction(), connection.cursor() as cursor:
        return cancel(cursor, cancelled(name))


def later(connection: Connection, name: str = "one") -> None:
    """An hour passes for a job: its lease is over, its pause too."""
    connection.execute(
        """update backtest_jobs set lease_until = lease_until - interval '1 hour', due_at = due_at - interval '1 hour'
           where backtest_id = %s""",
        (id_of(name),),
    )


def row(connection: psycopg.Connection[Any], name: str = "one") -> dict[str, Any]:
    cursor = connection.execute("select * from backtest_jobs where backtest_id = %s", (id_of(name),))
    assert cursor.description is not None
    found = cursor.fetchone()
    assert found is not None, f"there is no job {name}"
    return dict(zip([column.name for column in cursor.description], found, strict=True))


def state(connection: psycopg.Connection[Any], name: str = "one") -> str:
    return str(row(connection, name)["state"])


def outcome(days: int = 3, trades: int = 1) -> Outcome:
    """One trade over three days, or several alike, and what the account was worth."""
    closes = [int(datetime(2011, 1, day, 21, tzinfo=UTC).timestamp()) * 10**6 for day in range(3, 3 + days)]
    return outcome_of(earning(TERMS, closes, trades), "<p>good</p>")
