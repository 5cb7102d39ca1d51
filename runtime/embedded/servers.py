"""All three servers of one home."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TextIO

import psutil

from domain.errors import UnavailableError
from runtime.embedded import guard, process
from runtime.embedded.kafka import Kafka
from runtime.embedded.postgres import Postgres
from runtime.embedded.server import Server
from runtime.embedded.valkey import Valkey


class HomeInUse(UnavailableError):
    """Another process owns the home."""


KINDS: tuple[type[Server], ...] = (Kafka, Postgres, Valkey)
_NEEDED_FOR = {"kafka": "kafka_bootstrap_servers", "postgres": "database_url", "valkey": "redis_url"}


class EmbeddedServers:
    """Starts the servers whose addresses are not `given`, in parallel, and stops them at the end.

    A home is one process's at a time. A guard process, which sees our end even when we are killed, stops what we left
    running. Attributes: `home`, and `all`, the servers by name.
    """

    def __init__(self, home: Path, given: Collection[str] = ()) -> None:
        self.home = home.absolute()
        kinds = [kind for kind in KINDS if _NEEDED_FOR[kind.name] not in given]
        self.all: dict[str, Server] = {kind.name: kind(self.home) for kind in kinds}
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock: TextIO | None = None

    def acquire(self) -> None:
        """Make the home ours, and end what an earlier owner left running in it.

        Raises HomeInUse when another process owns it.
        """
        if self._lock is not None:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        lock = (self.home / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise HomeInUse(f"{self.home} is in use by {_owner(self.home)}") from error
        self._lock = lock
        process.record(self.home / "run", "owner", os.getpid())
        guard.take_over(self.home)

    def start(self) -> None:
        """Start all, and wait until each answers. Raises UnavailableError; then none is left running."""
        self.acquire()
        self.guard()
        try:
            with ThreadPoolExecutor(max_workers=len(KINDS)) as pool:
                for started in [pool.submit(server.start) for server in self.all.values()]:
                    started.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all, in parallel, and give the home free. Nothing happens when the home is not ours."""
        if self._lock is None:
            return
        with ThreadPoolExecutor(max_workers=len(KINDS)) as pool:
            for stopped in [pool.submit(server.stop) for server in self.all.values()]:
                stopped.result()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None
        process.forget(self.home / "run", "guard")
        process.forget(self.home / "run", "owner")
        self._lock.close()
        self._lock = None

    def guard(self) -> None:
        """Start the guard, unless it runs: it reads a pipe whose other end is ours alone and so closes when we end."""
        if self._guard is None or self._guard.poll() is not None:
            log = self.home / "logs" / "guard.log"
            log.parent.mkdir(exist_ok=True)
            with log.open("ab") as output:
                self._guard = subprocess.Popen(
                    [sys.executable, "-m", "runtime.embedded.guard", str(self.home)],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    cwd=Path(__file__).parents[2],
                    start_new_session=True,
                )
            process.record(self.home / "run", "guard", self._guard.pid)

    def endpoints(self) -> dict[str, str]:
        """The settings' fields that point to the started servers."""
        found: dict[str, str] = {}
        for server in self.all.values():
            found.update(server.endpoints())
        return found

    def __enter__(self) -> EmbeddedServers:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def owner(home: Path) -> psutil.Process | None:
    """The process that owns this home now."""
    entry = process.recorded(home / "run").get("owner")
    return None if entry is None else entry.process()


def _owner(home: Path) -> str:
    found = owner(home)
    return "another process" if found is None else f"process {found.pid}"
