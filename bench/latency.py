"""Submit to fill at a fixed rate, without coordinated omission: orders leave on a schedule, whatever the answers do.

Ledger, Redis, engine and projector run; ticks come every 5 ms over all symbols. Orders come through one of two doors:
`commands`, straight onto trading.commands as the strategy sends them, or `http`, through the gateway, whose process and
whose clients then share the same cores. The latency of an order is from the moment at which it was due to be submitted
to the wall time in its OrderFilled event. The first
seconds, in which the broker's JVM compiles itself, are submitted at the same rate and not counted.

By itself: `python -m bench.latency --rate 1000`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, cast

import aiohttp
import psutil
from rich.console import Console

from bench.ledger_agent import encoded, produce, queue
from bench.world import child, fresh, servers, worker
from domain import ids
from domain.commands import Deposit, OpenAccount, SubmitOrder
from domain.events import OrderFilled
from domain.market import Tick
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.embedded.ports import free_port
from runtime.settings import Settings
from streams import codec
from streams.tape import TapeReader, end_offsets

ACCOUNTS = 8
TICK_EVERY_S = 0.005
_WORKERS = {"commands": ("ledger", "engine", "projector"), "http": ("ledger", "engine", "projector", "api")}
_GRACE_S = 20.0
WARM_UP_S = 10.0


Door = Literal["commands", "http"]
DOORS: tuple[Door, ...] = ("commands", "http")


class Round(NamedTuple):
    """Milliseconds from due to filled, over the orders that were filled; sent and filled: how many.

    cpu_ms: milliseconds of CPU an order, by who spent it. It says what the machine is asked for also
    where others use it at the same time.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    sent: int
    filled: int
    cpu_ms: dict[str, float]


def run_round(settings: Settings, door: Door, per_second: int, seconds: float) -> Round:
    """One round on a fresh ledger."""
    settings = settings.model_copy(update={"api_port": free_port(), "log_level": "WARNING"})
    with contextlib.ExitStack() as stack:
        for name in _WORKERS[door]:
            stack.enter_context(child(settings, *worker(name)))
        before: dict[str, float] = {}

        def warm() -> None:
            before.update(_cpu_seconds())

        stop = threading.Event()
        ticks = threading.Thread(target=_tick, args=(settings, stop), daemon=True)
        ticks.start()
        stack.callback(stop.set)
        if door == "http":
            due = asyncio.run(_submit_by_http(settings, per_second, seconds, warm))
        else:
            due = _submit_commands(settings, per_second, seconds, warm)
        filled = _fills(settings, set(due))
        spent = {name: seconds - before.get(name, 0.0) for name, seconds in _cpu_seconds().items()}
    latencies = sorted(filled[order] - due[order] for order in filled)
    if not latencies:
        raise TimeoutError("no order was filled")

    def percentile(percent: float) -> float:
        return latencies[min(len(latencies) - 1, int(len(latencies) * percent / 100))] / 1000

    cpu_ms = {name: 1_000 * seconds / len(due) for name, seconds in spent.items()}
    return Round(percentile(50), percentile(95), percentile(99), len(due), len(filled), cpu_ms)


def _cpu_seconds() -> dict[str, float]:
    """What this process and those below it have spent so far, by name."""
    spent: dict[str, float] = {"this bench": sum(psutil.Process().cpu_times()[:2])}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            line, name = process.cmdline(), process.name()
            name = line[-1] if line[1:4] == ["-m", "runtime.cli", "worker"] else name
            spent[name] = spent.get(name, 0.0) + sum(process.cpu_times()[:2])
    return spent


def _tick(settings: Settings, stop: threading.Event) -> None:
    """A tick of each symbol in turn, at the wall's time."""
    producer = kafka_producer(settings)
    symbols = settings.symbols()
    number = 0
    while not stop.wait(TICK_EVERY_S):
        symbol = symbols[number % len(symbols)]
        number += 1
        tick = Tick(symbol=symbol, market_time_us=now_us(), price=Decimal("100.00"), volume=Decimal(1_000_000))
        value, headers = codec.encode(
            tick, id_=f"tick-{number}", source="bench", time_us=tick.market_time_us, subject=symbol
        )
        producer.produce(settings.topic("market.ticks"), key=symbol.encode(), value=value, headers=cast(Any, headers))
        producer.poll(0)
    producer.flush(5)


def _submit_commands(settings: Settings, per_second: int, seconds: float, warm: Callable[[], None]) -> dict[str, int]:
    """Order id -> when it was due (microseconds since 1970), of the orders after the warm-up, at whose end `warm` is
    called.
    """
    producer = kafka_producer(settings, **{"linger.ms": 2})
    for number in range(ACCOUNTS):
        account = f"acc_{number}"
        produce(
            producer,
            settings,
            OpenAccount(command_id=f"open-{number}", account_id=account, issued_at_us=now_us(), owner="bench"),
        )
        cash = Decimal("100000000.00")
        produce(
            producer,
            settings,
            Deposit(command_id=f"cash-{number}", account_id=account, issued_at_us=now_us(), amount=cash),
        )
    topic = settings.topic("ledger.events")
    while sum(end_offsets(settings, topic).values()) < 2 * ACCOUNTS:
        time.sleep(0.1)
    # Made beforehand, for clients have machines of their own.
    orders = [_order(number, settings.symbols()) for number in range(int(per_second * (WARM_UP_S + seconds)))]
    commands = [encoded(order) for order in orders]
    due: dict[str, int] = {}
    started, started_us = time.monotonic(), now_us()
    for number, command in enumerate(commands):
        time.sleep(max(0.0, started + number / per_second - time.monotonic()))
        if number == int(per_second * WARM_UP_S):
            warm()
        queue(producer, settings, command)
        if number >= per_second * WARM_UP_S:
            due[orders[number].order_id] = started_us + number * 1_000_000 // per_second
    producer.flush(10)
    return due


def _order(number: int, symbols: Sequence[str]) -> SubmitOrder:
    account, client_order_id = f"acc_{number % ACCOUNTS}", f"order-{number}"
    return SubmitOrder(
        command_id=client_order_id,
        account_id=account,
        issued_at_us=now_us(),
        order_id=ids.order_id(account, client_order_id),
        client_order_id=client_order_id,
        symbol=symbols[number % len(symbols)],
        side="BUY",
        order_type="MARKET",
        quantity=Decimal(10),
        protection_price=Decimal("110.00"),
    )


async def _submit_by_http(
    settings: Settings, per_second: int, seconds: float, warm: Callable[[], None]
) -> dict[str, int]:
    """As _submit_commands, of those that were answered 202."""
    due: dict[str, int] = {}
    base = f"http://{settings.api_host}:{settings.api_port}"
    connector = aiohttp.TCPConnector(limit=64)
    key = {"Authorization": f"Bearer {settings.api_root_key.get_secret_value()}"}
    async with aiohttp.ClientSession(base, connector=connector, raise_for_status=True, headers=key) as client:
        await _prepare(client)
        symbols = settings.symbols()
        started, started_us = time.monotonic(), now_us()

        async def one(number: int) -> None:
            body = {
                "account_id": f"acc_{number % ACCOUNTS}",
                "client_order_id": f"order-{number}",
                "symbol": symbols[number % len(symbols)],
                "side": "BUY",
                "order_type": "MARKET",
                "quantity": "10",
                "protection_price": "110.00",
            }
            async with client.post("/api/orders", json=body) as answer:
                order_id = (await answer.json())["order_id"]
            if number >= per_second * WARM_UP_S:
                due[order_id] = started_us + number * 1_000_000 // per_second

        async with asyncio.TaskGroup() as group:
            for number in range(int(per_second * (WARM_UP_S + seconds))):
                await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
                if number == int(per_second * WARM_UP_S):
                    warm()
                group.create_task(one(number))
    return due


async def _prepare(client: aiohttp.ClientSession) -> None:
    """Wait for the API; open the accounts and wait until they have cash."""
    await _answers(client, "/readyz")
    for number in range(ACCOUNTS):
        account = f"acc_{number}"
        await client.post("/api/accounts", json={"account_id": account, "owner": "bench"})
        cash = {"amount": "100000000.00"}
        key = {"Idempotency-Key": f"cash-{account}"}
        await client.post(f"/api/accounts/{account}/deposits", json=cash, headers=key)
    await _answers(client, f"/api/portfolio/acc_{ACCOUNTS - 1}")


async def _answers(client: aiohttp.ClientSession, path: str) -> None:
    """Return when a page is there; raises TimeoutError after a minute."""
    for _ in range(300):
        with contextlib.suppress(aiohttp.ClientError):
            async with client.get(path):
                return
        await asyncio.sleep(0.2)
    raise TimeoutError(f"{path} is not there after 60 s")


def _fills(settings: Settings, wanted: set[str]) -> dict[str, int]:
    """Order id -> when its last fill was recorded (microseconds since 1970)."""
    topic = settings.topic("ledger.events")
    reader = TapeReader(settings, topic, dict.fromkeys(end_offsets(settings, topic), (0, None)))
    found: dict[str, int] = {}
    deadline = time.monotonic() + _GRACE_S
    try:
        while len(found) < len(wanted) and time.monotonic() < deadline:
            for record, live in reader.poll(timeout_s=0.2):
                event = codec.decode(record.value, record.headers) if live else None
                if isinstance(event, OrderFilled) and event.status == "FILLED" and event.order_id in wanted:
                    found[event.order_id] = int(event.timestamp)
    finally:
        reader.close()
    return found


def show(console: Console, fills: Mapping[Door, Round], rate: int) -> None:
    for door, fill in fills.items():
        console.print(
            f"submit to fill through {door} at {rate} orders/s: p50 {fill.p50_ms:.1f} ms, p95 {fill.p95_ms:.1f} ms, "
            f"p99 {fill.p99_ms:.1f} ms ({fill.filled:,} of {fill.sent:,} orders filled)"
        )
        parts = sorted(fill.cpu_ms.items(), key=lambda part: -part[1])
        shares = ", ".join(f"{name} {ms:.2f}" for name, ms in parts if ms >= 0.005)
        console.print(f"  {sum(fill.cpu_ms.values()):.2f} ms of CPU an order: {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="orders per second")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long, after the warm-up")
    parser.add_argument("--door", choices=DOORS, default="commands", help="through which they come")
    options = parser.parse_args()
    with servers() as base:
        fill = run_round(fresh(base), options.door, options.rate, options.seconds)
    show(Console(), {options.door: fill}, options.rate)


if __name__ == "__main__":
    main()
