"""How a correction waits for the fill it is about, and what a worker counts meanwhile; the read side is a stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain.reports import ReportBusted, ReportCorrected, RequestRedispatch
from execution import amendments
from execution.amendments import Amendments, OnRecord
from execution.venue import Bust, Cancellation, Correction, Execution
from runtime import metrics
from runtime.settings import Settings
from tests.execution.examples import dispatch, ref, terms
from tests.execution.test_desk import Bench

CORRECTION = Correction("new", "old", Decimal(8), Decimal("9.50"), 1)
BUST = Bust("void", "old", 1)
RECORD = OnRecord("acc_1", "first")


class Tables:
    """The read side: what it has, and how it fails."""

    def __init__(self) -> None:
        self.fill: OnRecord | None = None
        self.failure: Exception | None = None

    def find(self, _: Settings, waiting: Sequence[Any]) -> list[OnRecord | None]:
        if self.failure is not None:
            raise self.failure
        return [self.fill] * len(waiting)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    made = Tables()
    monkeypatch.setattr(amendments, "find", made.find)
    return made


def hired(bench: Bench, name: str = "worker-a") -> Amendments:
    return Amendments(Settings(_env_file=None), bench.outbox, bench.desk, name, "ALPACA")


def lost() -> float:
    found: float = metrics.venue_amendments_lost_total._value.get()
    return found


def reports(bench: Bench) -> list[Any]:
    return [one for one in bench.outbox.reports if isinstance(one, ReportCorrected | ReportBusted | RequestRedispatch)]


async def test_it_waits_for_the_fill(tables: Tables) -> None:
    """The ledger has not got the fill yet: nothing is said; then it is, under the name of the first report."""
    bench = await Bench().open()
    ours = hired(bench)
    ours.hear("ord_1", CORRECTION)
    await ours.look()
    assert reports(bench) == []

    tables.fill = RECORD
    await ours.look()
    await ours.look()

    (report,) = reports(bench)
    assert isinstance(report, ReportCorrected)
    assert (report.account_id, report.order_id, report.execution_id) == ("acc_1", "ord_1", "first")
    assert (report.quantity, report.price, report.fee) == (8, Decimal("9.50"), 0)


@pytest.mark.parametrize("amendment", [CORRECTION, BUST])
async def test_all_workers_say_the_same(tables: Tables, amendment: Any) -> None:
    """Each hears it; the report's id is one, so the ledger takes it once."""
    tables.fill = RECORD
    ids = set()
    for name in ("worker-a", "worker-b"):
        bench = await Bench(name=name).open()
        ours = hired(bench, name)
        ours.hear("ord_1", amendment)
        await ours.look()
        ids |= {report.report_id for report in reports(bench)}

    assert len(ids) == 1


async def test_it_is_given_up_loudly(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody here placed that order: after a while it is counted, and an error that says what the books do not have."""
    monkeypatch.setattr(amendments, "_PATIENCE_S", -1.0)
    bench, before = await Bench().open(), lost()
    ours = hired(bench)
    ours.hear("ord_1", BUST)

    await ours.look()
    await ours.look()

    assert (reports(bench), lost() - before) == ([], 1)
    assert "the books do not follow Bust(execution_id='void'" in caplog.text


async def test_no_patience_is_lost_while_the_tables_are_away(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the fill is on record is not known then."""
    monkeypatch.setattr(amendments, "_PATIENCE_S", -1.0)
    bench, before = await Bench().open(), lost()
    ours = hired(bench)
    ours.hear("ord_1", BUST)
    tables.failure = psycopg.OperationalError("away")
    with pytest.raises(psycopg.OperationalError):
        await ours.look()
    assert lost() == before

    tables.failure, tables.fill = None, RECORD
    await ours.look()

    assert [type(report) for report in reports(bench)] == [ReportBusted]


async def test_too_many_at_once(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for one: the second is counted as lost."""
    monkeypatch.setattr(amendments, "WAITING_MAX", 1)
    bench, before = await Bench().open(), lost()
    ours = hired(bench)

    ours.hear("ord_1", BUST)
    ours.hear("ord_2", BUST)

    assert lost() - before == 1


async def test_an_open_order_is_dispatched_again_behind_it(tables: Tables) -> None:
    """4 of 100 are executed and then void: the worker says nothing more of it, asks for a dispatch behind the bust, and
    goes on with what the ledger says is left.
    """
    bench, order = await Bench().open(), terms()
    entry = await bench.give(dispatch(order))
    bench.desk.on_outcome(order.order_id, Execution("old", Decimal(4), Decimal(9), Decimal(0), 1, None))
    ours = hired(bench)
    tables.fill = OnRecord("acc_1", "old")

    ours.hear(order.order_id, BUST)
    bench.outbox.acknowledge()
    assert bench.desk.entries() == [entry.id]
    with pytest.raises(RuntimeError, match="expected an outcome of an order that is worked"):
        bench.desk.on_outcome(order.order_id, Cancellation("by the venue"))
    await ours.look()
    bench.outbox.acknowledge()

    assert bench.kinds() == ["ReportAcknowledged", "ReportFilled", "ReportBusted", "RequestRedispatch"]
    assert (bench.desk.held, entry.id in bench.desk.released) == ({}, True)
    await bench.give(dispatch(order, epoch=2, acknowledged_after=ref(0)))
    assert bench.desk.held[order.order_id].leaves == 100


async def test_a_worker_that_stops_hands_it_over(tables: Tables) -> None:
    """The fill is not on record yet when SIGTERM comes: the order is not left behind."""
    bench, order = await Bench().open(), terms()
    await bench.give(dispatch(order))
    hired(bench).hear(order.order_id, BUST)

    bench.desk.hand_over_all("worker_stopped")

    assert bench.kinds()[-1] == "RequestRedispatch"


async def test_an_order_that_is_done_stays_done(tables: Tables) -> None:
    """Filled, and its last report on the way: nothing is asked for it."""
    bench, order = await Bench().open(), terms(quantity="4")
    await bench.give(dispatch(order))
    bench.desk.on_outcome(order.order_id, Execution("old", Decimal(4), Decimal(9), Decimal(0), 1, None))
    tables.fill = RECORD
    ours = hired(bench)
    ours.hear(order.order_id, BUST)

    await ours.look()

    assert bench.kinds() == ["ReportAcknowledged", "ReportFilled", "ReportBusted"]
