"""Processes without the seconds of imports: forked from one that has imported everything and done nothing else.

A test run starts hundreds of workers, and most of the processors' time would go into importing the same libraries. A
child has the environment, the folder, the arguments and the output that it is given, dies of its own signals, and
shares nothing with the others but unwritten pages. `tape up`, and so its tests, start theirs the plain way.

`python -m tests.nursery MODULE…` takes a request per line on standard input, and gives a reply per line.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    *("aiokafka", "confluent_kafka.admin", "faust", "faust.transport.drivers.aiokafka", "msgspec", "yaml"),
    *("numpy", "prometheus_client", "psycopg", "psycopg_pool", "pydantic_settings", "redis.asyncio", "typer"),
    *("fastapi", "jwt", "pyarrow", "uvicorn", "opentelemetry.sdk.trace", "exchange_calendars", "talib", "xgboost"),
)
"""What the workers import of others."""
WORKERS = (
    *("runtime.cli", "streams.ledger.worker", "streams.transfers.worker", "streams.auditlog.worker"),
    *("streams.signals.worker", "streams.strategy.worker", "streams.feed.worker", "streams.marks.worker"),
    *("projections.worker", "execution.worker", "api.worker", "models.service.worker", "streams.backtests.worker"),
)


class Child:
    """A forked process, with what tests use of subprocess.Popen."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """To a process that lives, or is not yet asked about: its number is not given away before."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The other end, in the test run; started at once. modules: what it imports before it forks."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery", *modules],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # whose end, when the run is over, is the nursery's
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, target: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, session: bool = False
    ) -> Child:
        """A child that calls `module:function` with these arguments behind its name, and exits with what that gives.

        log: what it says is appended there. session: it leads one of its own.
        """
        return Child(
            self,
            self.ask(
                target=target, arguments=list(arguments), environment=dict(environment), log=str(log), session=session
            ),
        )

    def ask(self, **request: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            reply = self._process.stdout.readline()
        assert reply, f"the nursery is gone, with exit code {self._process.wait()}"
        return json.loads(reply)


@cache
def nursery(modules: Sequence[str] = (*LIBRARIES, *WORKERS)) -> Nursery:
    """The one of this process of the run that has these modules."""
    return Nursery(modules)


def main() -> None:
    for name in sys.argv[1:]:
        import_module(name)
    gc.collect()
    gc.freeze()  # what is there is never looked at again, and stays shared
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            found, status = os.waitpid(request["poll"], os.WNOHANG)
            reply = os.waitstatus_to_exitcode(status) if found else None
        elif reply := os.fork():
            pass
        else:
            _become(**request)
            return
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def _become(target: str, arguments: list[str], environment: dict[str, str], log: str, session: bool) -> None:
    """Leave everything behind that is the nursery's, and be the process that was asked for."""
    if session:
        os.setsid()
    nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number, descriptor in enumerate((nothing, output, output)):
        os.dup2(descriptor, number)
    os.closerange(3, max(nothing, output) + 1)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # the old one has read ahead
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [target, *arguments]
    module, _, function = target.partition(":")
    sys.exit(getattr(import_module(module), function)())


if __name__ == "__main__":
    main()
