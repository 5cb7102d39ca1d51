"""Workers as real processes, for the tests that kill them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from domain.errors import UnavailableError
from runtime.settings import Settings
from tests.nursery import nursery

LAST_LINES = 40


class Worker:
    """`tape worker`, for a module with `run(settings)`, in a process of its own."""

    def __init__(self, settings: Settings, module: str) -> None:
        self.log = settings.tape_home / f"{module}.log"
        self.process = nursery().start(
            "runtime.cli:main", ["worker", f"{module}={module}"], {**os.environ, **settings.environ()}, self.log
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
        last = started.log.read_text().splitlines()[-LAST_LINES:] if started.log.exists() else []
        sys.stdout.write("\n".join([f"{module} said last:", *last, ""]))


def eventually(condition: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Wait until a condition holds; fails saying what did not come true. A new topic may have no leader at first."""
    deadline = time.monotonic() + within_s
    while True:
        with suppress(UnavailableError):
            if condition():
                return
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)
