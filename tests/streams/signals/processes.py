"""Workers as processes of their own, so that a test can kill one the hard way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import UnavailableError
from runtime.settings import Settings

_PROGRAM = """
import importlib, sys
from runtime import logs
from domain.errors import UnavailableError
from runtime.settings import Settings
settings = Settings(_env_file=None)
logs.configure(settings, sys.argv[1])
importlib.import_module(sys.argv[1]).run(settings)
"""
_ROOT = Path(__file__).resolve().parents[3]


class Worker:
    """One running worker. `kill` is kill -9, `stop` is SIGTERM and checks that it ends cleanly."""

    def __init__(self, module: str, settings: Settings) -> None:
        named = settings.model_copy(update={"worker_instance": module})  # it takes its partitions back at once
        self._log = (settings.tape_home / f"{module}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, module],
            cwd=_ROOT,
            env={**os.environ, **named.environ()},
            stdout=self._log,
            stderr=self._log,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self._log.close()

    def stop(self) -> None:
        self._process.terminate()
        code = self._process.wait(15)
        self._log.close()
        assert code == 0, f"the worker ended with exit code {code}; see {self._log.name}"

    def running(self) -> bool:
        return self._process.poll() is None


@contextmanager
def worker(module: str, settings: Settings) -> Iterator[Worker]:
    """A worker for the length of a block, gone at its end however it ends."""
    started = Worker(module, settings)
    try:
        yield started
    finally:
        if started.running():
            started.kill()


def eventually(what: Callable[[], bool], timeout_s: float = 90.0) -> None:
    """Return as soon as `what` holds; fail after `timeout_s`. A topic just made may have no leader at first."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with suppress(UnavailableError):
            if what():
                return
        time.sleep(0.05)
    raise AssertionError(f"not reached within {timeout_s} s")
