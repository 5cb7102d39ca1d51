"""The worker as its operators run it: killed, doubled, stopped, and with its servers away."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
import psutil
import psycopg
import pytest

from runtime.clients import postgres_backtests
from runtime.embedded.ports import free_port
from runtime.settings import Settings
from streams.backtests.queue import Connection
from tests.streams.backtests.house import TERMS, asked, cancelled, id_of, row, state
from tests.streams.backtests.kafka import send
from tests.streams.backtests.runners import count, notes
from tests.workers import Worker, eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
MODULE = "tests.streams.backtests.quick_worker"


def ask(settings: Settings, **models: str) -> None:
    """A request for each: its symbol is the name in capitals, and `model` says what the runner does."""
    for name, model in models.items():
        send(settings, asked(name, msgspec.structs.replace(TERMS, symbols=(name.upper(),), model=model)))


def over(connection: Connection, *names: str) -> bool:
    placed = connection.execute("select backtest_id from backtest_jobs where ended_at is not null").fetchall()
    return {id_of(name) for name in names} <= {backtest_id for (backtest_id,) in placed}


def children(process: Worker) -> list[psutil.Process]:
    return psutil.Process(process.process.pid).children(recursive=True)


def test_killed_in_the_middle_of_a_job(ledger_settings: Settings, connection: Connection) -> None:
    """kill -9 of the worker, while one job runs and one waits: its successor does both, each result is there once.

    The process of the job that ran dies with its worker, and does not end its work in secret.
    """
    home = ledger_settings.tape_home
    settings = ledger_settings.model_copy(update={"backtest_lease_s": 1.0})
    ask(settings, one="quiet", two="quick")
    with worker(settings, MODULE) as first:
        eventually(lambda: count(home, "began ONE") == 1, "the job runs")
        orphans = children(first)
        first.kill()
        assert psutil.wait_procs(orphans, timeout=10)[1] == []
    assert (state(connection, "one"), state(connection, "two")) == ("RUNNING", "QUEUED")
    with worker(settings, MODULE):
        eventually(lambda: count(home, "began ONE") == 2, "the successor runs it")
        (home / "open").touch()
        eventually(lambda: over(connection, "one", "two"), "both are over")

    assert (state(connection, "one"), state(connection, "two")) == ("DONE", "DONE")
    assert row(connection, "one")["attempts"] == 2
    assert [count(home, f"ended {name}") for name in ("ONE", "TWO")] == [1, 1]
    assert connection.execute("select count(*) from backtest_results").fetchone() == (2,)


def test_two_workers_share_the_queue(ledger_settings: Settings, connection: Connection) -> None:
    """Of four jobs each worker has one at a time; in the end each job was run once."""
    names, home = ("a", "b", "c", "d"), ledger_settings.tape_home
    ask(ledger_settings, **dict.fromkeys(names, "gate"))
    with worker(ledger_settings, MODULE), worker(ledger_settings, MODULE):
        eventually(lambda: count(home, "began") == 2, "each runs one")
        holders = connection.execute("select distinct worker from backtest_jobs where state = 'RUNNING'").fetchall()
        (home / "open").touch()
        eventually(lambda: over(connection, *names), "all are over")

    assert len(holders) == 2
    assert {state(connection, name) for name in names} == {"DONE"}
    assert sorted(each for each in notes(home) if each.startswith("began")) == [f"began {name}" for name in "ABCD"]


def test_the_database_goes_away_and_comes_back(ledger_settings: Settings) -> None:
    """A job that runs meanwhile goes on, and its result is kept as soon as the database takes it; /readyz says why."""
    home = ledger_settings.tape_home
    settings = ledger_settings.model_copy(update={"worker_port": free_port()})
    ready = f"http://127.0.0.1:{settings.worker_port}/readyz"
    name = urlsplit(settings.database_url).path.removeprefix("/")
    ask(settings, one="gate")
    with worker(settings, MODULE), psycopg.connect(_other(settings), autocommit=True) as outside:
        eventually(lambda: count(home, "began ONE") == 1, "the job runs")
        assert httpx.get(ready).status_code == 200
        outside.execute(f"alter database {name} allow_connections false")
        outside.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        eventually(lambda: httpx.get(ready).status_code == 503, "it says that it cannot work")
        (home / "open").touch()
        eventually(lambda: count(home, "ended ONE") == 1, "the job ends")
        outside.execute(f"alter database {name} allow_connections true")
        with postgres_backtests(settings, autocommit=True) as connection:
            eventually(lambda: over(connection, "one"), "it is over")
            eventually(lambda: httpx.get(ready).status_code == 200, "it works again")
            ends = (state(connection, "one"), row(connection, "one")["attempts"])

    assert (ends, count(home, "began ONE")) == (("DONE", 1), 1)


def _other(settings: Settings) -> str:
    """The owner's address of another database of the same server."""
    return urlunsplit(urlsplit(settings.database_url)._replace(path="/postgres"))


def test_stopped_and_cancelled(ledger_settings: Settings, connection: Connection) -> None:
    """SIGTERM gives the job back and ends with code 0; cancelled over Kafka, the waiting and the running one end."""
    ask(ledger_settings, one="slow", two="quick")
    with worker(ledger_settings, MODULE) as first:
        eventually(lambda: count(ledger_settings.tape_home, "began ONE") == 1, "the job runs")
        assert first.stop() == 0
    assert (state(connection, "one"), row(connection, "one")["attempts"]) == ("QUEUED", 0)
    with worker(ledger_settings, MODULE):
        eventually(lambda: count(ledger_settings.tape_home, "began ONE") == 2, "it runs again")
        send(ledger_settings, cancelled("two"), cancelled("one"))
        eventually(lambda: over(connection, "one", "two"), "both are over")

    assert (state(connection, "one"), state(connection, "two")) == ("CANCELLED", "CANCELLED")
    assert count(ledger_settings.tape_home, "began TWO") == 0
