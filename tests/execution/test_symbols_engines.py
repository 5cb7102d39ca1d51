"""Two workers of one process on real Kafka and Redis, with shared liquidity; the test stands in the ledger's place."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from domain.reports import ReportAcknowledged, ReportFilled, RequestRedispatch
from execution.leases import LEASE
from runtime import metrics
from runtime.clients import redis_sync
from runtime.embedded.valkey import Valkey
from tests.execution.examples import dispatch, terms
from tests.execution.floor import Floor, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
SYMBOLS = ("AAPL", "MSFT", "IBM", "GOOG")


def handed_on() -> float:
    found: float = metrics.execution_orders_handed_on_total._value.get()
    return found


async def two(floor: Floor) -> None:
    for name in ("worker-a", "worker-b"):
        await floor.start(name, shared_liquidity=True)


async def test_each_symbol_is_worked_by_one(floor: Floor) -> None:
    """Forty orders of four symbols, given to two workers by chance: each symbol is acknowledged and filled by one.

    A tick of 100 units gives 100 together, not each.
    """
    await two(floor)
    before = handed_on()
    orders = [terms(str(n), symbol=SYMBOLS[n % 4], quantity="20") for n in range(40)]
    for order in orders:
        floor.send(dispatch(order))
    acknowledged = await floor.reports_of(ReportAcknowledged, 40)
    symbol_of = {order.order_id: order.symbol for order in orders}
    owners = defaultdict(set)
    for report in acknowledged:
        owners[symbol_of[report.order_id]].add(report.worker_id)

    assert {len(workers) for workers in owners.values()} == {1}
    assert handed_on() > before
    for symbol in SYMBOLS:
        floor.publish(symbol, volume="100", second=1)
    fills = await floor.reports_of(ReportFilled, 20)
    for symbol in SYMBOLS:
        assert sum(fill.quantity for fill in fills if symbol_of[fill.order_id] == symbol) == 100
        floor.publish(symbol, volume="100", second=2)
    await floor.reports_of(ReportFilled, 40)
    await floor.nothing_pending()
    assert len(floor.read_reports()) == 80


async def test_a_worker_that_stops_leaves_its_symbols_at_once(floor: Floor) -> None:
    """SIGTERM: its orders go back to the ledger, its lease is free, and the other works what is dispatched next."""
    await two(floor)
    order = terms()
    floor.send(dispatch(order))
    owner = (await floor.report(ReportAcknowledged)).worker_id

    await floor.stop(owner)

    assert floor.redis.get(LEASE + "AAPL") is None
    assert (await floor.report(RequestRedispatch)).reason == "worker_stopped"
    floor.send(dispatch(order, 2))
    again = await floor.report(ReportAcknowledged, dispatch_epoch=2)
    assert again.worker_id != owner


async def test_a_lease_that_another_has(floor: Floor) -> None:
    """Somebody has put another's name on the lease: the owner notices, hands its orders back, and fills none."""
    await floor.start("worker-a", shared_liquidity=True)
    floor.send(dispatch(terms()))
    await floor.report(ReportAcknowledged)

    floor.redis.set(LEASE + "AAPL", "99:worker-z", px=60_000)

    asked = await floor.report(RequestRedispatch)
    assert (asked.reason, asked.worker_id) == ("symbol_lost", "worker-a")
    floor.publish(second=1)
    floor.send(dispatch(terms("two", symbol="MSFT")))
    await floor.report(ReportAcknowledged, order_id=terms("two", symbol="MSFT").order_id)
    floor.publish("MSFT", second=2)
    filled = await floor.report(ReportFilled)
    assert filled.order_id == terms("two", symbol="MSFT").order_id
    assert len([report for report in floor.read_reports() if isinstance(report, ReportFilled)]) == 1


async def test_without_redis_nobody_has_a_symbol(floor: Floor, tmp_path: Path) -> None:
    """Redis is killed: a lease later its orders go back to the ledger and fill no more; with Redis it goes on."""
    home = tmp_path / "valkey"
    server = Valkey(home)
    server.start()
    try:
        floor.settings = floor.settings.model_copy(update=dict(server.endpoints()))
        floor.redis = redis_sync(floor.settings)
        await floor.start(shared_liquidity=True)
        floor.send(dispatch(terms()))
        await floor.report(ReportAcknowledged)

        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await eventually(lambda: not server.alive(), "a dead server")
        asked = await floor.report(RequestRedispatch)
        floor.publish(second=1)
        server = Valkey(home)
        server.start()
        floor.send(dispatch(terms(), 2))
        await floor.report(ReportAcknowledged, dispatch_epoch=2)
        floor.publish(second=2)
        await floor.report(ReportFilled, dispatch_epoch=2)
    finally:
        server.stop()

    assert asked.reason == "symbol_lost"
    assert [r.dispatch_epoch for r in floor.read_reports() if isinstance(r, ReportFilled)] == [2]
