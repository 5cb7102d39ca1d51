"""The stream's fan-out: from the commit of a batch to its receipt by each of 1,000 WebSocket clients on one process.

A projector's writer commits batches of one tick at a fixed rate; the `api` worker serves; the clients are a process of
their own. Beside it, in the same run, the `websockets` library broadcasts messages of the same bytes to such clients
from memory, without database, rights or subscriptions.

By itself: `python -m bench.stream --clients 1000 --rate 100`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.world import child, fresh, servers, worker
from domain.market import Tick
from projections.groups import GROUPS
from projections.runner import Runner
from projections.sources import NO_HEAD, Batch
from projections.ticks import Print
from runtime.clock import now_us
from runtime.embedded.ports import free_port
from runtime.settings import Settings

CLIENTS = 1_000
WARM_UP_S = 3.0


class Fanout(NamedTuple):
    """Milliseconds from commit (of the peer: from the call of broadcast) to receipt, over all messages and clients.

    told of expected: messages times clients. texts: in how many WebSocket messages they came. cpu_s: of the server.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    told: int
    expected: int
    texts: int
    cpu_s: float
    load: float


def run_round(settings: Settings, clients: int, per_second: int, seconds: float) -> dict[str, Fanout]:
    """Ours and the peer's, one after the other, each on a machine that does nothing else for us."""
    return {
        "tapeledger": _ours(settings, clients, per_second, seconds),
        "websockets broadcast": _peer(settings, clients, per_second, seconds),
    }


def _ours(settings: Settings, clients: int, per_second: int, seconds: float) -> Fanout:
    settings = settings.model_copy(
        update={
            "api_port": free_port(),
            "log_level": "WARNING",
            "stream_connections_per_user_max": clients,
            "stream_connections_max": clients,
        }
    )
    with child(settings, *worker("api")) as api:
        _await(f"http://127.0.0.1:{settings.api_port}/livez")
        with _clients(settings, settings.api_port, "/api/stream", clients) as told:
            _committed(settings, per_second, WARM_UP_S, 0)
            before = _cpu_s(api)
            left = _committed(settings, per_second, seconds, int(per_second * WARM_UP_S))
            spent = _cpu_s(api) - before
            time.sleep(2.0)
            return _measured(told, left, clients, spent)


def _peer(settings: Settings, clients: int, per_second: int, seconds: float) -> Fanout:
    port = free_port()
    with child(settings, "-m", "bench.stream_peer", str(port), str(per_second), str(seconds)) as peer:
        _line(peer)
        with _clients(settings, port, "/", clients) as told:
            before = _cpu_s(peer)
            _say(peer, "go")
            left = {int(number): at for number, at in json.loads(_line(peer)).items()}
            spent = _cpu_s(peer) - before
            time.sleep(2.0)
            return _measured(told, left, clients, spent)


@contextmanager
def _clients(settings: Settings, port: int, path: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """The clients' process, once all of them are connected."""
    with child(settings, "-m", "bench.stream_clients", str(port), path, str(count)) as process:
        if _line(process) != "ready":
            raise ConnectionError("not all clients could be connected, see bench.log")
        yield process


def _committed(settings: Settings, per_second: int, seconds: float, start: int) -> dict[int, float]:
    """Commit so many batches of one tick, on a schedule. Batch number -> when its commit returned (s since 1970)."""
    ticks = GROUPS[-1]
    runner, left = Runner(settings, ticks), dict[int, float]()
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        runner.progress = runner.load(connection, [0])
        begun = time.monotonic()
        for number in range(start, start + int(per_second * seconds)):
            time.sleep(max(0.0, begun + (number - start) / per_second - time.monotonic()))
            tick = Tick(symbol="AAPL", market_time_us=now_us(), price=Decimal("100.25"), volume=Decimal(100))
            runner.write(connection, Batch({0: (number + 1, NO_HEAD)}, [Print(0, number, tick)]))
            left[number + 1] = time.time()
    return left


def _measured(clients: subprocess.Popen[str], left: dict[int, float], count: int, cpu_s: float) -> Fanout:
    _say(clients, json.dumps(left))
    told = json.loads(_line(clients))
    if told["broken"]:
        raise ConnectionError(f"{told['broken']} clients lost their connection")
    figures = (told["p50_ms"], told["p95_ms"], told["p99_ms"], told["told"])
    return Fanout(*figures, len(left) * count, told["texts"], cpu_s, os.getloadavg()[0])


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None, "bench.world.child gives a pipe"
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None, "bench.world.child gives a pipe"
    return process.stdout.readline().strip()


def _cpu_s(process: subprocess.Popen[str]) -> float:
    return float(sum(psutil.Process(process.pid).cpu_times()[:2]))


def _await(url: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {url}")


def show(console: Console, rounds: dict[str, Fanout], clients: int, per_second: int) -> None:
    title = f"Fan-out to {clients:,} clients, {per_second} batches/s"
    table = Table("server", "p50", "p95", "p99", "told of", "in messages", "CPU of the server", "load", title=title)
    for name, one in rounds.items():
        times = [f"{value:,.1f} ms" for value in (one.p50_ms, one.p95_ms, one.p99_ms)]
        told = f"{one.told:,} of {one.expected:,}"
        table.add_row(name, *times, told, f"{one.texts:,}", f"{one.cpu_s:.1f} s", f"{one.load:.1f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--rate", type=int, default=100, help="batches committed per second")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with servers() as base:
        rounds = run_round(fresh(base), options.clients, options.rate, options.seconds)
    show(Console(), rounds, options.clients, options.rate)


if __name__ == "__main__":
    main()
