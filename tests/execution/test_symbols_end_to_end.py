"""Goal: with shared liquidity and several workers, orders of a symbol get what they would get of one worker that is
never disturbed, whoever is killed, put to sleep or forgotten, and no order is executed by two.

Method: real Kafka, Redis and PostgreSQL, the real ledger and projector, engines in processes of their own. Six
purchases of 80 compete for ticks that give 100 each, the higher limit first; so the n-th order has the units 80 n to
80 n + 79 of all that is given, and the k-th tick gives the units 100 k to 100 k + 99. What an order gets of a tick is
what the two have in common.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import ids
from domain.events import TERMINAL, OrderAcknowledged, OrderFilled
from domain.market import TickRef
from execution.leases import LEASE
from projections.worker import Projector
from runtime.settings import Settings
from tests.execution.floor import Floor, eventually
from tests.streams.trading import buy, events, opened, send
from tests.workers import Worker, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ACCOUNT = "acc_s"
SYMBOLS = ("AAPL", "MSFT")
ORDERS, EACH, A_TICK, TICKS = 6, 80, 100, 5
LOOK_S = 0.25  # each look reads the whole tape, in the process in which the projector runs
MODE: dict[str, Any] = {
    "paper_shared_liquidity": True,
    "paper_half_spread_bps": Decimal(0),
    "paper_impact_bps": Decimal(0),
    "paper_fee_bps": Decimal(0),
    "paper_participation_max": Decimal("0.1"),
    "claim_idle_ms": 2_500,  # a worker that a busy machine keeps waiting for so long loses its symbols
    "redispatch_after_ms": 500,
}


class House:
    """The ledger, the projector, and engines by name."""

    def __init__(self, floor: Floor, stack: ExitStack) -> None:
        self.floor = floor
        self.projector = Projector(floor.settings)
        self.engines: dict[str, Worker] = {}
        self.ticks: dict[str, list[TickRef]] = {symbol: [] for symbol in SYMBOLS}
        self._stack = stack

    def start(self, name: str) -> None:
        self.engines[name] = self._stack.enter_context(worker(self.floor.settings, "execution.worker"))

    def said(self) -> str:
        """What the engines have logged."""
        return (self.floor.settings.tape_home / "execution.worker.log").read_text()

    def stop(self) -> None:
        self.projector.stop()

    def publish(self, price: str, volume: int) -> None:
        second = len(self.ticks["AAPL"]) + 1
        for symbol in SYMBOLS:
            self.ticks[symbol].append(self.floor.publish(symbol, price, str(volume), second))

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in events(self.floor.settings) if isinstance(event, kind)]

    def holder(self, symbol: str) -> int:
        """The process that has the symbol, 0: nobody. Worker ids are host, process and a random part."""
        value = self.floor.redis.get(LEASE + symbol)
        return 0 if value is None else int(str(value).rsplit("-", 2)[1])

    async def orders(self) -> None:
        """Six of each symbol, the worst first, acknowledged behind one tick at which none trades."""
        await self.submit()
        await self.acknowledged()

    async def submit(self) -> None:
        self.publish("20", 1_000)
        commands = [
            msgspec.structs.replace(
                buy(ACCOUNT, f"{symbol}-{n}"), symbol=symbol, quantity=Decimal(EACH), limit_price=Decimal(16 - n)
            )
            for symbol in SYMBOLS
            for n in reversed(range(ORDERS))
        ]
        await asyncio.to_thread(send, self.floor.settings, *opened(ACCOUNT, "100000.00"), *commands)

    async def acknowledged(self) -> None:
        await eventually(
            lambda: len({e.order_id for e in self.events(OrderAcknowledged)}) == 12, "12 acknowledged", 90, LOOK_S
        )

    async def filled(self, units: int) -> None:
        """So many of each symbol."""

        def enough() -> bool:
            sums: Counter[str] = Counter()
            for fill in self.events(OrderFilled):
                sums[fill.symbol] += int(fill.quantity)
            return all(sums[symbol] >= units for symbol in SYMBOLS)

        await eventually(enough, f"{units} units of each symbol", 90, LOOK_S)

    def check(self) -> None:
        """Every order has got exactly what is its own of every tick."""
        got = {(fill.order_id, fill.evidence.tick.offset): int(fill.quantity) for fill in self.events(OrderFilled)}
        expected = {}
        for symbol in SYMBOLS:
            for n in range(ORDERS):
                for k, tick in enumerate(self.ticks[symbol][1:]):
                    common = min(EACH * (n + 1), A_TICK * (k + 1)) - max(EACH * n, A_TICK * k)
                    if common > 0:
                        expected[ids.order_id(ACCOUNT, f"{symbol}-{n}"), tick.offset] = common
        assert got == expected
        last = {fill.order_id: fill.status for fill in self.events(OrderFilled)}
        assert set(last.values()) <= TERMINAL
        died = [name for name, engine in self.engines.items() if engine.process.poll() not in (None, -signal.SIGKILL)]
        assert died == []
        assert len(last) == 2 * ORDERS


@pytest.fixture
def house(ledger_settings: Settings) -> Iterator[House]:
    settings = ledger_settings.model_copy(update=MODE)
    floor = Floor(settings)
    with ExitStack() as stack:
        stack.enter_context(worker(settings, "streams.ledger.worker"))
        made = House(floor, stack)
        made.projector.start()
        stack.callback(made.stop)
        for name in ("a", "b"):
            made.start(name)
        yield made
        made.projector.check()
    asyncio.run(floor.close())


async def test_undisturbed(house: House) -> None:
    """Two workers: each symbol is one's, and all of its orders are acknowledged by that one."""
    await house.orders()
    by = {(e.order_id, e.dispatch_epoch): e.worker_id for e in house.events(OrderAcknowledged)}
    newest = {order_id: by[order_id, epoch] for order_id, epoch in sorted(by)}
    for symbol in SYMBOLS:
        assert len({newest[ids.order_id(ACCOUNT, f"{symbol}-{n}")] for n in range(ORDERS)}) == 1

    for _ in range(TICKS):
        house.publish("10", 1_000)
    await house.filled(ORDERS * EACH)

    house.check()


@pytest.mark.parametrize("after", [1, 4])
async def test_the_owner_is_killed(house: House, after: int) -> None:
    """SIGKILL in the middle, and the next ticks while nobody has the symbol; the other goes on as if nothing was.

    After 4 ticks five orders are done, so nobody stands before the sixth on the ticks that it meets again.
    """
    await house.orders()
    for _ in range(after):
        house.publish("10", 1_000)
    await house.filled(after * A_TICK)
    victim = house.holder("AAPL")
    next(engine for engine in house.engines.values() if engine.process.pid == victim).kill()

    for _ in range(TICKS - after):
        house.publish("10", 1_000)
    await house.filled(ORDERS * EACH)

    house.check()


async def test_the_read_side_is_away(house: House) -> None:
    """No symbol is worked, and the engine says what it waits for, until there is a projector again."""
    house.stop()
    await house.submit()
    waits = "cannot be worked yet, it waits for the read side, which is at 0 of"
    await eventually(lambda: all(f"{symbol} {waits}" in house.said() for symbol in SYMBOLS), "both are said to wait")
    assert house.events(OrderAcknowledged) == []

    house.projector = Projector(house.floor.settings)
    house.projector.start()
    await house.acknowledged()
    for _ in range(TICKS):
        house.publish("10", 1_000)
    await house.filled(ORDERS * EACH)

    house.check()


async def test_redis_is_wiped(house: House) -> None:
    """Leases, queue and all: whoever has a symbol keeps it, or it goes to one; what is given stays what it was."""
    await house.orders()
    for done in range(TICKS):
        house.publish("10", 1_000)
        if done % 2:
            house.floor.redis.flushdb()
        await house.filled(min(A_TICK * (done + 1), ORDERS * EACH))

    house.check()


async def test_the_owner_sleeps_through_its_lease(house: House) -> None:
    """Stopped for three leases while the market moves, then woken: what it says then changes nothing."""
    await house.orders()
    house.publish("10", 1_000)
    await house.filled(100)
    sleeper = house.holder("AAPL")

    os.kill(sleeper, signal.SIGSTOP)
    try:
        house.publish("10", 1_000)
        await asyncio.sleep(3 * MODE["claim_idle_ms"] / 1_000)
        house.publish("10", 1_000)
        await house.filled(300)
    finally:
        os.kill(sleeper, signal.SIGCONT)
    house.publish("10", 1_000)
    house.publish("10", 1_000)
    await house.filled(ORDERS * EACH)

    house.check()
