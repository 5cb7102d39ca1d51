"""The queue: what may become of a job, each step one transaction on `backtest_jobs`.

A worker claims a job for a while (its lease) and says again and again that it is at work. Each claim has a number,
higher than any before: a worker whose job was taken over writes with an old number, and so writes nothing. Whether a
cancellation or a result came first is decided by the database alone: once one is asked for, no result is kept.

All times are the database's, so workers need no common clock. Every function opens its own transaction on a connection
in autocommit, and raises psycopg.Error when the database does not do it; then nothing is written.
Verification: tests/streams/backtests/test_queue.py, and test_queue_machine.py for any order of steps.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec
import psycopg

from domain.backtests import BacktestCancelled, BacktestRequested, BacktestTerms
from domain.errors import InvalidValue
from runtime.settings import Settings
from streams.backtests.outcomes import Outcome
from streams.backtests.results import put_results

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]
TEXT_CHARACTERS_MAX = 2_000
_BACKOFF_GROWTH = 4
_BACKOFF_S_MAX = 3_600.0

Standing = Literal["MINE", "CANCEL", "LOST"]
"""Of a job that a worker runs: go on; end it, for somebody has asked for that; it is no longer this worker's."""


class Policy(NamedTuple):
    """Bounds of the queue. Times in seconds."""

    attempts_max: int
    backoff_s: float
    lease_s: float
    waiting_max: int
    request_age_s_max: int

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        return cls(
            attempts_max=settings.backtest_attempts_max,
            backoff_s=settings.backtest_backoff_s,
            lease_s=settings.backtest_lease_s,
            waiting_max=settings.backtest_waiting_max,
            request_age_s_max=settings.client_ids_kept_s,
        )

    def pause_s(self, attempts: int) -> float:
        """Before the attempt that follows so many."""
        return min(_BACKOFF_S_MAX, self.backoff_s * float(_BACKOFF_GROWTH ** (attempts - 1)))


class Claim(NamedTuple):
    """A job that a worker has. number: of the claim, by which the worker's writes are known."""

    backtest_id: str
    number: int
    attempt: int
    terms: BacktestTerms


class Failure(NamedTuple):
    """Why an attempt failed. again: whether another attempt may do better."""

    code: str
    text: str
    again: bool


_terms = msgspec.json.Decoder(BacktestTerms)
_encoder = msgspec.json.Encoder(decimal_format="string")

_ENQUEUE = """
with asked as (select time_of_us(%(asked_at_us)s) as at),
verdict as (
    select at, jobs, case
        when now() - at > make_interval(secs => %(age_max)s::double precision) then 'BACKTEST_REQUEST_TOO_OLD'
        when jobs >= %(waiting_max)s then 'BACKTEST_QUEUE_FULL' end as code
    from asked cross join (select count(*) as jobs from backtest_jobs where state = 'QUEUED') as waiting)
insert into backtest_jobs (backtest_id, state, requested_by, requested_at, terms, partition, record_offset, ended_at,
    failure_code, failure_text)
select %(backtest_id)s, case when code is null then 'QUEUED' else 'FAILED' end, %(requested_by)s, at,
    %(terms)s::jsonb, %(partition)s, %(offset)s, case when code is not null then now() end, code,
    case code
        when 'BACKTEST_QUEUE_FULL' then 'expected fewer than ' || %(waiting_max)s || ' waiting backtests, they were '
            || jobs
        when 'BACKTEST_REQUEST_TOO_OLD' then 'expected a request of the last ' || %(age_max)s || ' s, it was asked at '
            || at end
from verdict
on conflict (backtest_id) do nothing
"""
_CANCEL = """
update backtest_jobs set
    state = case when state = 'QUEUED' then 'CANCELLED' else state end,
    ended_at = case when state = 'QUEUED' then now() end,
    cancel_requested_at = now(), cancelled_by = %(requested_by)s, version = version + 1
where backtest_id = %(backtest_id)s and state in ('QUEUED', 'RUNNING') and cancel_requested_at is null
"""
_EXPIRED = """
select backtest_id, attempts, cancel_requested_at is not null from backtest_jobs
where state = 'RUNNING' and lease_until < now() order by number limit 1 for update skip locked
"""
_NEXT = """
select backtest_id from backtest_jobs where state = 'QUEUED' and due_at <= now()
order by number limit 1 for update skip locked
"""
_TAKE = """
update backtest_jobs set state = 'RUNNING', worker = %(worker)s, lease_until = now() + make_interval(secs => %(lease)s),
    claims = claims + 1, attempts = attempts + 1, started_at = now(), share = 0, progress = '', version = version + 1
where backtest_id = %(backtest_id)s returning claims, attempts, terms::text
"""
_HEARTBEAT = """
update backtest_jobs set lease_until = now() + make_interval(secs => %(lease)s), share = %(share)s,
    progress = %(progress)s,
    version = version + ((share, progress) is distinct from (%(share)s::double precision, %(progress)s))::integer
where backtest_id = %(backtest_id)s and claims = %(number)s and state = 'RUNNING'
returning cancel_requested_at is not null
"""
_MINE = """
select cancel_requested_at is not null, attempts from backtest_jobs
where backtest_id = %(backtest_id)s and claims = %(number)s and state = 'RUNNING' for update
"""
_DONE = """
update backtest_jobs set state = 'DONE', worker = null, lease_until = null, ended_at = now(), share = 1, progress = '',
    failure_code = null, failure_text = null, result_sha256 = %(sha256)s,
    tracking_state = 'PENDING', tracking_due_at = now(), version = version + 1
where backtest_id = %(backtest_id)s returning ended_at
"""
_CANCELLED = """
update backtest_jobs set state = 'CANCELLED', worker = null, lease_until = null, ended_at = now(), version = version + 1
where backtest_id = %(backtest_id)s
"""
_FAILED = """
update backtest_jobs set state = 'FAILED', worker = null, lease_until = null, ended_at = now(), failure_code = %(code)s,
    failure_text = %(text)s, version = version + 1
where backtest_id = %(backtest_id)s
"""
_BACK = """
update backtest_jobs set state = 'QUEUED', worker = null, lease_until = null, share = 0, progress = '',
    attempts = attempts - %(given_back)s, due_at = now() + make_interval(secs => %(pause)s),
    failure_code = coalesce(%(code)s, failure_code), failure_text = coalesce(%(text)s, failure_text),
    version = version + 1
where backtest_id = %(backtest_id)s
"""


def enqueue(cursor: Cursor, asked: BacktestRequested, partition: int, offset: int, policy: Policy) -> bool:
    """A job for a request, in the caller's transaction. False: there is one of this id already, which stays as it is.

    A request that is too old, or finds the queue full, is a job that has failed: who asked can see why.
    """
    values = {
        "backtest_id": asked.backtest_id,
        "requested_by": asked.requested_by,
        "asked_at_us": asked.issued_at_us,
        "terms": _encoder.encode(asked.terms).decode(),
        "partition": partition,
        "offset": offset,
        "waiting_max": policy.waiting_max,
        "age_max": policy.request_age_s_max,
    }
    return cursor.execute(_ENQUEUE, values).rowcount == 1


def cancel(cursor: Cursor, asked: BacktestCancelled) -> bool:
    """End a job that waits, or have its worker end it, in the caller's transaction. False: there was nothing to do."""
    values = {"backtest_id": asked.backtest_id, "requested_by": asked.requested_by}
    return cursor.execute(_CANCEL, values).rowcount == 1


def claim(connection: Connection, worker: str, policy: Policy) -> Claim | None:
    """The next job: one whose worker is lost, or else the first that waits and is due. None: there is none.

    A lost job that nobody wants any more or that was tried too often, or one whose terms this program cannot read, is
    ended on the way; then there may be another.
    """
    with connection.transaction(), connection.cursor() as cursor:
        expired = cursor.execute(_EXPIRED).fetchone()
        if expired is not None:
            backtest_id, attempts, is_cancelled = expired
            if is_cancelled:
                cursor.execute(_CANCELLED, {"backtest_id": backtest_id})
                return None
            if attempts >= policy.attempts_max:
                text = f"expected an answer within {policy.attempts_max} attempts; the worker was lost at the last one"
                _fail(cursor, backtest_id, "BACKTEST_WORKER_LOST", text)
                return None
            return _take(cursor, backtest_id, worker, policy)
        waiting = cursor.execute(_NEXT).fetchone()
        return None if waiting is None else _take(cursor, waiting[0], worker, policy)


def heartbeat(connection: Connection, claimed: Claim, share: float, progress: str, policy: Policy) -> Standing:
    """Renew the lease, and say how far the work is."""
    values = {
        "backtest_id": claimed.backtest_id,
        "number": claimed.number,
        "lease": policy.lease_s,
        "share": min(1.0, max(0.0, share)),
        "progress": _clean(progress)[:200],
    }
    row = connection.execute(_HEARTBEAT, values).fetchone()
    if row is None:
        return "LOST"
    return "CANCEL" if row[0] else "MINE"


def finish(connection: Connection, claimed: Claim, outcome: Outcome) -> Standing:
    """Keep a result and make its job DONE; CANCEL: it was cancelled before, and is that now; LOST: nothing is kept."""
    with connection.transaction(), connection.cursor() as cursor:
        standing = _standing(cursor, claimed)
        if standing == "MINE":
            values = {"backtest_id": claimed.backtest_id, "sha256": outcome.digest}
            row = cursor.execute(_DONE, values).fetchone()
            assert row is not None, "the job was locked just now"
            put_results(cursor, claimed.backtest_id, outcome, row[0])
        return standing


def fail(connection: Connection, claimed: Claim, failure: Failure, policy: Policy) -> Standing:
    """End an attempt without a result: the job fails, or waits for another attempt; or was cancelled before."""
    with connection.transaction(), connection.cursor() as cursor:
        standing = _standing(cursor, claimed)
        if standing == "MINE":
            if failure.again and claimed.attempt < policy.attempts_max:
                _back(cursor, claimed, policy.pause_s(claimed.attempt), failure)
            else:
                _fail(cursor, claimed.backtest_id, failure.code, failure.text)
        return standing


def release(connection: Connection, claimed: Claim) -> Standing:
    """Give a job back whose worker has to stop: it was no attempt, and is due at once."""
    with connection.transaction(), connection.cursor() as cursor:
        standing = _standing(cursor, claimed)
        if standing == "MINE":
            _back(cursor, claimed, 0.0, None)
        return standing


def _standing(cursor: Cursor, claimed: Claim) -> Standing:
    """Locks the job. One that was to be cancelled is then CANCELLED."""
    row = cursor.execute(_MINE, {"backtest_id": claimed.backtest_id, "number": claimed.number}).fetchone()
    if row is None:
        return "LOST"
    if row[0]:
        cursor.execute(_CANCELLED, {"backtest_id": claimed.backtest_id})
        return "CANCEL"
    return "MINE"


def _take(cursor: Cursor, backtest_id: str, worker: str, policy: Policy) -> Claim | None:
    values = {"backtest_id": backtest_id, "worker": worker, "lease": policy.lease_s}
    row = cursor.execute(_TAKE, values).fetchone()
    assert row is not None, "the job was locked just now"
    try:
        return Claim(backtest_id, row[0], row[1], _terms.decode(row[2]))
    except (msgspec.DecodeError, InvalidValue) as error:  # another program's, which had other rules
        _fail(cursor, backtest_id, "BACKTEST_TERMS_UNREADABLE", str(error))
        return None


def _fail(cursor: Cursor, backtest_id: str, code: str, text: str) -> None:
    values = {"backtest_id": backtest_id, "code": code, "text": _clean(text)[:TEXT_CHARACTERS_MAX]}
    cursor.execute(_FAILED, values)


def _back(cursor: Cursor, claimed: Claim, pause_s: float, failure: Failure | None) -> None:
    values = {
        "backtest_id": claimed.backtest_id,
        "given_back": int(failure is None),
        "pause": pause_s,
        "code": None if failure is None else failure.code,
        "text": None if failure is None else _clean(failure.text)[:TEXT_CHARACTERS_MAX],
    }
    cursor.execute(_BACK, values)


def _clean(text: str) -> str:
    """As PostgreSQL can hold it."""
    return text.replace("\x00", "\ufffd")
