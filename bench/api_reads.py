"""Reads over HTTP at a fixed rate, with a million orders and ten million ticks in the database, beside two peers.

The API answers a mixture of reads. The peers answer its commonest one, a page of an account's orders: a bare FastAPI
endpoint with the very same statement at the same rate, and that statement by itself on one psycopg connection.
The rows are made by SQL; nothing else runs but PostgreSQL, the API and its client.

By itself: `python -m bench.api_reads --orders 1000000 --ticks 10000000 --rates 200 500 --replicas 2`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, cast

import psutil
import psycopg
from psycopg.rows import dict_row
from rich.console import Console

from api.query import orders_sql
from api.query.database import Rows, Snapshot
from api.query.filters import OrderFilters
from bench.http_load import Answered, Load
from bench.http_load import run as put
from bench.world import ROOT, child, fresh, servers, wait_for_answer, worker
from runtime.clients import postgres
from runtime.embedded.ports import free_port
from runtime.settings import Settings

ACCOUNTS = 1_000
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
WARM_UP_S = 5.0
_SYMBOLS = f"array{list(SYMBOLS)!r}"
_SEED = f"""
insert into accounts
    (account_id, owner, currency, lot_method, fee_bps, opened_at, version, updated_at, partition, record_offset)
select 'acc_' || n, 'bench', 'USD', 'FIFO', 1, timestamptz '2011-01-03Z', 1000, timestamptz '2011-12-30Z', n % 4, n
from generate_series(0, {ACCOUNTS - 1}) n;
insert into balances (account_id, book_account, commodity, amount)
select 'acc_' || n, book, 'USD', case book when 'external' then -100000 else 50000 end
from generate_series(0, {ACCOUNTS - 1}) n, unnest(array['cash', 'hold', 'external']) book;
insert into positions (account_id, symbol, quantity, held_quantity, cost, realized_pnl, fees)
select 'acc_' || n, symbol, 100, 0, 4500, 12.5, 1
from generate_series(0, {ACCOUNTS - 1}) n, unnest({_SYMBOLS}) symbol;
insert into lots (account_id, symbol, lot_id, quantity, cost, opened_at)
select account_id, symbol, 'exe_' || n, 20, 900, timestamptz '2011-06-01Z' + n * interval '1 day'
from positions, generate_series(1, 5) n;
insert into portfolio_values (account_id, market_time, cash, positions_value, equity)
select 'acc_' || n, timestamptz '2011-01-03 21:00Z' + day * interval '1 day', 50000, 50000 + day, 100000 + day
from generate_series(0, {ACCOUNTS - 1}) n, generate_series(0, 250) day;
"""
_ORDERS = f"""
insert into orders (order_id, account_id, client_order_id, symbol, side, order_type, quantity, limit_price, status,
    filled_quantity, leaves_quantity, filled_value, fees, hold_cash, hold_quantity, submitted_at, updated_at, version,
    partition, record_offset)
select 'ord_' || md5(n::text), 'acc_' || n %% {ACCOUNTS}, 'order-' || n,
    ({_SYMBOLS})[1 + n / {ACCOUNTS} %% {len(SYMBOLS)}], case n %% 2 when 0 then 'BUY' else 'SELL' end, 'LIMIT', 10,
    45.10, status, filled, case status when 'NEW' then 10 else 0 end, filled * 45.10, 0.05, 0, 0,
    submitted_at, submitted_at + interval '1 minute', n, n %% 4, n
from generate_series(0, %(orders)s - 1) n
cross join lateral (
    select case n %% 10 when 0 then 'CANCELED' when 1 then 'NEW' else 'FILLED' end as status,
        case when n %% 10 < 2 then 0 else 10 end as filled,
        timestamptz '2011-01-03 14:30Z' + n * interval '25 seconds' as submitted_at) made
"""
_TICKS = f"""
insert into ticks (symbol, market_time, price, volume, closes_bar, partition, tick_offset)
select ({_SYMBOLS})[1 + n %% {len(SYMBOLS)}], timestamptz '2011-01-03 14:30Z' + n * interval '3 seconds',
    40 + (n %% 1000) * 0.01, 100, n %% 1000 < {len(SYMBOLS)}, n %% 4, n
from generate_series(0::bigint, %(ticks)s - 1) n
"""


class Round(NamedTuple):
    """reads: of the mixture; page: of one page of orders; bare: of the bare endpoint. cpu_ms: milliseconds of CPU of
    the server's processes a request.
    """

    rate: int
    reads: Answered
    page: Answered
    bare: Answered
    reads_cpu_ms: float
    page_cpu_ms: float
    bare_cpu_ms: float


class Figures(NamedTuple):
    """rounds: by rate. query_ms: p50 and p95 of the page's statement alone. replicas: API processes, and bare ones."""

    rounds: list[Round]
    query_ms: tuple[float, float]
    replicas: int


def run(base: Settings, orders: int, ticks: int, rates: Sequence[int], seconds: float, replicas: int) -> Figures:
    """Each rate in turn: the API's mixture, its pages, the bare endpoint's pages."""
    settings = fresh(base).model_copy(update={"log_level": "WARNING"})
    _seed(settings, orders, ticks)
    statement, parameters = _page()
    given = {"url": settings.database_reader_url, "statement": statement, "parameters": parameters}
    with _apis(settings, replicas) as ours, ExitStack() as stack:
        bare = Service(*zip(*(stack.enter_context(bare_endpoint(given)) for _ in range(replicas)), strict=True))
        rounds = []
        for rate in rates:
            load = Load([], headers(settings), [], rate, WARM_UP_S, seconds)
            reads, reads_cpu_ms = ours.put(load._replace(requests=_mixture(orders)))
            page, page_cpu_ms = ours.put(load._replace(requests=_pages()))
            peer, bare_cpu_ms = bare.put(load._replace(requests=_bare_pages(), headers={}))
            rounds.append(Round(rate, reads, page, peer, reads_cpu_ms, page_cpu_ms, bare_cpu_ms))
    return Figures(rounds, _alone(settings, statement, parameters, int(seconds * 20)), replicas)


class Service(NamedTuple):
    """Processes that serve the same."""

    bases: Sequence[str]
    pids: Sequence[int]

    def put(self, load: Load) -> tuple[Answered, float]:
        """What came of a load, and milliseconds of CPU a request."""
        before = sum(map(cpu_s, self.pids))
        answered = put(load._replace(bases=self.bases))
        spent_s = sum(map(cpu_s, self.pids)) - before
        return answered, 1_000 * spent_s / (load.rate * (load.warm_s + load.seconds))


@contextmanager
def _apis(settings: Settings, replicas: int) -> Iterator[Service]:
    with ExitStack() as stack:
        bases, pids = [], []
        for _ in range(replicas):
            own = settings.model_copy(update={"api_port": free_port()})
            pids.append(stack.enter_context(child(own, *worker("api"))).pid)
            bases.append(f"http://{own.api_host}:{own.api_port}")
        for address in bases:
            wait_for_answer(f"{address}/readyz")
        yield Service(bases, pids)


def _seed(settings: Settings, orders: int, ticks: int) -> None:
    with postgres(settings, autocommit=True) as connection:
        connection.execute(_SEED.encode())
        connection.execute(_ORDERS.encode(), {"orders": orders})
        connection.execute(_TICKS.encode(), {"ticks": ticks})
        connection.execute("vacuum analyze")


def _mixture(orders: int) -> list[tuple[str, str, None]]:
    """A hundred reads: pages of orders and single orders first, as dashboards and bots ask."""
    paths: list[str] = []
    for n in range(10):
        account, number = f"acc_{n * 97 % ACCOUNTS}", n * 7_919 % orders
        symbol = SYMBOLS[n % len(SYMBOLS)]
        paths += [f"/api/orders?account_id={account}"] * 3
        paths += [f"/api/orders/ord_{_md5(number)}"] * 2
        paths += [f"/api/orders?account_id={account}&status=NEW", f"/api/orders?symbol={symbol}&limit=20"]
        paths += [f"/api/portfolio/{account}?points=50", f"/api/bars/{symbol}?limit=30", f"/api/accounts/{account}"]
    return [("GET", path, None) for path in paths]


def _pages() -> list[tuple[str, str, None]]:
    return [("GET", f"/api/orders?account_id=acc_{n}", None) for n in range(ACCOUNTS)]


def _bare_pages() -> list[tuple[str, str, None]]:
    return [("GET", f"/?of={n}", None) for n in range(ACCOUNTS)]


def _page() -> tuple[str, list[dict[str, Any]]]:
    """The statement that the API sends for a page of an account's orders, and its parameters by account."""
    import asyncio

    class Recorder:
        statement = ""

        async def all(self, statement: str, parameters: Mapping[str, Any]) -> Rows:
            self.statement, self.parameters = statement, dict(parameters)
            return []

    found: list[dict[str, Any]] = []
    recorder = Recorder()
    for n in range(ACCOUNTS):
        filters = OrderFilters.model_validate({"account_id": f"acc_{n}"})
        asyncio.run(orders_sql.page(cast(Snapshot, recorder), filters, None))
        found.append(recorder.parameters)
    return recorder.statement, found


@contextmanager
def bare_endpoint(given: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Address and process id of a running bench.bare_api."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bare_api", str(port)], cwd=ROOT, stdin=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        json.dump(given, process.stdin)
        process.stdin.close()
        wait_for_answer(f"http://127.0.0.1:{port}/" + ("?of=0" if "url" in given else ""))
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(15)


def _alone(settings: Settings, statement: str, parameters: list[dict[str, Any]], times: int) -> tuple[float, float]:
    """p50 and p95 of the statement on one connection, one after the other, milliseconds."""
    taken: list[float] = []
    with psycopg.connect(settings.database_reader_url, row_factory=dict_row, autocommit=True) as connection:
        for n in range(times):
            began = time.perf_counter()
            connection.execute(statement.encode(), parameters[n % len(parameters)]).fetchall()
            taken.append((time.perf_counter() - began) * 1_000)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 95 // 100]


def headers(settings: Settings) -> dict[str, str]:
    """What a request of the bench carries."""
    return {"Authorization": f"Bearer {settings.api_root_key.get_secret_value()}"}


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has spent."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _md5(number: int) -> str:
    import hashlib

    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def show(console: Console, figures: Figures) -> None:
    console.print(f"reads, {figures.replicas} process(es) each; milliseconds")
    for one in figures.rounds:
        for name, answered, cpu_ms in (
            ("the mixture", one.reads, one.reads_cpu_ms),
            ("a page of orders", one.page, one.page_cpu_ms),
            ("bare FastAPI", one.bare, one.bare_cpu_ms),
        ):
            console.print(
                f"  {one.rate}/s {name}: p50 {answered.p50_ms:.1f}, p95 {answered.p95_ms:.1f}, "
                f"p99 {answered.p99_ms:.1f}, CPU {cpu_ms:.2f}; {answered.count:,} requests, "
                f"failed {answered.failed or 'none'}",
                soft_wrap=True,
            )
    console.print(f"  the statement alone: p50 {figures.query_ms[0]:.2f}, p95 {figures.query_ms[1]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--ticks", type=int, default=10_000_000)
    parser.add_argument("--rates", type=int, nargs="+", default=[200, 500], help="requests per second")
    parser.add_argument("--replicas", type=int, default=1, help="API processes")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with servers() as base:
        figures = run(base, options.orders, options.ticks, options.rates, options.seconds, options.replicas)
    show(Console(), figures)


if __name__ == "__main__":
    main()
