"""The servers and workers of one run, and everything that can be done to them.

Servers are the embedded ones, Kafka and PostgreSQL on small file systems of their own where that is possible (root).
Workers are processes of tests.faults.child; each reaches the servers through wires. What dies is started again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from domain.errors import UnavailableError
from runtime.embedded import process
from runtime.embedded.kafka import Kafka
from runtime.embedded.ports import free_port
from runtime.embedded.servers import EmbeddedServers
from runtime.settings import Settings
from tests.faults.child import STOPPED
from tests.faults.clock import ClockOffset
from tests.faults.exchange import Exchange, VenueOrder
from tests.faults.paper_record import recorded
from tests.faults.wires import Background, Wire
from tests.keys import KEYS
from tests.nursery import LIBRARIES, Child, nursery

Venue = Literal["exchange", "paper", "shared"]
"""shared: the paper venue, whose orders compete for the ticks of their symbol."""
MODULES = {
    "ledger-1": "streams.ledger.worker",
    "ledger-2": "streams.ledger.worker",
    "engine-1": "execution.worker",
    "engine-2": "execution.worker",
    "projector-1": "projections.worker",
    "projector-2": "projections.worker",
    "api": "api.worker",
}
LISTENERS = {"kafka-ledger-1": "LEDGERONE", "kafka-ledger-2": "LEDGERTWO", "kafka-rest": "REST"}
DISKS_MIB = {"kafka": 400, "postgres": 600}
AGAIN_S = 0.3
STOP_S = 10.0


class Ended(NamedTuple):
    """A worker that ended by itself. words: its last error, empty when it left none. killed: by us, on purpose."""

    name: str
    code: int
    words: str


class WiredKafka(Kafka):
    """Kafka with a listener for each wire; what it tells clients of itself leads through the wire again."""

    port_names: ClassVar[tuple[str, ...]] = (*Kafka.port_names, *LISTENERS)
    wire_ports: ClassVar[dict[str, int]] = {}

    def prepare(self) -> None:
        super().prepare()
        own = {name: f"{LISTENERS[name]}://127.0.0.1:{self.ports[name]}" for name in LISTENERS}
        told = {name: f"{LISTENERS[name]}://127.0.0.1:{self.wire_ports[name]}" for name in LISTENERS}
        more = {
            "listeners": ",".join(own.values()),
            "advertised.listeners": ",".join(told.values()),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in LISTENERS.values()),
        }
        lines = self._properties.read_text().splitlines()
        for number, line in enumerate(lines):
            name = line.partition("=")[0]
            if name in more:
                lines[number] = f"{line},{more[name]}"
        self._properties.write_text("\n".join(lines) + "\n")


class House:
    """One ledger. `settings` are those of a client that no fault touches; `ended` is what ended by itself."""

    def __init__(self, home: Path, seed: int, plant: str = "", venue: Venue = "exchange") -> None:
        self.home, self.plant, self.venue = home, plant, venue
        self.ended: list[Ended] = []
        self.restarts: dict[str, int] = dict.fromkeys(MODULES, 0)
        self.background = Background()
        self.exchange = Exchange(self.background, seed)
        self.clocks = {name: ClockOffset(home / f"{name}.clock") for name in MODULES}
        self.wires: dict[str, Wire] = {}
        self._servers = EmbeddedServers(home)
        self._mounted: list[Path] = []
        self._children: dict[str, Child] = {}
        self._down: set[str] = set()
        self._closing = threading.Event()
        self._tenders: list[threading.Thread] = []
        self._visitors = 0

    @property
    def disks(self) -> bool:
        """Whether disks can be filled here."""
        return bool(self._mounted)

    # Beginning and end

    def open(self) -> None:
        """Start servers, make topics and tables, start workers."""
        from projections.migrate import migrate
        from projections.roles import ensure_backtests, ensure_projector, ensure_reader
        from streams.topics import apply

        self._servers.acquire()
        for name in LISTENERS:  # they listen before servers choose their ports, so that none chooses theirs
            self.wires[name] = Wire(self.background, name, free_port())
        WiredKafka.wire_ports = {name: self.wires[name].port for name in LISTENERS}
        self._servers.all["kafka"] = WiredKafka(self._servers.home)
        self._mount()
        self._servers.start()
        for name in LISTENERS:
            self.wires[name].target = self._servers.all["kafka"].ports[name]
        for name in ("postgres", "valkey"):
            self.wires[name] = Wire(self.background, name, free_port(), self._servers.all[name].port)
        self.wires["exchange"] = Wire(self.background, "exchange", free_port(), self.exchange.port)
        addresses: dict[str, Any] = self._servers.endpoints()
        self.settings = Settings(
            _env_file=None,
            tape_home=self.home,
            api_port=free_port(),
            session_timeout_ms=2_000,
            claim_idle_ms=1_500,
            redispatch_after_ms=1_500,
            api_kafka_timeout_ms=2_000,
            snapshot_every_records=100,
            paper_shared_liquidity=self.venue == "shared",
            **KEYS,
            **addresses,
        )
        apply(self.settings)
        migrate(self.settings.database_url)
        ensure_projector(self.settings)
        ensure_reader(self.settings)
        ensure_backtests(self.settings)
        for name in MODULES:
            self._start(name)
        self._tenders = [threading.Thread(target=self._tend_server, args=(name,)) for name in self._servers.all]
        self._tenders.append(threading.Thread(target=self._tend_workers))
        for tender in self._tenders:
            tender.start()

    def close(self) -> None:
        """Stop everything, workers as SIGTERM does. Safe to repeat."""
        if self._closing.is_set():
            return
        self._closing.set()
        for tender in self._tenders:
            tender.join()
        for child in self._children.values():
            child.send_signal(signal.SIGCONT)
            child.terminate()
        deadline = time.monotonic() + STOP_S
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
            child.kill()
            child.wait()
        self._servers.stop()
        for folder in self._mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
        self.background.stop()

    def _mount(self) -> None:
        if os.geteuid() != 0:
            return
        for name, size_mib in DISKS_MIB.items():
            folder = self._servers.home / name
            folder.mkdir(parents=True, exist_ok=True)
            argv = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=755", "tmpfs", str(folder)]
            if subprocess.run(argv, check=False, capture_output=True).returncode == 0:
                self._mounted.append(folder)

    # Workers

    def venue_record(self, booked: Mapping[str, Decimal]) -> dict[str, VenueOrder]:
        """The venue's own record, by order id; `booked`: the executions that the ledger took, and their quantities."""
        if self.venue == "exchange":
            return self.exchange.orders
        return recorded(self.home, booked, shared=self.venue == "shared")

    def log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _start(self, name: str, module: str | None = None) -> None:
        module = module or MODULES[name]
        settings = self._through_wires(name)
        clock = self.clocks.get(name) or self.clocks["ledger-1"]
        own = {
            "FAULTS_CLOCK": str(clock.path),
            "FAULTS_PLANT": self.plant,
            "FAULTS_EXCHANGE": str(self.wires["exchange"].port) if self.venue == "exchange" else "",
            "FAULTS_PAPER": str(self.home / f"{name}.paper"),
        }
        self.log(name).parent.mkdir(exist_ok=True)
        self._children[name] = nursery(LIBRARIES).start(
            "tests.faults.child:main",
            [module],
            {**os.environ, **settings.environ(), **own},
            self.log(name),
            session=True,
        )
        process.record(
            self.home / "run", name, self._children[name].pid
        )  # so that the guard ends it should we be killed

    def _through_wires(self, name: str) -> Settings:
        kafka = self.wires.get(f"kafka-{name}", self.wires["kafka-rest"])
        return self.settings.model_copy(
            update={
                "kafka_bootstrap_servers": f"127.0.0.1:{kafka.port}",
                "database_url": _rewired(self.settings.database_url, self.wires["postgres"]),
                "database_projector_url": _rewired(self.settings.database_projector_url, self.wires["postgres"]),
                "database_reader_url": _rewired(self.settings.database_reader_url, self.wires["postgres"]),
                "database_backtests_url": _rewired(self.settings.database_backtests_url, self.wires["postgres"]),
                "redis_url": _rewired(self.settings.redis_url, self.wires["valkey"]),
                "worker_instance": name if name.startswith("ledger") else "",
                "service_name": name,
            }
        )

    def kill(self, name: str) -> None:
        """SIGKILL; the tender starts it again."""
        self._children[name].kill()

    def freeze(self, name: str) -> None:
        self._children[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._children[name].send_signal(signal.SIGCONT)

    def invite(self, count: int) -> list[str]:
        """So many more ledger workers join the group; their names."""
        names = [f"visitor-{self._visitors + number}" for number in range(1, count + 1)]
        self._visitors += count
        for name in names:
            self._start(name, MODULES["ledger-1"])
        return names

    def dismiss(self, names: Iterable[str]) -> None:
        """Kill visitors."""
        for name in names:
            self._children[name].kill()

    # Servers

    def kill_server(self, name: str) -> None:
        """SIGKILL, and down until `start_server`."""
        self._down.add(name)
        pid = self._servers.all[name].pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_server(self, name: str) -> None:
        self._down.discard(name)

    def fill_disk(self, name: str) -> None:
        """Take all that is left of the server's file system."""
        folder = self._servers.home / name
        free = os.statvfs(folder)
        with (folder / "filler").open("wb") as filler, contextlib.suppress(OSError):
            os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_frsize)

    def free_disk(self, name: str) -> None:
        (self._servers.home / name / "filler").unlink(missing_ok=True)

    def all_up(self) -> bool:
        """Every server answers and every worker's process runs."""
        servers = all(server.alive() and server.answers() for server in self._servers.all.values())
        return servers and all(self._children[name].poll() is None for name in MODULES)

    # The tenders: what has ended is started again, and that is waited for by nobody

    def _tend_server(self, name: str) -> None:
        server = self._servers.all[name]
        while not self._closing.wait(AGAIN_S):
            if name not in self._down and not server.alive():
                with contextlib.suppress(UnavailableError, OSError, subprocess.SubprocessError):
                    server.start()  # a full disk may prevent it: the next round tries again

    def _tend_workers(self) -> None:
        while not self._closing.wait(AGAIN_S):
            for name in MODULES:
                self._tend_worker(name)

    def _tend_worker(self, name: str) -> None:
        code = self._children[name].poll()
        if code is None:
            return
        if code != -signal.SIGKILL:
            self.ended.append(Ended(name, code, self._last_words(name)))
        self.restarts[name] += 1
        self._start(name)

    def _last_words(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()[-80:]
        told = [line for line in lines if STOPPED in line or "Error" in line] or [line for line in lines if line]
        return told[-1][-600:] if told else ""


def _rewired(url: str, wire: Wire) -> str:
    parts = urlsplit(url)
    who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{who}127.0.0.1:{wire.port}"))
