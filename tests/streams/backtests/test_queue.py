"""Each step of a job in the queue, on a real PostgreSQL as the worker's own role, with what a person would expect."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import psycopg
import pytest

from domain.errors import InvalidValue
from runtime.clients import postgres_backtests
from runtime.clock import now_us
from runtime.settings import Settings
from streams.backtests import results
from streams.backtests.outcomes import check
from streams.backtests.queue import Claim, Connection, Failure, claim, enqueue, fail, finish, heartbeat, release
from tests.streams.backtests.house import POLICY, TERMS, asked, end, id_of, later, outcome, put, row, state

pytestmark = pytest.mark.integration
AWAY = Failure("BACKTEST_SERVER_UNAVAILABLE", "the registry does not answer", again=True)
WRONG = Failure("MODEL_UNKNOWN", "expected a registered model, it was 'none'", again=False)


def taken(connection: Connection, worker: str = "w1") -> Claim:
    found = claim(connection, worker, POLICY)
    assert found is not None, "no job is due"
    return found


def test_jobs_are_taken_in_their_order_each_by_one_worker(connection: Connection) -> None:
    """Of three jobs two workers get the first and the second, and nobody gets one that is taken."""
    put(connection, "a", "b", "c")

    first, second, third = (taken(connection, worker) for worker in ("w1", "w2", "w1"))

    assert [one.backtest_id for one in (first, second, third)] == [id_of(name) for name in "abc"]
    assert first.terms == TERMS
    assert claim(connection, "w2", POLICY) is None
    assert (row(connection, "a")["worker"], row(connection, "b")["worker"]) == ("w1", "w2")


def test_a_job_that_somebody_is_just_taking_is_passed_over(connection: Connection, ledger_settings: Settings) -> None:
    """While one worker's transaction holds the first job, another gets the second without waiting."""
    put(connection, "a", "b")
    with postgres_backtests(ledger_settings) as other, other.transaction():
        other.execute("select 1 from backtest_jobs where backtest_id = %s for update", (id_of("a"),))

        assert taken(connection).backtest_id == id_of("b")


def test_a_second_request_of_the_same_id_is_no_second_job(connection: Connection) -> None:
    """The first stands, whatever has become of it."""
    put(connection, "one")
    finish(connection, taken(connection), outcome())
    with connection.transaction(), connection.cursor() as cursor:
        assert not enqueue(cursor, asked("one", requested_by="eve"), 1, 7, POLICY)

    assert (state(connection), row(connection)["requested_by"]) == ("DONE", "ada")
    assert claim(connection, "w1", POLICY) is None


def test_a_result_is_kept_with_its_job(connection: Connection) -> None:
    """DONE and the rows come together; the figures are those that were given."""
    put(connection, "one")
    assert finish(connection, taken(connection), outcome()) == "MINE"

    done = row(connection)
    assert (done["state"], done["share"], done["tracking_state"]) == ("DONE", 1.0, "PENDING")
    ((summary, result, report),) = connection.execute("select summary, result, report from backtest_results").fetchall()
    assert (summary["outcome"], summary["digest"], report) == (
        {"figures": [{"name": "earned", "value": 2.0}], "trades_total": 1, "fills_total": 2},
        done["result_sha256"],
        "<p>good</p>",
    )
    assert summary.keys() == {"terms", "outcome", "digest"}, "rows that are asked for alone are left out"
    assert msgspec.json.decode(zlib.decompress(result))["prices"] == {"AAPL": ["long"]}
    traded = """select number, symbol, status, quantity, entered_at, entry_price, exited_at, exit_price, pnl,
                    return_fraction, fees, fills, entry_reason, exit_reason from backtest_trades"""
    closes = [datetime(2011, 1, day, 21, tzinfo=UTC) for day in (3, 4, 5)]
    assert connection.execute(traded).fetchall() == [
        (
            *(1, "AAPL", "CLOSED", 10, closes[0], Decimal("45.10"), closes[2], Decimal("55.30"), 100),
            *(Decimal("0.2217"), 2, 2, "BUY signal, probability 0.612", "SELL signal, probability 0.533"),
        )
    ]
    worth = "select market_time, equity, cash, positions, baseline, recorded_at from backtest_equity order by 1"
    assert connection.execute(worth).fetchall() == [
        (close, 100_000 + number, 100_000, number, 100_000 - number, done["ended_at"])
        for number, close in enumerate(closes)
    ]


def test_a_lost_job_is_another_workers(connection: Connection) -> None:
    """When the lease is over another worker takes the job; the first can neither go on nor give a result."""
    put(connection, "one")
    first = taken(connection, "w1")
    assert claim(connection, "w2", POLICY) is None
    later(connection)
    second = taken(connection, "w2")

    assert (second.backtest_id, second.attempt) == (first.backtest_id, 2)
    assert heartbeat(connection, first, 0.9, "late", POLICY) == "LOST"
    assert finish(connection, first, outcome(2)) == "LOST"
    assert fail(connection, first, WRONG, POLICY) == "LOST"
    assert release(connection, first) == "LOST"
    assert row(connection)["worker"] == "w2"
    assert finish(connection, second, outcome()) == "MINE"
    assert connection.execute("select count(*) from backtest_results").fetchone() == (1,)


def test_a_heartbeat_renews_the_lease(connection: Connection) -> None:
    """A worker that was silent for too long, and whom nobody has replaced, goes on."""
    put(connection, "one")
    mine = taken(connection)
    later(connection)

    assert heartbeat(connection, mine, 0.25, "2011", POLICY) == "MINE"
    assert claim(connection, "w2", POLICY) is None
    assert (row(connection)["share"], row(connection)["progress"]) == (0.25, "2011")


def test_only_what_is_shown_makes_a_new_version(connection: Connection) -> None:
    """A heartbeat without news leaves the version, from which clients know that nothing has changed."""
    put(connection, "one")
    mine = taken(connection)
    versions = []
    for share in (0.1, 0.1, 0.2):
        heartbeat(connection, mine, share, "x", POLICY)
        versions.append(row(connection)["version"])

    assert versions == [versions[0], versions[0], versions[0] + 1]


def test_a_waiting_job_is_cancelled_at_once(connection: Connection) -> None:
    """It is never taken, and a second cancellation changes nothing, the person included."""
    put(connection, "one")

    assert end(connection)
    assert not end(connection)
    assert (state(connection), row(connection)["cancelled_by"]) == ("CANCELLED", "grace")
    assert claim(connection, "w1", POLICY) is None


def test_a_running_job_is_told_and_its_result_is_not_kept(connection: Connection) -> None:
    """A cancellation that came before the result wins, though the work was done."""
    put(connection, "one")
    mine = taken(connection)
    assert end(connection)

    assert state(connection) == "RUNNING"
    assert heartbeat(connection, mine, 0.5, "", POLICY) == "CANCEL"
    assert finish(connection, mine, outcome()) == "CANCEL"
    assert state(connection) == "CANCELLED"
    assert connection.execute("select count(*) from backtest_results").fetchone() == (0,)


def test_a_cancelled_job_of_a_lost_worker_ends(connection: Connection) -> None:
    """Nobody runs it again only to end it."""
    put(connection, "one")
    taken(connection)
    end(connection)
    later(connection)

    assert claim(connection, "w2", POLICY) is None
    assert state(connection) == "CANCELLED"


def test_what_is_over_cannot_be_cancelled(connection: Connection) -> None:
    """A result stays a result."""
    put(connection, "one")
    finish(connection, taken(connection), outcome())

    assert not end(connection)
    assert not end(connection, "unknown")
    assert state(connection) == "DONE"


def test_servers_that_were_away_are_tried_again_after_a_pause(connection: Connection) -> None:
    """With pauses of 5 s and 20 s three attempts are made, and the job then says what was missing."""
    policy = POLICY._replace(backoff_s=5.0)
    put(connection, "one")
    pauses = []
    for _ in range(2):
        assert fail(connection, taken(connection), AWAY, policy) == "MINE"
        assert claim(connection, "w1", policy) is None, "it pauses"
        found = connection.execute("select extract(epoch from due_at - now()) from backtest_jobs").fetchone()
        assert found is not None
        pauses.append(float(found[0]))
        later(connection)
    fail(connection, taken(connection), AWAY, policy)

    assert pauses == pytest.approx([5, 20], abs=3)
    failed = row(connection)
    assert (failed["state"], failed["attempts"], failed["failure_code"]) == ("FAILED", 3, AWAY.code)
    assert failed["failure_text"] == AWAY.text


def test_wrong_terms_are_not_tried_again(connection: Connection) -> None:
    """They fail at once, with the code, and the next job is taken."""
    put(connection, "a", "b")
    fail(connection, taken(connection), WRONG, POLICY)

    assert (state(connection, "a"), row(connection, "a")["failure_code"]) == ("FAILED", "MODEL_UNKNOWN")
    assert taken(connection).backtest_id == id_of("b")


def test_a_job_whose_workers_are_lost_again_and_again_fails(connection: Connection) -> None:
    """Three attempts, and no fourth."""
    put(connection, "one")
    for _ in range(3):
        taken(connection)
        later(connection)

    assert claim(connection, "w1", POLICY) is None
    assert (state(connection), row(connection)["failure_code"]) == ("FAILED", "BACKTEST_WORKER_LOST")


def test_terms_of_another_program_fail_and_stop_nobody(connection: Connection) -> None:
    """A job whose terms this program cannot read is ended with a code, and the next one is taken."""
    put(connection, "a", "b")
    connection.execute(
        "update backtest_jobs set terms = terms || %s where backtest_id = %s", ('{"cash": "0"}', id_of("a"))
    )

    assert claim(connection, "w1", POLICY) is None
    assert (state(connection, "a"), row(connection, "a")["failure_code"]) == ("FAILED", "BACKTEST_TERMS_UNREADABLE")
    assert row(connection, "a")["failure_text"] == "expected cash above zero, it was 0"
    assert taken(connection).backtest_id == id_of("b")


def test_a_worker_that_stops_gives_its_job_back(connection: Connection) -> None:
    """It is due at once, and it was no attempt."""
    put(connection, "one")
    for _ in range(5):
        assert release(connection, taken(connection)) == "MINE"

    assert (state(connection), row(connection)["attempts"]) == ("QUEUED", 0)
    assert taken(connection).attempt == 1


def test_a_full_queue_and_an_old_request_are_told(connection: Connection) -> None:
    """Whoever asked finds a job that failed, and why; neither takes anybody's place."""
    policy = POLICY._replace(waiting_max=2)
    old = asked("old", issued_at_us=now_us() - 601 * 1_000_000)
    with connection.transaction(), connection.cursor() as cursor:
        for request in (old, asked("a"), asked("b"), asked("c")):
            assert enqueue(cursor, request, 0, 0, policy)

    assert [state(connection, name) for name in ("old", "a", "b", "c")] == ["FAILED", "QUEUED", "QUEUED", "FAILED"]
    assert row(connection, "c")["failure_code"] == "BACKTEST_QUEUE_FULL"
    assert row(connection, "c")["failure_text"] == "expected fewer than 2 waiting backtests, they were 2"
    assert row(connection, "old")["failure_code"] == "BACKTEST_REQUEST_TOO_OLD"


@pytest.mark.parametrize(
    "change",
    [
        "state = 'RUNNING'",
        "state = 'DONE', ended_at = now()",
        "ended_at = now()",
        "state = 'FAILED', ended_at = now()",
        "state = 'CANCELLED', ended_at = now()",
        "state = 'LOST'",
        "tracking_state = 'PENDING'",
    ],
)
def test_a_job_that_contradicts_itself_cannot_be_written(connection: Connection, change: str) -> None:
    """The table itself refuses it: nobody can be in two states, or end without a time, a result or a reason."""
    put(connection, "one")

    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"update backtest_jobs set {change}".encode())


def test_results_are_deleted_after_their_time(connection: Connection) -> None:
    """With all their rows, the oldest first; what waits, runs or is younger stays, and 0 days keep everything."""
    put(connection, "old", "young", "waiting")
    for name, days in (("old", 11), ("young", 9)):
        finish(connection, taken(connection), outcome())
        ended = f"now() - interval '{days} days'"
        connection.execute(
            f"update backtest_jobs set ended_at = {ended} where backtest_id = %s".encode(), (id_of(name),)
        )
        connection.execute(
            "update backtest_equity set recorded_at = (select ended_at from backtest_jobs where backtest_id = %s) "
            "where backtest_id = %s",
            (id_of(name), id_of(name)),
        )

    assert (results.delete_old(connection, 0), results.delete_old(connection, 10)) == (0, 1)

    for table, left in (("jobs", ["waiting", "young"]), ("results", ["young"]), ("trades", ["young"])):
        found = connection.execute(f"select backtest_id from backtest_{table}".encode()).fetchall()
        assert sorted(found) == sorted((id_of(name),) for name in left)
    assert connection.execute("select count(*) from backtest_equity").fetchone() == (3,)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"equity": outcome().equity * 2}, "one point of equity at each time"),
        ({"trades": (msgspec.structs.replace(outcome().trades[0], pnl=Decimal("nan")),)}, "finite pnl of trade 1"),
        ({"summary": {"a": "\x00"}}, r"without U\+0000"),
        ({"report": "\x00"}, r"without U\+0000"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused(changes: dict[str, object], text: str) -> None:
    """Before it reaches the database, and it says what is wrong."""
    with pytest.raises(InvalidValue, match=text) as refused:
        check(msgspec.structs.replace(outcome(), **changes))
    assert refused.value.code == "BACKTEST_RESULT_INVALID"
