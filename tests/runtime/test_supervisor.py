"""The supervisor and a tiny real worker; no servers, since their addresses are given and nobody asks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from domain.errors import UnavailableError
from runtime import keepers, parts
from runtime.settings import Settings
from runtime.supervisor import Supervisor, read_status

pytestmark = pytest.mark.integration
TINY = {"tiny": parts.worker_argv("tiny=tests.runtime.tiny_worker")}


@pytest.fixture
def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Supervisor]]:
    """Start a supervisor of one tiny worker that behaves as told; it is stopped at the end."""
    monkeypatch.chdir(Path(__file__).parents[2])
    made: list[Supervisor] = []

    def start(conduct: str = "") -> Supervisor:
        monkeypatch.setenv("TINY", conduct)
        settings = Settings(
            _env_file=None,
            tape_home=tmp_path,
            kafka_bootstrap_servers="127.0.0.1:9",
            database_url="postgresql://127.0.0.1:9/none",
            redis_url="redis://127.0.0.1:9/0",
            topic_prefix="t1.",
            beat_timeout_s=0.5,
        )
        supervisor = Supervisor(settings, TINY, lambda _: {}, lambda _: None)
        supervisor.start()
        made.append(supervisor)
        return supervisor

    yield start
    for supervisor in made:
        supervisor.stop()


def wait_for(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_killed_worker_comes_back(supervise: Callable[..., Supervisor], tmp_path: Path) -> None:
    """After kill -9 the worker is ready again, as another process, with the settings it had."""
    supervisor = supervise()
    supervisor.wait_ready(20)
    (row,) = supervisor.rows()
    first = row.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    wait_for(lambda: row.restarts == 1 and row.state == "ready")

    assert row.pid != first
    assert "prefix t1.\nprefix t1.\n" in (tmp_path / "logs" / "tiny.log").read_text()


def test_a_worker_that_always_ends_is_tried_ever_more_slowly(supervise: Callable[..., Supervisor]) -> None:
    """The waits double: 0.2, 0.4, 0.8 s; the row says how it ended."""
    supervisor = supervise("ends")
    (row,) = supervisor.rows()

    began = time.monotonic()
    wait_for(lambda: row.restarts == 4)

    assert time.monotonic() - began > 0.2 + 0.4 + 0.8
    assert (row.state, row.note.partition(";")[0]) == ("failed", "ended with code 1")


def test_a_worker_that_met_a_broken_tape_is_halted(supervise: Callable[..., Supervisor], tmp_path: Path) -> None:
    """Starting it again would meet the same record: it stays down, the status says why, and waiting for it ends."""
    supervisor = supervise("torn")
    (row,) = supervisor.rows()

    wait_for(lambda: row.state == "halted")
    with pytest.raises(UnavailableError, match="never will be: tiny is halted"):
        supervisor.wait_ready(20)
    time.sleep(0.5)  # longer than the first wait before a start

    assert (row.restarts, row.pid) == (0, None)
    assert row.note == "ChainError: t1.ledger.events/2 at offset 17: it was changed"
    wait_for(lambda: [r["note"] for r in read_status(tmp_path)["rows"]] == [row.note])


def test_a_worker_without_its_server_is_tried_again(supervise: Callable[..., Supervisor]) -> None:
    """What heals by waiting halts nobody; the row says what was missing."""
    supervisor = supervise("alone")
    (row,) = supervisor.rows()

    wait_for(lambda: row.restarts == 2)

    assert row.note == "UnavailableError: no server is there"


def test_a_halted_worker_can_be_started_again(
    supervise: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the cause is gone, somebody says so, and it is as if nothing had been."""
    supervisor = supervise("torn")
    (row,) = supervisor.rows()
    wait_for(lambda: row.state == "halted")
    monkeypatch.setenv("TINY", "")

    supervisor.restart_worker("tiny")

    wait_for(lambda: [each.state for each in supervisor.rows()] == ["ready"])


def test_a_worker_that_hangs_is_started_anew(
    supervise: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose /livez fails for too long is ended and started again."""
    monkeypatch.setattr(keepers, "SILENT_S_MAX", 1.0)
    monkeypatch.setattr(keepers, "_PROBE_READY_S", 0.2)
    monkeypatch.setattr(keepers, "_PROBE_S", 0.1)  # it must be seen alive before it is seen to hang
    supervisor = supervise("hangs")
    (row,) = supervisor.rows()

    wait_for(lambda: row.restarts >= 1 and row.pid is not None)


def test_stop_ends_even_the_deaf(supervise: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that ignores SIGTERM is killed, and `stop` may be called twice."""
    monkeypatch.setattr(keepers, "WORKER_STOP_S", 0.5)
    supervisor = supervise("deaf")
    supervisor.wait_ready(20)
    (row,) = supervisor.rows()
    pid = row.pid
    assert pid is not None

    supervisor.stop()
    supervisor.stop()

    assert not psutil.pid_exists(pid)
    assert row.state == "stopped"


def test_one_worker_can_be_stopped_and_started(supervise: Callable[..., Supervisor]) -> None:
    """A worker that was stopped on purpose stays down until it is started."""
    supervisor = supervise()
    supervisor.wait_ready(20)
    supervisor.stop_worker("tiny")
    time.sleep(0.5)

    assert [row.state for row in supervisor.rows()] == ["stopped"]
    supervisor.start_worker("tiny", TINY["tiny"])
    supervisor.wait_ready(20)
