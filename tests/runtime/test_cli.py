"""The `tape` command, as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from projections.roles import with_credentials
from runtime.settings import Settings

REPOSITORY = Path(__file__).parents[2]
Tape = Callable[..., "subprocess.CompletedProcess[str]"]


def run_tape(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`tape` with these variables added; the child is not a terminal's."""
    argv = [sys.executable, "-m", "runtime.cli", *arguments]
    return subprocess.run(
        argv, cwd=REPOSITORY, env={**os.environ, **env}, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.fixture
def tape(ledger_settings: Settings) -> Iterator[Tape]:
    """`tape` on real servers and a ledger of its own; what it started is stopped at the end."""
    env = ledger_settings.environ()
    yield lambda *arguments: run_tape(*arguments, **env)
    run_tape("down", **env)


def up(tape: Tape) -> dict[str, int]:
    """Start the tiny worker in the background; pids by name, the supervisor's as `up`."""
    done = tape("up", "--detach", "--workers", "tiny=tests.runtime.tiny_worker")
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 20
    while True:
        found = json.loads(tape("status", "--json").stdout)
        if all(row["state"] == "ready" for row in found["rows"]):
            return {"up": found["pid"], **{row["name"]: row["pid"] for row in found["rows"]}}
        assert time.monotonic() < deadline


@pytest.mark.integration
def test_a_restart_gives_another_process(tape: Tape) -> None:
    """`tape restart` reaches the running supervisor; a name that it does not have is refused in one line."""
    before = up(tape)

    unknown = tape("restart", "nobody")
    assert tape("restart", "tiny").returncode == 0

    assert (unknown.returncode, "there are tiny" in unknown.stderr) == (1, True)
    deadline = time.monotonic() + 20
    while (row := json.loads(tape("status", "--json").stdout)["rows"][0])["pid"] in (None, before["tiny"]):
        assert time.monotonic() < deadline, row


@pytest.mark.integration
def test_topics_with_another_number_of_partitions_are_refused(tape: Tape, ledger_settings: Settings) -> None:
    """`tape up` and `tape topics apply` start and make nothing, and say which setting fits."""
    env = {**ledger_settings.environ(), "PARTITIONS": "3"}

    for arguments in (("up", "--workers", "tiny=tests.runtime.tiny_worker"), ("topics", "apply")):
        done = run_tape(*arguments, **env)

        assert done.returncode == 1
        assert "expected topics with 3 partitions" in done.stderr
        assert "set PARTITIONS=4" in done.stderr


@pytest.mark.integration
def test_status_says_why_a_worker_is_halted(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole reason is shown, not only what fits into the table."""
    monkeypatch.setenv("TINY", "torn")
    assert tape("up", "--detach", "--workers", "tiny=tests.runtime.tiny_worker").returncode == 0
    deadline = time.monotonic() + 20
    while "halted" not in (shown := tape("status").stdout):
        assert time.monotonic() < deadline, shown

    assert "tiny is halted: ChainError: t1.ledger.events/2 at offset 17: it was changed" in shown


@pytest.mark.integration
def test_up_status_second_up_down(tape: Tape) -> None:
    """Up runs the worker; a second up is refused in one line; down leaves nothing; status and down say so."""
    pids = up(tape)
    status = json.loads(tape("status", "--json").stdout)
    assert (status["phase"], [row["name"] for row in status["rows"]]) == ("running", ["tiny"])
    assert set(status["rows"][0]) == {"name", "kind", "state", "pid", "since", "restarts", "address", "note"}

    second = tape("up", "--workers", "none")
    assert (second.returncode, len(second.stderr.splitlines())) == (1, 1)
    assert f"is in use by process {pids['up']}; `tape status` shows it" in second.stderr

    assert tape("down").returncode == 0
    for pid in pids.values():
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert tape("status").returncode == 1
    again = tape("down")
    assert (again.returncode, "nothing was running" in again.stdout) == (0, True)


@pytest.mark.integration
def test_up_after_kill_9_of_everything(tape: Tape, ledger_settings: Settings) -> None:
    """With supervisor, guard and worker killed, status says that nothing runs, and the next up works."""
    pids = up(tape)
    guard = json.loads((ledger_settings.tape_home / "run" / "guard.json").read_text())["pid"]
    for pid in (guard, pids["up"], pids["tiny"]):
        os.kill(pid, signal.SIGKILL)

    assert tape("status").returncode == 1
    assert up(tape)["tiny"] != pids["tiny"]


@pytest.mark.integration
def test_topics_and_tables_by_hand(tape: Tape) -> None:
    """Both commands can be repeated: what is there stays."""
    topics, tables = tape("topics", "apply"), tape("db", "migrate")

    assert (topics.returncode, "all topics are there" in topics.stdout) == (0, True)
    assert (tables.returncode, "the database is up to date" in tables.stdout) == (0, True)


@pytest.mark.integration
def test_migrate_makes_the_roles_that_are_named(ledger_settings: Settings) -> None:
    """The roles in the addresses can sign in afterwards; without addresses it says what is used instead."""
    names = {
        "database_projector_url": "cli_projector",
        "database_reader_url": "cli_reader",
        "database_backtests_url": "cli_backtests",
    }
    urls = {name: with_credentials(ledger_settings.database_url, role, "s") for name, role in names.items()}
    named = run_tape("db", "migrate", **ledger_settings.model_copy(update=urls).environ())
    unnamed = run_tape("db", "migrate", **ledger_settings.model_copy(update=dict.fromkeys(names, "")).environ())

    assert (named.returncode, unnamed.returncode) == (0, 0)
    for url in urls.values():
        psycopg.connect(url).close()
    assert "no DATABASE_PROJECTOR_URL is given: its role was left alone, and projectors use DATABASE_URL" in (
        " ".join(unnamed.stdout.split())
    )
    assert "no DATABASE_READER_URL is given" in unnamed.stdout
    assert "no DATABASE_BACKTESTS_URL is given" in unnamed.stdout
    assert "DATABASE" not in named.stdout


def test_doctor_finds_missing_java(tmp_path: Path) -> None:
    """Without Java on PATH doctor fails and says how to get it; with a Kafka of one's own it is not needed."""
    empty = {"PATH": str(tmp_path), "JAVA_HOME": "", "TAPE_HOME": str(tmp_path), "API_PORT": "0"}
    missing = run_tape("doctor", "--json", **empty)
    java = next(finding for finding in json.loads(missing.stdout) if finding["name"] == "java")

    assert missing.returncode == 1
    assert (java["good"], java["found"]) == (False, "not on PATH")
    assert "openjdk-17" in java["remedy"]
    own = {"KAFKA_BOOTSTRAP_SERVERS": "k:9092", "DATABASE_URL": "postgresql://p/t", "REDIS_URL": "redis://r"}
    assert run_tape("doctor", **empty, **own).returncode == 0


def test_doctor_refuses_old_java(tmp_path: Path) -> None:
    """Java 11 is named as it names itself, and is not enough."""
    fake = tmp_path / "java"
    fake.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    fake.chmod(0o755)
    done = run_tape("doctor", "--json", PATH=f"{tmp_path}:/bin", JAVA_HOME="", TAPE_HOME=str(tmp_path))
    java = next(finding for finding in json.loads(done.stdout) if finding["name"] == "java")

    assert done.returncode == 1
    assert (java["good"], java["found"]) == (False, 'version "11.0.2"')


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (("worker", "nobody"), {}, "error: no worker 'nobody'; there are ledger, signals,"),
        (("worker", "x=no.such.module"), {}, "error: no.such.module is not part of this installation"),
        (("up", "--workers", "ledgr"), {}, "error: no worker 'ledgr'"),
        (("status",), {"LOG_LEVEL": "loud"}, "error: LOG_LEVEL: input should be"),
        (("topics", "apply"), {}, "error: KAFKA_BOOTSTRAP_SERVERS is not given"),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], env: dict[str, str], said: str, tmp_path: Path) -> None:
    """A mistake is answered with one line and exit code 1; --debug shows where it comes from."""
    fixed = {"TAPE_HOME": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": ""}
    done = run_tape(*arguments, **fixed, **env)

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(said)
    assert "Traceback" in run_tape("--debug", *arguments, **fixed, **env).stderr


def test_help_imports_no_part() -> None:
    """The command line is there at once: what only some commands need is imported by them alone."""
    heavy = {"faust", "mlflow", "pandas", "confluent_kafka", "psycopg", "redis", "fastapi", "streams", "audit.cli"}
    code = "import sys, runtime.cli\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert heavy & set(done.stdout.split()) == set()


def test_commands_of_other_parts_have_their_own_help() -> None:
    """`tape audit --help` is the audit part's."""
    done = run_tape("audit", "--help")

    assert done.returncode == 0
    assert "verify" in done.stdout
    assert "replay" in done.stdout
