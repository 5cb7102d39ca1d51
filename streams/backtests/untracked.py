"""Results that MLflow does not have yet: taken one by one, tried again after growing pauses, given up in the end.

A result is in the database whatever becomes of MLflow. Whoever takes one makes it due later in the same statement, so
it is nobody else's for that time, and comes back by itself when its worker is lost. Logging the same backtest twice
gives one run (models.backtest.tracking).
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec

from domain.backtests import BacktestTerms
from domain.errors import InvalidValue
from streams.backtests.queue import TEXT_CHARACTERS_MAX, Connection

ATTEMPTS_MAX = 20
_PAUSE_S = 30.0
_PAUSE_S_MAX = 3_600.0

_TAKE = """
update backtest_jobs set tracking_attempts = tracking_attempts + 1,
    tracking_due_at = now() + make_interval(
        secs => least(%(pause_max)s, %(pause)s * 2.0 ^ least(tracking_attempts, 20)))
where backtest_id = (
    select backtest_id from backtest_jobs where tracking_state = 'PENDING' and tracking_due_at <= now()
    order by tracking_due_at limit 1 for update skip locked)
returning backtest_id, requested_by, terms::text, tracking_attempts
"""
_RESULT = "select result, report from backtest_results where backtest_id = %s"
_LOGGED = """
update backtest_jobs set tracking_state = 'LOGGED', run_id = %s, tracking_error = null, version = version + 1
where backtest_id = %s and tracking_state = 'PENDING'
"""
_FAILED = """
update backtest_jobs set tracking_error = %s, version = version + 1,
    tracking_state = case when tracking_attempts >= %s then 'GIVEN_UP' else 'PENDING' end
where backtest_id = %s and tracking_state = 'PENDING'
"""
_terms = msgspec.json.Decoder(BacktestTerms)


class Untracked(NamedTuple):
    """attempt: counts from 1."""

    backtest_id: str
    requested_by: str
    terms: BacktestTerms
    result: bytes
    report: str | None
    attempt: int


def take(connection: Connection) -> Untracked | None:
    """The result that has been due for longest; None where none is."""
    with connection.transaction():
        row = connection.execute(_TAKE, {"pause": _PAUSE_S, "pause_max": _PAUSE_S_MAX}).fetchone()
        if row is None:
            return None
        result = connection.execute(_RESULT, (row[0],)).fetchone()
        assert result is not None, "a result is written with its job, and deleted with it"
        try:
            terms = _terms.decode(row[2])
        except (msgspec.DecodeError, InvalidValue) as error:  # another program's, which had other rules
            failed(connection, row[0], f"its terms cannot be read: {error}")
            return None
        return Untracked(row[0], row[1], terms, zlib.decompress(result[0]), result[1], row[3])


def logged(connection: Connection, backtest_id: str, run_id: str) -> None:
    connection.execute(_LOGGED, (run_id, backtest_id))


def failed(connection: Connection, backtest_id: str, text: str) -> None:
    """It stays due as `take` has laid down, unless it was tried often enough."""
    text = text.replace("\x00", "\ufffd")[:TEXT_CHARACTERS_MAX]
    connection.execute(_FAILED, (text, ATTEMPTS_MAX, backtest_id))
