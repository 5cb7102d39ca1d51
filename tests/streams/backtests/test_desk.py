"""The jobs of one worker: real processes and a real PostgreSQL, each kind of end that an attempt can have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from runtime.clients import postgres_backtests
from runtime.settings import Settings
from streams.backtests.child import failed
from streams.backtests.desk import Desk
from streams.backtests.messages import Failed
from streams.backtests.port import load
from streams.backtests.process import environment
from streams.backtests.queue import Connection, enqueue
from tests.streams.backtests.house import POLICY, TERMS, asked, end, id_of, later, row, state
from tests.streams.backtests.runners import PROGRAMS, count, notes
from tests.workers import eventually

pytestmark = pytest.mark.integration
OVER = ("DONE", "FAILED", "CANCELLED")
Work = Callable[..., Desk]


@pytest.fixture
def work(ledger_settings: Settings, connection: Connection) -> Iterator[Work]:
    """`work(**settings)`: a desk, whose processes are ended with the test."""
    desks = []

    def make(name: str = "w1", **changes: Any) -> Desk:
        changes = {"backtest_backoff_s": 0.0, "backtest_niceness": 0} | changes
        desks.append(Desk(ledger_settings.model_copy(update=changes), name, PROGRAMS))
        return desks[-1]

    yield make
    for desk in desks:
        desk.stop(connection)


def ask(connection: Connection, **models: str) -> None:
    """A job for each: its symbol is the name, in capitals, and `model` says what its runner does."""
    with connection.transaction(), connection.cursor() as cursor:
        for name, model in models.items():
            terms = msgspec.structs.replace(TERMS, symbols=(name.upper(),), model=model)
            enqueue(cursor, asked(name, terms), 0, 0, POLICY)


def turn_until(desk: Desk, connection: Connection, condition: Callable[[], bool], what: str) -> None:
    def turned() -> bool:
        desk.hear(0.01)
        desk.write(connection)
        return condition()

    eventually(turned, what)


def finish(desk: Desk, connection: Connection, *names: str) -> dict[str, str]:
    """Turn until all of them are over; gives their states."""
    turn_until(desk, connection, lambda: all(state(connection, name) in OVER for name in names), f"{names} are over")
    return {name: state(connection, name) for name in names}


def test_a_result_is_kept_and_logged(work: Work, connection: Connection, ledger_settings: Settings) -> None:
    """From the queue through a process to the tables; MLflow, which is away at first, has it after another attempt."""
    ask(connection, one="quick")
    desk = work()

    assert finish(desk, connection, "one") == {"one": "DONE"}

    ((report,),) = connection.execute("select report from backtest_results").fetchall()
    assert report == "<p>2 dollars</p>"
    worth = connection.execute("select equity from backtest_equity order by market_time").fetchall()
    assert worth == [(Decimal(100_000),), (Decimal(100_001),), (Decimal(100_002),)]
    turn_until(desk, connection, lambda: row(connection)["tracking_error"] is not None, "MLflow was away")
    assert (row(connection)["tracking_state"], row(connection)["state"]) == ("PENDING", "DONE")
    assert row(connection)["tracking_error"] == "MLflow does not answer"
    connection.execute("update backtest_jobs set tracking_due_at = now()")
    turn_until(desk, connection, lambda: row(connection)["tracking_state"] == "LOGGED", "it is logged")
    assert (row(connection)["run_id"], row(connection)["tracking_attempts"]) == ("run-1", 2)
    assert notes(ledger_settings.tape_home)[-1] == f"logged {id_of('one')} of ada: {'d1' * 32}, <p>2 dollars</p>"


def test_each_kind_of_end(work: Work, connection: Connection, ledger_settings: Settings) -> None:
    """Wrong terms fail at once, a process that dies is tried again, servers that come back are waited for, and none of
    them stops the next. What libraries print harms nobody, and a result is kept though its page cannot be made.
    """
    ask(connection, wrong="wrong", killed="killed", flaky="flaky", loud="loud")

    states = finish(work(backtest_jobs_at_once=2), connection, "wrong", "killed", "flaky", "loud")

    assert states == {"wrong": "FAILED", "killed": "FAILED", "flaky": "DONE", "loud": "DONE"}
    pages = dict(connection.execute("select backtest_id, report from backtest_results").fetchall())
    assert pages == {id_of("flaky"): "<p>2 dollars</p>", id_of("loud"): None}
    told = {name: (found["failure_code"], found["attempts"]) for name in states for found in [row(connection, name)]}
    assert told == {
        "wrong": ("MODEL_UNKNOWN", 1),
        "killed": ("BACKTEST_PROCESS_DIED", 3),
        "flaky": (None, 3),
        "loud": (None, 1),
    }
    assert row(connection, "wrong")["failure_text"] == "expected a registered model, it was 'wrong'"
    assert row(connection, "killed")["failure_text"] == "the process ended without an answer: signal SIGKILL"
    assert count(ledger_settings.tape_home, "began KILLED") == 3


@pytest.mark.parametrize(
    ("error", "code", "again"),
    [
        (InvalidValue("MODEL_UNKNOWN", "no such model"), "MODEL_UNKNOWN", False),
        (UnavailableError("MLflow does not answer"), "BACKTEST_SERVER_UNAVAILABLE", True),
        (ConnectionRefusedError(111, "refused"), "BACKTEST_SERVER_UNAVAILABLE", True),
        (psycopg.OperationalError("the server is shutting down"), "BACKTEST_SERVER_UNAVAILABLE", True),
        (UnreadableInput("model.ubj is damaged"), "BACKTEST_INPUT_UNREADABLE", False),
        (MemoryError(), "BACKTEST_OUT_OF_MEMORY", False),
        (ZeroDivisionError("division by zero"), "BACKTEST_ERROR", False),
        (SystemExit(1), "BACKTEST_ERROR", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_which_errors_are_worth_another_attempt(error: BaseException, code: str, again: bool) -> None:
    """Servers that are away are; what would meet the same again is not."""
    found = failed(error)

    assert (found.code, found.again) == (code, again)
    assert found.text


def test_a_file_or_a_library_that_is_missing_is_not_waited_for() -> None:
    """An UnavailableError says what it comes from: nothing puts a file there by itself."""
    for cause in (FileNotFoundError("model.ubj"), ModuleNotFoundError("vectorbt")):
        error = UnavailableError("it is not there")
        error.__cause__ = cause

        assert failed(error) == Failed(code="BACKTEST_PART_MISSING", text="it is not there", again=False)
    with pytest.raises(UnavailableError) as missing:
        load("models.no_such_module:run")
    assert failed(missing.value).code == "BACKTEST_PART_MISSING"


def test_a_defect_names_its_place() -> None:
    """The last line of ours that it came through, and no key that it repeats."""
    try:
        raise KeyError("tk_" + "0" * 16 + "_" + "f" * 64)
    except KeyError as error:
        text = failed(error).text

    assert re.fullmatch(r"KeyError: 'tk_0{16}_…' \(tests/streams/backtests/test_desk\.py:[0-9]+\)", text), text


def test_bounds_on_time_and_memory(work: Work, connection: Connection) -> None:
    """A backtest that takes too long or too much is ended with its process, and not tried again."""
    ask(connection, deaf="deaf", greedy="greedy")
    hasty, frugal = work("hasty", backtest_seconds_max=0.1), work("frugal", backtest_memory_mb_max=200)
    hasty.write(connection)

    assert finish(frugal, connection, "greedy") == {"greedy": "FAILED"}
    assert finish(hasty, connection, "deaf") == {"deaf": "FAILED"}
    ends = [(row(connection, name)["failure_code"], row(connection, name)["attempts"]) for name in ("deaf", "greedy")]
    assert ends == [("BACKTEST_OUT_OF_TIME", 1), ("BACKTEST_OUT_OF_MEMORY", 1)]


def test_cancelled_while_it_runs(work: Work, connection: Connection, ledger_settings: Settings) -> None:
    """One that listens ends by itself, one that does not is ended; progress was told before, and a third job runs."""
    ask(connection, slow="slow", deaf="deaf", next="quick")
    desk = work(backtest_jobs_at_once=2)
    turn_until(desk, connection, lambda: row(connection, "slow")["share"] > 0, "progress is told")
    assert row(connection, "slow")["progress"].startswith("step ")
    turn_until(desk, connection, lambda: count(ledger_settings.tape_home, "began") == 2, "both run")
    end(connection, "slow")
    end(connection, "deaf")

    assert finish(desk, connection, "slow", "deaf", "next") == {
        "slow": "CANCELLED",
        "deaf": "CANCELLED",
        "next": "DONE",
    }
    assert "heard SLOW" in notes(ledger_settings.tape_home)
    assert row(connection, "deaf")["failure_code"] is None


def test_a_worker_that_lost_a_job_lets_go_of_it(work: Work, connection: Connection, ledger_settings: Settings) -> None:
    """Frozen for longer than its lease, it finds its job with another worker, ends its process and keeps nothing."""
    ask(connection, one="gate")
    first, second = work("w1"), work("w2")
    turn_until(first, connection, lambda: count(ledger_settings.tape_home, "began ONE") == 1, "the first runs it")
    later(connection)
    turn_until(second, connection, lambda: count(ledger_settings.tape_home, "began ONE") == 2, "the second runs it")
    turn_until(first, connection, lambda: first.busy == 0, "the first lets go")
    (ledger_settings.tape_home / "open").touch()

    assert finish(second, connection, "one") == {"one": "DONE"}
    assert count(ledger_settings.tape_home, "ended ONE") == 1
    assert connection.execute("select count(*) from backtest_results").fetchone() == (1,)


def test_an_end_that_the_database_does_not_take_is_offered_again(
    work: Work, connection: Connection, ledger_settings: Settings
) -> None:
    """A connection that breaks with the result in hand costs nothing: the next one takes it."""
    ask(connection, one="quick")
    desk = work()
    desk.write(connection)
    with postgres_backtests(ledger_settings, autocommit=True) as broken:
        pass

    def is_refused() -> bool:
        desk.hear(0.05)
        try:
            desk.write(broken)
        except psycopg.OperationalError:
            return count(ledger_settings.tape_home, "ended ONE") == 1
        return False

    eventually(is_refused, "the result is there, and a broken connection is asked to take it")
    desk.hear(1.0)
    with pytest.raises(psycopg.OperationalError):
        desk.write(broken)

    assert finish(desk, connection, "one") == {"one": "DONE"}
    assert (row(connection)["attempts"], count(ledger_settings.tape_home, "began ONE")) == (1, 1)


def test_a_worker_that_stops_with_a_result_in_hand_keeps_it(work: Work, connection: Connection) -> None:
    """What is done is not done again."""
    ask(connection, one="quick")
    desk = work()
    desk.write(connection)
    eventually(lambda: _has_ended(desk), "the process has answered")
    desk.stop(connection)

    assert (state(connection), row(connection)["attempts"]) == ("DONE", 1)


def _has_ended(desk: Desk) -> bool:
    desk.hear(0.05)
    return desk.ended > 0


def test_a_job_is_given_back_when_the_worker_stops(work: Work, connection: Connection) -> None:
    """It waits again at once, as if it had not been begun."""
    ask(connection, one="slow")
    desk = work()
    turn_until(desk, connection, lambda: state(connection) == "RUNNING", "it runs")
    desk.stop(connection)

    assert (state(connection), row(connection)["attempts"], desk.busy) == ("QUEUED", 0, 0)


def test_a_backtest_is_given_no_password_but_the_reader_s(ledger_settings: Settings) -> None:
    """Its process can write to no table, reach no broker and sign no token; all else is as the worker has it."""
    given = environment(
        ledger_settings.model_copy(update={"strategy_allocation": Decimal(7), "paper_fee_bps": Decimal(3)})
    )

    withheld = ("DATABASE_URL", "DATABASE_PROJECTOR_URL", "DATABASE_BACKTESTS_URL", "KAFKA_BOOTSTRAP_SERVERS")
    assert {given[name] for name in (*withheld, "API_ROOT_KEY", "AUTH_SIGNING_KEYS", "ALPACA_SECRET_KEY")} == {""}
    assert given["DATABASE_READER_URL"] == ledger_settings.database_reader_url
    assert (given["STRATEGY_ALLOCATION"], given["PAPER_FEE_BPS"], given["OMP_NUM_THREADS"]) == ("7", "3", "1")
