"""A keeper is the thread that keeps one server or worker running: start, watch, and start again when it ends.

It waits before it starts again, longer each time, at most BACKOFF_S_MAX; a healthy minute makes it patient anew. It
never gives up. What does not answer its probe for SILENT_S_MAX is ended and started again; one that has just begun has
START_S_MAX until its first answer. A worker that says that trying again cannot help (runtime.endings) stays halted.
"""

from __future__ import annotations

import http.client
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from domain.errors import UnavailableError
from runtime import endings
from runtime.embedded import process
from runtime.embedded.server import Server

State = Literal["waiting", "starting", "running", "ready", "failed", "halted", "stopped"]
BACKOFF_S_MIN, BACKOFF_S_MAX = 0.2, 30.0
HEALTHY_S = 60.0
SILENT_S_MAX = 30.0
START_S_MAX = 120.0
WORKER_STOP_S = 10.0
_TICK_S = 0.1
_PROBE_S = 1.0
_PROBE_READY_S = 3.0


@dataclass
class Row:
    """What `tape status` shows of one server or worker. since: when it last started, seconds since 1970."""

    name: str
    kind: Literal["server", "worker"]
    state: State = "waiting"
    pid: int | None = None
    since: float | None = None
    restarts: int = 0
    address: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Keeper(ABC):
    """Keeps `row` true. say: called with one line for people whenever something happens."""

    def __init__(self, row: Row, say: Callable[[str], None]) -> None:
        self.row = row
        self._say = say
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper-{row.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the process, and this thread."""
        self._stopping.set()
        self._end()
        if self._thread.is_alive():
            self._thread.join(WORKER_STOP_S)
        self._end()
        self.row.state, self.row.pid = "stopped", None

    @abstractmethod
    def _begin(self) -> None:
        """Start the process. Raises UnavailableError."""

    @abstractmethod
    def _end(self) -> None:
        """Stop the process, if it runs."""

    @abstractmethod
    def _alive(self) -> bool: ...

    @abstractmethod
    def _probe(self) -> tuple[bool, bool]:
        """Whether it is alive in more than name, and whether it is ready for work."""

    @abstractmethod
    def _last_words(self) -> str:
        """How it ended, for people."""

    def _is_final(self) -> bool:
        """Whether the process ended with an error that starting it again would meet again."""
        return False

    def _keep(self) -> None:
        backoff_s = BACKOFF_S_MIN
        while not self._stopping.is_set():
            started = time.monotonic()
            self.row.state, self.row.note = "starting", ""
            try:
                self._begin()
                self._watch()
                words = self._last_words()
            except Exception as error:  # noqa: BLE001 -- a keeper outlives whatever it meets, and says what it was
                words = str(error) or type(error).__name__
            if self._stopping.is_set():
                return
            if self._is_final():
                self.row.state, self.row.pid, self.row.note = "halted", None, words.splitlines()[0]
                self._say(f"{self.row.name} is halted and will not be started again: {words}")
                return
            if time.monotonic() - started > HEALTHY_S:
                backoff_s = BACKOFF_S_MIN
            self.row.state, self.row.pid, self.row.note = "failed", None, words.splitlines()[0]
            self.row.restarts += 1
            self._say(f"{self.row.name} failed: {words}; starting it again in {backoff_s:.1f} s")
            self._stopping.wait(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    def _watch(self) -> None:
        """Until it ends. Probes it, and ends it when it is silent for too long."""
        self.row.since = time.time()
        probed = time.monotonic()
        patience_until = probed + START_S_MAX
        while self._alive() and not self._stopping.wait(_TICK_S):
            now = time.monotonic()
            if now - probed < (_PROBE_READY_S if self.row.state == "ready" else _PROBE_S):
                continue
            probed = now
            alive, ready = self._probe()
            if alive:
                patience_until = time.monotonic() + SILENT_S_MAX
                self._show("ready" if ready else "running")
            elif now > patience_until:
                self._end()
                raise UnavailableError("it did not answer for too long, so it was ended")

    def _show(self, state: State) -> None:
        if state != self.row.state:
            self.row.state = state
            if state == "ready":
                self._say(f"{self.row.name} is ready at {self.row.address} (process {self.row.pid})")


class ServerKeeper(Keeper):
    """Of an embedded server that was started before."""

    def __init__(self, server: Server, say: Callable[[str], None]) -> None:
        super().__init__(Row(server.name, "server"), say)
        self._server = server

    def _begin(self) -> None:
        self._server.start()
        self.row.pid, self.row.address = self._server.pid, self._server.address
        self._show("ready")

    def _end(self) -> None:
        self._server.stop()

    def _alive(self) -> bool:
        return self._server.alive()

    def _probe(self) -> tuple[bool, bool]:
        answers = self._server.answers()
        return answers, answers

    def _last_words(self) -> str:
        return f"it ended; end of {self._server.log}:\n{process.tail(self._server.log)}"


class WorkerKeeper(Keeper):
    """Of a worker: a process that answers /livez and /readyz on 127.0.0.1:port."""

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], home: Path, port: int, say: Callable[[str], None]
    ) -> None:
        super().__init__(Row(name, "worker", address=f"127.0.0.1:{port}"), say)
        self._argv, self._env, self._port = argv, env, port
        self._home, self._run, self._log = home, home / "run", home / "logs" / f"{name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    def _begin(self) -> None:
        child = process.spawn(self._argv, log=self._log, env=self._env)
        self._child, self.row.pid = child, child.pid
        process.record(self._run, self.row.name, child.pid)
        if self._stopping.is_set():  # stop() came between: it saw no child
            self._end()

    def _end(self) -> None:
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            process.stop(psutil.Process(child.pid), WORKER_STOP_S, signal.SIGTERM)
        child.wait()
        process.forget(self._run, self.row.name)

    def _alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _probe(self) -> tuple[bool, bool]:
        alive = _status(self._port, "/livez") == 200
        return alive, alive and _status(self._port, "/readyz") == 200

    def _is_final(self) -> bool:
        return self._child is not None and self._child.returncode == endings.HALTED

    def _last_words(self) -> str:
        code = None if self._child is None else self._child.returncode
        left = None if self._child is None else endings.reason(self._home, self.row.name, self._child.pid)
        if left is not None:
            return left
        how = f"ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        return f"{how}; end of {self._log}:\n{process.tail(self._log, lines=4)}"


def _status(port: int, path: str) -> int | None:
    """The HTTP status of a probe; None when there was no answer within 2 s."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
