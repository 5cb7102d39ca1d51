"""Goal: the paper venue agrees with the ledger while all goes well, and an order that nobody works any more is a break.

Method: real Kafka, Redis and PostgreSQL, the real ledger and projector, workers that are cancelled as a crash does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import ids
from domain.events import BreakFound, BreakResolved, OrderAcknowledged, OrderFilled, OrderRedispatched
from execution.paper import PaperVenue
from execution.reconcile.reconciler import Reconciler, counterpart
from execution.reports import Reporter
from projections.worker import Projector
from runtime import metrics
from runtime.clients import redis_async
from runtime.settings import Settings
from tests.execution.examples import NO_COSTS, PARAMETERS
from tests.execution.floor import Floor, eventually
from tests.streams.trading import buy, events, opened, send
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ACCOUNT = "acc_p"
RESTING, FILLING = (ids.order_id(ACCOUNT, name) for name in ("resting", "filling"))
IMPATIENT = {"claim_idle_ms": 600, "reconcile_every_s": 0.2, "reconcile_grace_s": 1.0}


@pytest.fixture
async def floor(ledger_settings: Settings) -> AsyncIterator[Floor]:
    made = Floor(ledger_settings.model_copy(update=IMPATIENT))
    yield made
    await made.close()


@pytest.fixture
def house(floor: Floor) -> Iterator[None]:
    """The ledger and the projector."""
    projector = Projector(floor.settings)
    with worker(floor.settings, "streams.ledger.worker"):
        projector.start()
        try:
            yield
            projector.check()
        finally:
            projector.stop()


def rounds_done() -> float:
    found: float = metrics.reconciliation_rounds_total.labels("done")._value.get()
    return found


async def test_paper_agrees_until_nobody_works_an_order(floor: Floor, house: None) -> None:
    """Filled and resting orders are no breaks; a crash makes one of the resting order, its new worker resolves it."""
    settings = floor.settings

    def of(kind: type[Any], order_id: str) -> list[Any]:
        return [one for one in events(settings) if isinstance(one, kind) and one.order_id == order_id]

    # Given a worker, an order that is filled by a tick, and one that rests.
    floor.publish(price="100", second=1)
    await floor.start("worker-a", PARAMETERS)
    rests = msgspec.structs.replace(buy(ACCOUNT, "resting"), limit_price=Decimal("1.00"))
    await asyncio.to_thread(send, settings, *opened(ACCOUNT), buy(ACCOUNT, "filling"), rests)
    await eventually(lambda: of(OrderAcknowledged, RESTING) and of(OrderAcknowledged, FILLING), "both acknowledged")
    floor.publish(price="9.90", second=2)
    await eventually(lambda: of(OrderFilled, FILLING), "the fill")

    # Then however often they are compared, they agree.
    before = rounds_done()
    await eventually(lambda: rounds_done() > before + 12, "a dozen comparisons")
    assert of(BreakFound, RESTING) == of(BreakFound, FILLING) == []

    # When the worker crashes and somebody compares, the resting order is worked by nobody.
    _, _, task = floor._workers.pop("worker-a")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    client, reporter = redis_async(settings), Reporter(settings)
    reporter.start()
    against = counterpart(settings, PaperVenue(NO_COSTS), client)
    assert against is not None
    auditor = asyncio.create_task(Reconciler(settings, against, client, reporter, "auditor").run())
    (found,) = await eventually(lambda: of(BreakFound, RESTING), "a break")
    assert (found.kind, found.expected, found.originator_id) == ("ORDER_MISSING_AT_VENUE", "BUY 1, NEW", ACCOUNT)

    # Then another worker takes the order over, and it is resolved.
    await floor.start("worker-b", PARAMETERS)
    await eventually(lambda: of(OrderRedispatched, RESTING), "a new dispatch")
    (resolved,) = await eventually(lambda: of(BreakResolved, RESTING), "a resolution")
    assert resolved.break_id == found.break_id
    assert of(BreakFound, FILLING) == []

    auditor.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await auditor
    await reporter.stop()
    await client.aclose()
