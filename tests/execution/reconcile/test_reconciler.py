"""The loop on real PostgreSQL, Kafka and Redis, with a scripted venue: what it asks, what it says, when it pauses."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
import redis.asyncio

from domain.errors import UnavailableError
from domain.reports import ReportBreak, ReportBreakResolved
from execution.reconcile.lease import LEASE, Lease
from execution.reconcile.reconciler import Counterpart, Reconciler
from execution.venue import VenueExecution, VenueOrder
from runtime import metrics
from runtime.clients import redis_async
from runtime.settings import Settings
from tests.api import rows
from tests.execution.reconcile.pictures import execution, theirs

pytestmark = pytest.mark.integration
DAY_US = 86_400_000_000


class ScriptedVenue:
    """A venue's records. asked: the times from which executions were wanted."""

    def __init__(self) -> None:
        self.orders: list[VenueOrder] = []
        self.done: list[VenueExecution] = []
        self.asked: list[int] = []
        self.is_away = False

    async def open_orders(self) -> list[VenueOrder]:
        if self.is_away:
            raise UnavailableError("the venue does not answer")
        return list(self.orders)

    async def executions(self, since_us: int) -> list[VenueExecution]:
        self.asked.append(since_us)
        return list(self.done)


class Outbox:
    """Keeps reports; Kafka is not asked."""

    def __init__(self) -> None:
        self.reports: list[Any] = []

    def send(self, report: Any, traceparent: str | None, acknowledged: Callable[[], None]) -> None:
        self.reports.append(report)

    async def room(self) -> None:
        pass


class Scene(NamedTuple):
    venue: ScriptedVenue
    outbox: Outbox
    reconciler: Reconciler
    client: redis.asyncio.Redis
    settings: Settings


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[rows.Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
async def scene(ledger_settings: Settings) -> AsyncIterator[Scene]:
    """No grace: two looks are enough."""
    settings = ledger_settings.model_copy(update={"reconcile_grace_s": 0.0})
    client, venue, outbox = redis_async(settings), ScriptedVenue(), Outbox()
    against = Counterpart("SCRIPTED", venue, "market_time")
    yield Scene(venue, outbox, Reconciler(settings, against, client, outbox, "worker-a"), client, settings)
    await client.aclose()


def open_order(connection: rows.Connection, name: str, **more: Any) -> str:
    return rows.order(
        connection, name, "2011-01-03T10:00:00Z", worker_id="w1", venue="SCRIPTED", dispatch_epoch=1, **more
    )


def on_record(connection: rows.Connection, report: ReportBreak) -> None:
    """The row that the projector makes of the event."""
    names = ("break_id", "account_id", "kind", "order_id", "execution_id", "venue", "symbol", "expected", "actual")
    moment = "2026-01-01T00:00:00Z"
    rows.insert(
        connection,
        "reconciliation_breaks",
        **{name: getattr(report, name) for name in names},
        **{"status": "OPEN", "times": 1, "first_found_at": moment, "found_at": moment, "seen_at": moment},
        **{"partition": 0, "record_offset": 9},
    )


async def test_a_break_is_found_once_and_resolved_once(scene: Scene, connection: rows.Connection) -> None:
    """An order that the venue has lost: said at the second look, not again while on record, and resolved when back."""
    order_id = open_order(connection, "lost")

    assert [await scene.reconciler.round() for _ in range(2)] == ["done", "done"]
    (found,) = scene.outbox.reports
    assert isinstance(found, ReportBreak)
    assert (found.kind, found.account_id, found.order_id) == ("ORDER_MISSING_AT_VENUE", "acc_1", order_id)
    assert (found.expected, found.actual) == ("BUY 10, NEW", "no such open order")
    on_record(connection, found)
    for _ in range(3):
        await scene.reconciler.round()
    assert len(scene.outbox.reports) == 1
    assert metrics.reconciliation_breaks.labels("ORDER_MISSING_AT_VENUE")._value.get() == 1

    scene.venue.orders = [theirs("lost")._replace(order_id=order_id)]
    await scene.reconciler.round()
    await scene.reconciler.round()

    resolved = scene.outbox.reports[1]
    assert isinstance(resolved, ReportBreakResolved)
    assert (resolved.break_id, resolved.account_id) == (found.break_id, "acc_1")


async def test_an_agreement_says_nothing(scene: Scene, connection: rows.Connection) -> None:
    """An order and an execution that both have."""
    order_id = open_order(connection, "both")
    moment = "2011-01-03T10:00:00Z"
    rows.insert(connection, "fills", execution_id="exe_both", order_id=order_id, account_id="acc_1", symbol="AAPL",
                side="BUY", quantity="5", price="10.01", fee="0", realized_pnl="0", cash_change="-50.05",
                venue="SCRIPTED", market_time=moment, recorded_at=moment, partition=0, record_offset=8)  # fmt: skip
    scene.venue.orders = [theirs()._replace(order_id=order_id)]
    scene.venue.done = [execution("both")._replace(order_id=order_id)]

    for _ in range(3):
        assert await scene.reconciler.round() == "done"

    assert scene.outbox.reports == []


async def test_executions_are_asked_for_from_far_back_at_first_and_then_from_a_little_back(scene: Scene) -> None:
    """A day at the start; then a minute before the last time. One that differs keeps the time at which it was."""
    await scene.reconciler.round()
    await scene.reconciler.round()
    far, near = scene.venue.asked
    assert near - far == pytest.approx(DAY_US - 60_000_000, abs=30_000_000)

    early = near - 3_600_000_000
    scene.venue.done = [execution("early")._replace(market_time_us=early)]
    await scene.reconciler.round()
    await scene.reconciler.round()

    assert scene.venue.asked[-1] == early


async def test_one_worker_compares_at_a_time(scene: Scene) -> None:
    """Whoever has the lease; another one begins when it is given up, and shows no breaks meanwhile."""
    rival = Lease(scene.client, 60_000)
    assert await rival.hold()

    assert await scene.reconciler.round() == "left"
    assert scene.venue.asked == []
    assert math.isnan(scene.reconciler._done_at_s)
    await rival.leave()
    assert await scene.reconciler.round() == "done"
    assert not await rival.hold()


async def test_a_lease_is_prolonged_by_its_holder_and_runs_out(scene: Scene) -> None:
    """It is held under a token of its own: another's leave takes nothing away."""
    first, second = Lease(scene.client, 60_000), Lease(scene.client, 60_000)

    assert [await first.hold(), await second.hold(), await first.hold()] == [True, False, True]
    await second.leave()
    assert not await second.hold()
    assert 0 < await scene.client.pttl(LEASE) <= 60_000
    await scene.client.delete(LEASE)
    assert await second.hold()
    assert not await first.hold()


@pytest.mark.parametrize("away", ["the venue", "PostgreSQL", "Redis"])
async def test_who_is_away_pauses_it(scene: Scene, away: str, connection: rows.Connection) -> None:
    """It says so, and goes on when all are back."""
    open_order(connection, "lost")
    await scene.reconciler.round()
    if away == "the venue":
        scene.venue.is_away = True
        assert await scene.reconciler.round() == "paused"
        scene.venue.is_away = False
    else:
        changes = {
            "PostgreSQL": {"database_reader_url": "postgresql://tape_reader@127.0.0.1:1/tape"},
            "Redis": {"redis_url": "redis://127.0.0.1:1/0"},
        }[away]
        settings = scene.settings.model_copy(update=changes)
        client = redis_async(settings)
        other = Reconciler(settings, Counterpart("SCRIPTED", scene.venue, "market_time"), client, scene.outbox, "w2")
        await scene.reconciler.leave()
        assert await other.round() == "paused"
        await client.aclose()
        await scene.client.delete(LEASE)
        await scene.reconciler.round()

    assert await scene.reconciler.round() == "done"
    assert [type(report) for report in scene.outbox.reports] == [ReportBreak]


async def test_a_projection_that_is_behind_the_tape_proves_nothing(scene: Scene, connection: rows.Connection) -> None:
    """The tape has a record that is not projected: nothing is said until it is."""
    from tests.streams.trading import opened, send

    open_order(connection, "lost")
    send(scene.settings, *opened("acc_1")[:1], topic="ledger.events")  # any record will do
    for _ in range(3):
        await scene.reconciler.round()
    assert scene.outbox.reports == []

    for partition in range(scene.settings.partitions):
        rows.insert(connection, "projection_progress", projection="ledger", topic="t", partition=partition,
                    next_offset=1, head_seq=1, head_hash=b"")  # fmt: skip
    await scene.reconciler.round()

    assert [report.kind for report in scene.outbox.reports] == ["ORDER_MISSING_AT_VENUE"]
