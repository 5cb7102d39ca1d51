"""Workers as real processes, for the tests that kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LAST_LINES = 40


class Worker:
    """`tape worker`, for a module with `run(settings)`, in a process of its own."""

    def __init__(self, settings: Settings, module: str) -> None:
        self.log = (settings.tape_home / f"{module}.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runtime.cli", "worker", f"{module}={module}"],
            cwd=ROOT,
            env={**os.environ, **settings.environ()},
            stdout=self.log,
            stderr=self.log,
        )

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code. Fails when it takes longer than 15 s."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def worker(settings: Settings, module: str) -> Iterator[Worker]:
    """Killed at the end; what it said last is printed, for a test that fails."""
    started = Worker(settings, module)
    try:
        yield started
    finally:
        started.kill()
        started.log.close()
        last = Path(started.log.name).read_text().splitlines()[-LAST_LINES:]
        sys.stdout.write("\n".join([f"{module} said last:", *last, ""]))


def eventually(condition: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Wait until a condition holds; fails saying what did not come true."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)
