"""What is known of processes and ports from one start to the next."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from runtime.embedded import process
from runtime.embedded.ports import free_port, is_free, remembered_ports


def test_a_reused_pid_is_not_our_process(tmp_path: Path) -> None:
    """A record counts only for a process that started when the record says."""
    process.record(tmp_path, "me", os.getpid())
    mine = process.recorded(tmp_path)["me"]
    other = process.ProcessRecord("other", os.getpid(), mine.started_at - 60)

    assert mine.process() == psutil.Process(os.getpid())
    assert other.process() is None


def test_a_dead_process_and_a_broken_record_are_nobody(tmp_path: Path) -> None:
    """A record outlives its process without harm; a half-written file is as good as none."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    process.record(tmp_path, "child", child.pid)
    child.wait()
    (tmp_path / "broken.json").write_text('{"name": "bro')

    found = process.recorded(tmp_path)

    assert list(found) == ["child"]
    assert found["child"].process() is None


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed after the timeout, and so is its child."""
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    parent = process.spawn([sys.executable, "-c", code], log=tmp_path / "log")
    while not (text := (tmp_path / "log").read_text()).endswith("\n"):
        pass

    assert process.stop(psutil.Process(parent.pid), timeout_s=0.2) is False
    parent.wait()
    assert process.wait_gone(psutil.Process(int(text)), 5) if psutil.pid_exists(int(text)) else True


def test_ports_stay_and_avoid_the_ephemeral_range(tmp_path: Path) -> None:
    """A second start has the ports of the first, unless somebody took one; none can be a client's own port."""
    first = remembered_ports(tmp_path / "ports", ["a", "b"])

    assert remembered_ports(tmp_path / "ports", ["a", "b"]) == first
    assert all(port < 32_768 for port in first.values())
    with socket.create_server(("127.0.0.1", first["a"])):
        assert not is_free(first["a"])
        second = remembered_ports(tmp_path / "ports", ["a", "b"])
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]
    assert is_free(free_port())
