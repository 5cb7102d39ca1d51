"""The supervisor: the process behind `tape up`. It owns a home, starts its servers and workers, and keeps them running.

What it does is in `<home>`: endpoints.json (addresses, read by runtime.settings), secrets.json (the API's own keys, see
runtime.secrets), status.json (for `tape status`), run/ (processes), logs/, and the servers' data. Order: servers,
topics and migrations, workers; down in reverse.

Boundaries: one machine. Elsewhere a container platform does this, with the same probes.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from domain.errors import UnavailableError
from runtime import secrets
from runtime.embedded import process
from runtime.embedded.ports import remembered_ports
from runtime.embedded.servers import EmbeddedServers, HomeInUse
from runtime.keepers import Keeper, Row, ServerKeeper, WorkerKeeper
from runtime.settings import Settings, with_secrets

SERVER_FIELDS = (
    *("kafka_bootstrap_servers", "redis_url"),
    *("database_url", "database_projector_url", "database_reader_url", "database_backtests_url"),
)
_STATUS_EVERY_S = 1.0

Prepare = Callable[[Settings], Mapping[str, str]]


class Supervisor:
    """Servers and workers of one home.

    workers: name -> command line; each gets all settings in its environment, with a WORKER_PORT and WORKER_INSTANCE of
    its own.
    prepare: called once when the servers answer, with settings that hold their addresses; makes topics and tables, and
    returns further settings for endpoints.json. say: called with one line for people whenever something happens.
    """

    def __init__(
        self, settings: Settings, workers: Mapping[str, Sequence[str]], prepare: Prepare, say: Callable[[str], None]
    ) -> None:
        self.home = settings.tape_home.absolute()
        self.settings = settings
        self._given = {name: getattr(settings, name) for name in SERVER_FIELDS if getattr(settings, name)}
        self._servers = EmbeddedServers(self.home, self._given)
        self._argv = workers
        self._prepare = prepare
        self._say = say
        self._keepers: list[Keeper] = []
        self._workers: dict[str, WorkerKeeper] = {}
        self._stop_wanted = threading.Event()
        self._status_thread = threading.Thread(target=self._write_status, name="status", daemon=True)
        self._phase = "starting"

    def acquire(self) -> None:
        """Make the home ours; `start` does it too. Raises HomeInUse."""
        try:
            self._servers.acquire()
        except HomeInUse as error:
            raise HomeInUse(f"{error}; `tape status` shows it, `tape down` ends it") from error

    def start(self) -> Settings:
        """Start all, and give the settings with the servers' addresses. Returns when the servers answer, topics and
        tables are there, and the workers' processes are started.

        Raises HomeInUse when another process owns the home, UnavailableError when a server does not start; then nothing
        is left running.
        """
        self.acquire()
        try:
            self._status_thread.start()
            self._start_servers()
            self._start_workers()
        except BaseException:
            self.stop()
            raise
        self._phase = "running"
        return self.settings

    def _start_servers(self) -> None:
        if self._servers.all:
            self._say(f"starting {', '.join(self._servers.all)} in {self.home}")
        self._servers.start()
        self._keepers = [ServerKeeper(server, self._say) for server in self._servers.all.values()]
        for keeper in self._keepers:
            keeper.start()
        addresses = self._servers.endpoints()
        self.settings = self.settings.model_copy(update={**addresses, **self._given})
        secrets.ensure(self.home)
        self._say(f"the API's root key is in {secrets.path(self.home)}; `tape access root-key` prints it")
        self.settings = with_secrets(self.settings)
        more = self._prepare(self.settings)
        self.settings = self.settings.model_copy(update=dict(more))
        process.write_atomically(self.home / "endpoints.json", json.dumps({**addresses, **more}, indent=2), 0o600)

    def _start_workers(self) -> None:
        for name, argv in self._argv.items():
            self.start_worker(name, argv)

    def run(self) -> None:
        """Keep on until `request_stop`, then stop."""
        try:
            while not self._stop_wanted.wait(_STATUS_EVERY_S):
                self._servers.guard()
                self._obey()
        finally:
            self.stop()

    def request_stop(self) -> None:
        """Safe in a signal handler."""
        self._stop_wanted.set()

    def stop(self) -> None:
        """Stop the workers, then the servers, in at most about 30 s. The home is free afterwards. Safe to repeat."""
        self._stop_wanted.set()
        if self._phase == "stopped":
            return
        self._phase = "stopping"
        for group in (list(self._workers.values()), self._keepers):
            with ThreadPoolExecutor(max_workers=max(1, len(group))) as pool:
                for stopped in [pool.submit(keeper.stop) for keeper in group]:
                    stopped.result()
        self._phase = "stopped"
        (self.home / "endpoints.json").unlink(missing_ok=True)
        self._save_status()
        self._servers.stop()

    def stop_worker(self, name: str) -> None:
        """Stop one worker and keep it stopped."""
        self._workers[name].stop()

    def start_worker(self, name: str, argv: Sequence[str]) -> None:
        """Start a worker, and keep it running from now on."""
        port = remembered_ports(self.home / "worker-ports.json", [name])[name]
        own = {"tape_home": self.home, "worker_port": port, "worker_instance": name}
        env = {**os.environ, **self.settings.model_copy(update=own).environ()}
        self._workers[name] = WorkerKeeper(name, argv, env, self.home, port, self._say)
        self._workers[name].start()

    def restart_worker(self, name: str) -> None:
        """Stop a worker and start it again, whatever state it is in."""
        self._say(f"{name} is to be started again")
        self.stop_worker(name)
        self.start_worker(name, self._argv[name])

    def _obey(self) -> None:
        """Do what `tape restart` has asked for."""
        for name in list(self._workers):
            asked = _request(self.home, name)
            if asked.exists():
                asked.unlink(missing_ok=True)
                self.restart_worker(name)

    def rows(self) -> list[Row]:
        return [keeper.row for keeper in (*self._keepers, *self._workers.values())]

    def wait_ready(self, timeout_s: float, names: Sequence[str] | None = None) -> None:
        """Until these are ready (all by default).

        Raises UnavailableError that says which are not, and why; at once when one is halted.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            late = [row for row in self.rows() if (names is None or row.name in names) and row.state != "ready"]
            if not late:
                return
            halted = any(row.state == "halted" for row in late)
            if halted or time.monotonic() > deadline or self._stop_wanted.is_set():
                state = ", ".join(f"{row.name} is {row.state}" + (f" ({row.note})" if row.note else "") for row in late)
                wait = "and never will be" if halted else f"after {timeout_s:.0f} s"
                raise UnavailableError(f"not ready {wait}: {state}; logs are in {self.home / 'logs'}")
            time.sleep(0.05)

    def _write_status(self) -> None:
        while self._phase != "stopped":
            with contextlib.suppress(OSError):  # a full disk must not end it: the next second may do better
                self._save_status()
            time.sleep(_STATUS_EVERY_S)

    def _save_status(self) -> None:
        status = {"pid": os.getpid(), "phase": self._phase, "rows": [row.as_dict() for row in self.rows()]}
        process.write_atomically(self.home / "status.json", json.dumps(status), durable=False)


def ask_restart(home: Path, name: str) -> None:
    """Ask the supervisor of a home to start one of its workers again; it does so within about a second."""
    process.write_atomically(_request(home, name), "", durable=False)


def _request(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.restart"


def read_status(home: Path) -> dict[str, Any]:
    """The last status that a supervisor of this home wrote; an empty one where there is none."""
    try:
        found: dict[str, Any] = json.loads((home / "status.json").read_text())
    except FileNotFoundError:
        return {"pid": None, "phase": "stopped", "rows": []}
    return found
