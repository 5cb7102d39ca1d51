"""The port that the three servers' adapters fill in, and what they share: start, wait until it answers, stop."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psutil

from domain.errors import UnavailableError
from runtime.embedded import process
from runtime.embedded.ports import remembered_ports


class Server(ABC):
    """One embedded server. Its data is in `<home>/NAME`, its log in `<home>/logs/NAME.log`."""

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[int] = signal.SIGTERM
    start_timeout_s: ClassVar[float] = 120.0
    stop_timeout_s: ClassVar[float] = 15.0

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / self.name
        self.log = home / "logs" / f"{self.name}.log"
        self.run = home / "run"
        self.ports: dict[str, int] = {}
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make what the first start needs (jars, initdb, configuration files). Safe to repeat."""

    @abstractmethod
    def argv(self) -> Sequence[str]:
        """The command line of the server, in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """It takes requests now, not only connections."""

    @abstractmethod
    def endpoints(self) -> dict[str, str]:
        """The settings' fields that point to this server."""

    def user(self) -> tuple[int, int] | None:
        """The user and group that it runs as; None: ours."""
        return None

    def env(self) -> Mapping[str, str] | None:
        return None

    def start(self) -> None:
        """Start, and wait until it answers. Raises UnavailableError with the end of its log."""
        if self.alive():
            return
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start without waiting. A leftover of an earlier start, whose supervisor was killed, is stopped first."""
        if (leftover := self.recorded()) is not None:
            process.stop(leftover, self.stop_timeout_s, self.stop_signal)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ports = self.ports or remembered_ports(self.folder / "ports.json", self.port_names)
        self.prepare()
        user, group = self.user() or (None, None)
        self._child = process.spawn(self.argv(), log=self.log, cwd=self.folder, env=self.env(), user=user, group=group)
        process.record(self.run, self.name, self._child.pid)

    def wait(self) -> None:
        """Until it answers, at most start_timeout_s."""
        deadline = time.monotonic() + self.start_timeout_s
        while not (listening(self.port) and self.answers()):
            if not self.alive():
                child, end = self._child, process.tail(self.log)
                code = child.returncode if child is not None else None
                raise UnavailableError(f"{self.name} ended with code {code}; end of {self.log}:\n{end}")
            if time.monotonic() > deadline:
                self.stop()
                raise UnavailableError(
                    f"{self.name} did not answer within {self.start_timeout_s:.0f} s; "
                    f"end of {self.log}:\n{process.tail(self.log)}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, then kill it. Nothing happens when it does not run."""
        running = self.recorded()
        if running is not None:
            process.stop(running, self.stop_timeout_s, self.stop_signal)
        if (child := self._child) is not None:
            child.wait()
            self._child = None
        process.forget(self.run, self.name)

    def alive(self) -> bool:
        """Our child runs (an earlier supervisor's does not count)."""
        child = self._child
        return child is not None and child.poll() is None

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None else None

    @property
    def port(self) -> int:
        return self.ports[self.port_names[0]]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}" if self.ports else ""

    def recorded(self) -> psutil.Process | None:
        """The process of the record in `<home>/run`, if it lives, whoever started it."""
        entry = process.recorded(self.run).get(self.name)
        return None if entry is None else entry.process()


def listening(port: int) -> bool:
    """Something takes connections on 127.0.0.1:port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
