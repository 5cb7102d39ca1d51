"""Workers that die, stop or fall asleep, a queue that is wiped or goes away: no order is lost, none executed twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.reports import ReportAcknowledged, ReportCanceled, ReportFilled, RequestRedispatch
from execution.queue import GENERATION
from runtime.clients import redis_sync
from runtime.embedded.valkey import Valkey
from tests.execution.examples import dispatch, terms
from tests.execution.floor import PATIENCE_S, Floor, eventually

pytestmark = pytest.mark.integration
_RUN = "from execution.worker import run; from runtime.settings import Settings; run(Settings(_env_file=None))"


@pytest.fixture
def process(floor: Floor) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, as `tape worker engine` runs it."""
    given = floor.settings.environ()
    started = subprocess.Popen([sys.executable, "-c", _RUN], env={**os.environ, **given})
    yield started
    if started.poll() is None:
        started.kill()
    started.wait(10)


async def test_the_order_of_a_killed_worker_is_dispatched_anew(floor: Floor, process: subprocess.Popen[bytes]) -> None:
    """Killed with SIGKILL, its entry is claimed, the ledger is asked, and the order fills once, under epoch 2."""
    decided_on = floor.publish(second=1)
    order = terms(quantity="90", active_after=decided_on)
    floor.send(dispatch(order))
    first = await floor.report(ReportAcknowledged)
    partly = floor.publish(volume="400", second=2)  # a tenth at most: 40 of 90
    assert (await floor.report(ReportFilled)).quantity == Decimal(40)

    process.send_signal(signal.SIGKILL)
    process.wait(10)
    floor.publish(volume="10000", second=3)
    await floor.start("worker-b")

    request = await floor.report(RequestRedispatch)
    assert (request.reason, request.dispatch_epoch, request.worker_id) == ("worker_lost", 1, "worker-b")
    await floor.nothing_pending()
    floor.send(dispatch(order, 2, filled="40", acknowledged_after=first.active_after, resume_after=partly))
    fill = await floor.report(ReportFilled, dispatch_epoch=2)
    assert (Decimal(50), "worker-b") == (fill.quantity, fill.worker_id)
    assert first.worker_id != "worker-b"
    assert len([report for report in floor.read_reports() if isinstance(report, ReportFilled)]) == 2


async def test_a_worker_that_stops_hands_its_orders_over(floor: Floor, process: subprocess.Popen[bytes]) -> None:
    """SIGTERM: the ledger is asked at once, nothing stays pending, and the process ends with 0."""
    floor.send(dispatch(terms()))
    await floor.report(ReportAcknowledged)

    process.send_signal(signal.SIGTERM)

    assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
    request = await floor.report(RequestRedispatch)
    assert (request.reason, request.dispatch_epoch) == ("worker_stopped", 1)
    await floor.nothing_pending()


async def test_a_wiped_queue_is_made_again(floor: Floor) -> None:
    """Given a held order, when Redis is wiped, then the generation is new, the order fills, new ones come."""
    await floor.start()
    floor.send(dispatch(terms()))
    await floor.report(ReportAcknowledged)
    before = floor.redis.get(GENERATION)
    assert before

    floor.redis.flushdb()

    after = await eventually(lambda: floor.redis.get(GENERATION), "a new generation")
    assert before != after
    await eventually(lambda: floor.watermark(terms().order_id), "the watermark again")
    floor.publish(second=1)
    assert (await floor.report(ReportFilled)).dispatch_epoch == 1
    floor.send(dispatch(terms("next")))
    await floor.report(ReportAcknowledged, order_id=terms("next").order_id)


async def test_orders_go_on_while_redis_is_away(floor: Floor, tmp_path: Path) -> None:
    """Redis is killed: the fill is reported all the same; back and empty, it is used again."""
    home = tmp_path / "valkey"
    server = Valkey(home)
    server.start()
    try:
        settings = floor.settings.model_copy(update=dict(server.endpoints()))
        floor.settings, floor.redis = settings, redis_sync(settings)
        await floor.start()
        floor.send(dispatch(terms()))
        await floor.report(ReportAcknowledged)

        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await eventually(lambda: not server.alive(), "a dead server")
        floor.publish(second=1)
        await floor.report(ReportFilled)

        server = Valkey(home)
        server.start()
        assert server.endpoints()["redis_url"] == settings.redis_url
        await floor.nothing_pending()
        floor.send(dispatch(terms("next")))
        await floor.report(ReportAcknowledged, order_id=terms("next").order_id)
    finally:
        server.stop()


async def test_a_worker_whose_entry_was_taken_stops_working_it(floor: Floor) -> None:
    """While a worker slept another took its entry and is done with it: the order is handed back, not filled."""
    await floor.start()
    entry = floor.send(dispatch(terms()))
    await floor.report(ReportAcknowledged)

    floor.redis.xack(floor.settings.execution_stream, floor.settings.execution_group, entry)

    request = await floor.report(RequestRedispatch)
    assert (request.reason, request.dispatch_epoch) == ("entry_lost", 1)
    floor.publish(second=1)
    floor.send(dispatch(terms("next")))
    await floor.report(ReportAcknowledged, order_id=terms("next").order_id)
    floor.publish(second=2)
    await floor.report(ReportFilled, order_id=terms("next").order_id)  # the ticks before were seen, too
    filled = [report.order_id for report in floor.read_reports() if isinstance(report, ReportFilled)]
    assert terms().order_id not in filled


async def test_a_higher_epochs_watermark_fences(floor: Floor) -> None:
    """Another worker shows the order under epoch 2: ours drops it in silence and leaves the other's watermark alone."""
    await floor.start()
    floor.send(dispatch(terms()))
    await floor.report(ReportAcknowledged)
    theirs = {"partition": 0, "offset": 7, "reports": 1, "epoch": 2, "at_us": 0}
    floor.redis.hset("execution.watermarks", terms().order_id, json.dumps(theirs, separators=(",", ":")))

    await floor.nothing_pending()

    floor.publish(second=1)
    floor.send(dispatch(terms("next")))
    await floor.report(ReportAcknowledged, order_id=terms("next").order_id)
    floor.publish(second=2)
    await floor.report(ReportFilled, order_id=terms("next").order_id)  # the ticks before were seen, too
    ours = [type(report).__name__ for report in floor.read_reports() if report.order_id == terms().order_id]
    assert ours == ["ReportAcknowledged"]
    assert theirs == floor.watermark(terms().order_id)


async def test_cancels_find_their_orders_among_workers(floor: Floor) -> None:
    """Forty orders and their cancels, spread over two workers by chance: each is cancelled once, by its holder."""
    await floor.start("worker-a")
    await floor.start("worker-b")
    orders = [terms(str(number)) for number in range(40)]
    for order in orders:
        floor.send(dispatch(order))
    acknowledged = await floor.reports_of(ReportAcknowledged, 40)
    assert {"worker-a", "worker-b"} == {report.worker_id for report in acknowledged}

    for order in orders:
        floor.send(dispatch(order, kind="CANCEL"))

    canceled = await floor.reports_of(ReportCanceled, 40)
    await floor.nothing_pending()
    assert {order.order_id for order in orders} == {report.order_id for report in canceled}
    assert {report.order_id: report.worker_id for report in acknowledged} == {
        report.order_id: report.worker_id for report in canceled
    }
    assert len(floor.read_reports()) == 80


async def test_a_cancel_of_a_silent_workers_order_gets_through(floor: Floor) -> None:
    """The holder is alive for Redis but says nothing: the ledger is asked, and the next CANCEL ends the order."""
    floor.settings = floor.settings.model_copy(update={"claim_idle_ms": 60_000})
    await floor.start()  # makes the group
    stream, group = floor.settings.execution_stream, floor.settings.execution_group
    await floor.stop()
    floor.send(dispatch(terms()))
    given: Any = floor.redis.xreadgroup(group, "silent", {stream: ">"})
    assert len(given[0][1]) == 1
    await floor.start("worker-b")

    floor.send(dispatch(terms(), kind="CANCEL"))

    request = await floor.report(RequestRedispatch)
    assert (request.reason, request.dispatch_epoch) == ("cancel_unanswered", 1)
    floor.send(dispatch(terms(), 2, kind="CANCEL"))
    assert (await floor.report(ReportCanceled)).dispatch_epoch == 2


async def test_a_redispatch_elsewhere_ends_the_old_work(floor: Floor) -> None:
    """Epoch 2 may land on either of two workers: whichever it is, later ticks fill the order under epoch 2 only."""
    await floor.start("worker-a")
    await floor.start("worker-b")
    orders = [terms(str(number)) for number in range(10)]
    for order in orders:
        floor.send(dispatch(order))
    await floor.reports_of(ReportAcknowledged, 10)
    for order in orders:
        floor.send(dispatch(order, epoch=2))
    await floor.reports_of(ReportAcknowledged, 10, dispatch_epoch=2)
    await eventually(lambda: floor.pending() == 10, "the old entries to be released")

    floor.publish(second=1)

    await floor.reports_of(ReportFilled, 10)
    await floor.nothing_pending()
    fills = [report for report in floor.read_reports() if isinstance(report, ReportFilled)]
    assert [fill.dispatch_epoch for fill in fills] == [2] * 10
