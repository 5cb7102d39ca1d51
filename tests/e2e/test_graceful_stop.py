"""SIGTERM ends every worker with exit code 0 in bounded time, and loses nothing: under load, and with servers away.

Method: real processes of all workers. What was acknowledged before the stop is looked up on the tape after the
restart by its place on the log, which the event that answers it names.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from projections.migrate import migrate
from projections.roles import ensure_backtests, ensure_projector, ensure_reader
from runtime.embedded.ports import free_port
from runtime.embedded.servers import EmbeddedServers
from runtime.parts import WORKERS
from runtime.settings import Settings
from streams import codec
from streams.tape import Chain, read_range
from streams.topics import apply
from tests.keys import KEYS, ROOT
from tests.workers import Worker, eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
ALL = {name: module for name, module in WORKERS.items() if name != "inference"}
"""The inference service is left out where all have to be ready: it is, once there is a model."""
CLOSED = "127.0.0.1:1"  # nobody listens on port 1 (tcpmux)
ACCOUNTS = [f"acc_{number}" for number in range(8)]


def own_ports(settings: Settings) -> Settings:
    """The same ledger for one more process."""
    return settings.model_copy(update={"worker_port": free_port(), "model_service_port": 0})


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def all_workers(settings: Settings) -> Iterator[dict[str, Worker]]:
    """All of them, when they are ready."""
    with ExitStack() as stack:
        started, ports = {}, {}
        for name, module in ALL.items():
            mine = own_ports(settings)
            ports[name] = mine.worker_port
            started[name] = stack.enter_context(worker(mine, module))
        for name, port in ports.items():
            eventually(lambda port=port: answers(port, "/readyz"), f"{name} is ready", 120)
        yield started


def stop_all(workers: dict[str, Worker]) -> dict[str, int]:
    """SIGTERM to all at once, and their exit codes. Fails when one takes longer than 15 s."""
    for each in workers.values():
        each.process.send_signal(signal.SIGTERM)
    return {name: each.process.wait(15) for name, each in workers.items()}


@pytest.mark.parametrize("name", WORKERS)
def test_it_stops_while_it_waits_for_servers(name: str, tmp_path: Path) -> None:
    """A worker that has never seen a server is told to stop."""
    settings = Settings(
        _env_file=None,
        tape_home=tmp_path,
        kafka_bootstrap_servers=CLOSED,
        database_url=f"postgresql://owner@{CLOSED}/tape",
        database_reader_url=f"postgresql://tape_reader@{CLOSED}/tape",
        redis_url=f"redis://{CLOSED}/0",
        api_port=0,
        model_service_port=0,
        worker_port=free_port(),
    )
    with worker(settings, WORKERS[name]) as process:
        eventually(lambda: answers(settings.worker_port, "/livez"), f"{name} is alive")

        assert process.stop() == 0, process.log.read_text()[-2_000:]


class Client:
    """Posts orders as fast as they are answered, until told to stop. taken: the places of those answered 202."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, headers=ROOT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.taken: list[tuple[int, int]] = []

    def open_accounts(self) -> None:
        for account in ACCOUNTS:
            self._note(self._http.post("/api/accounts", json={"account_id": account, "owner": "Ada"}))
            cash = {"amount": "1000000.00"}
            key = {"Idempotency-Key": f"d-{account}"}
            self._note(self._http.post(f"/api/accounts/{account}/deposits", json=cash, headers=key))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._http.close()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            order = {
                "account_id": ACCOUNTS[number % len(ACCOUNTS)],
                "client_order_id": f"c-{number}",
                "symbol": "AAPL",
                "side": "BUY",
                "order_type": "LIMIT",
                "quantity": "1",
                "limit_price": "10.00",
            }
            number += 1
            try:
                self._note(self._http.post("/api/orders", json=order))
            except httpx.TransportError:
                return  # the API has gone

    def _note(self, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            place = answer.json()["position"]
            self.taken.append((place["partition"], place["offset"]))


def answered(settings: Settings) -> Counter[tuple[int, int]]:
    """How many live events answer each place of trading.commands, by a fresh reader."""
    topic = settings.topic("ledger.events")
    found: Counter[tuple[int, int]] = Counter()
    for partition in range(settings.partitions):
        chain = Chain(topic, partition)
        for record in read_range(settings, topic, partition):
            cause = codec.cause_of(record.headers)
            if chain.accept(record) and cause is not None and cause.topic == "trading.commands":
                found[cause.partition, cause.offset] += 1
    return found


def test_all_stop_under_load_and_nothing_is_lost(ledger_settings: Settings) -> None:
    """Ticks and orders come in while all are told to stop at once; after the restart each command has one answer."""
    settings = ledger_settings.model_copy(
        update={"api_port": free_port(), "feed_from": date(2011, 1, 1), "feed_speed": 10.0 * 24 * 3600}
    )
    client = Client(settings.api_port)
    with all_workers(settings) as workers:
        client.open_accounts()
        client.start()
        eventually(lambda: len(client.taken) > 150, "orders are taken")
        codes = stop_all(workers)
    client.stop()

    assert codes == dict.fromkeys(ALL, 0), {
        name: workers[name].log.read_text()[-1_500:] for name, code in codes.items() if code
    }
    with worker(own_ports(settings), ALL["ledger"]) as ledger:
        eventually(lambda: set(client.taken) <= answered(settings).keys(), "every command that was taken is decided")
        assert ledger.stop() == 0
    counts = answered(settings)
    assert {place: counts[place] for place in client.taken} == dict.fromkeys(client.taken, 1)


def test_all_stop_while_every_server_is_away() -> None:
    """The servers die under working workers, which are then told to stop: none waits for what does not come."""
    with tempfile.TemporaryDirectory(prefix="tape-tests-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own under root
        servers = stack.enter_context(EmbeddedServers(Path(folder)))
        addresses: dict[str, Any] = servers.endpoints()
        settings = Settings(
            _env_file=None,
            tape_home=Path(folder),
            api_port=free_port(),
            feed_speed=10.0 * 24 * 3600,
            **KEYS,
            **addresses,
        )
        apply(settings)
        migrate(settings.database_url)
        ensure_projector(settings)
        ensure_reader(settings)
        ensure_backtests(settings)
        client = Client(settings.api_port)
        workers = stack.enter_context(all_workers(settings))
        client.open_accounts()
        client.start()
        eventually(lambda: len(client.taken) > 30, "orders are taken")
        for server in servers.all.values():
            process = server.recorded()
            assert process is not None
            process.kill()

        codes = stop_all(workers)
        client.stop()

        assert codes == dict.fromkeys(ALL, 0), {
            name: workers[name].log.read_text()[-1_500:] for name, code in codes.items() if code
        }
