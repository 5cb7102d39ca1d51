"""What a worker does with its orders, without servers: the test decides when Kafka acknowledges a report."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dispatch import Dispatch
from domain.events import OrderTerms
from domain.market import TickAt, TickRef
from domain.reports import Report, ReportAcknowledged, ReportCanceled, ReportFilled, RequestRedispatch
from execution.desk import Desk
from execution.paper import PaperParameters, PaperVenue
from execution.queue import Entry
from execution.watermarks import Mark
from execution.window import TickWindow
from tests.execution.examples import NO_COSTS, PARAMETERS, dispatch, ref, terms, tick_at, working

_encode = msgspec.json.Encoder(decimal_format="string").encode


class Outbox:
    """Kafka's place: keeps reports until the test says that they are acknowledged."""

    def __init__(self) -> None:
        self.reports: list[Any] = []
        self._unacknowledged: list[Callable[[], None]] = []

    def send(self, report: Report, traceparent: str | None, acknowledged: Callable[[], None]) -> None:
        self.reports.append(report)
        self._unacknowledged.append(acknowledged)

    async def room(self) -> None:
        """There is always room."""

    def acknowledge(self, count: int = 1_000) -> None:
        waiting, self._unacknowledged = self._unacknowledged[:count], self._unacknowledged[count:]
        for acknowledged in waiting:
            acknowledged()


class Archive:
    """Old ticks, and what was asked for."""

    def __init__(self, ticks: list[TickAt]) -> None:
        self._ticks = ticks

    def read(self, partition: int, start: int, end: int) -> tuple[list[TickAt], int]:
        raise AssertionError("these tests keep all ticks in the window")


class Bench:
    """A desk with its outbox and a window over partition 0."""

    def __init__(self, parameters: PaperParameters = NO_COSTS, name: str = "worker-a") -> None:
        self.outbox = Outbox()
        self.window = TickWindow(1_000)
        self.window.open(0, 0)
        self.venue = PaperVenue(parameters)
        self.desk = Desk(name, self.venue, self.window, self.outbox, Archive([]))
        self._entries = 0

    async def open(self) -> Bench:
        await self.venue.start(self.desk.on_outcome)
        return self

    def entry(self, message: Dispatch) -> Entry:
        self._entries += 1
        return Entry(f"{self._entries}-{id(self)}", {b"dispatch": _encode(message)})

    async def give(self, message: Dispatch) -> Entry:
        entry = self.entry(message)
        await self.desk.take(entry)
        return entry

    def kinds(self) -> list[str]:
        return [type(report).__name__ for report in self.outbox.reports]


@pytest.fixture
async def bench() -> Bench:
    return await Bench().open()


async def test_an_entry_is_released_when_kafka_has_the_last_report(bench: Bench) -> None:
    """A filled order keeps its entry until its fill is acknowledged: a crash before that must not lose it."""
    entry = await bench.give(dispatch(terms()))
    await bench.desk.on_tick(tick_at(0))
    assert bench.kinds() == ["ReportAcknowledged", "ReportFilled"]

    assert (set(), [entry.id]) == (bench.desk.released, bench.desk.entries())

    bench.outbox.acknowledge(1)

    assert (set(), [entry.id]) == (bench.desk.released, bench.desk.entries())

    bench.outbox.acknowledge(1)

    assert ({entry.id}, []) == (bench.desk.released, bench.desk.entries())


def test_a_tick_is_met_once_and_on_its_own_partition() -> None:
    """The same offset again, an earlier one, and one of another partition are no later ticks."""
    order = working(terms(), position=ref(5))

    met = [order.comes_before(tick_at(offset, partition=partition)) for offset, partition in [(4, 0), (5, 0), (6, 1)]]

    assert met == [False, False, False]
    assert order.comes_before(tick_at(6))


async def test_a_watermark_waits_for_kafka(bench: Bench) -> None:
    """A tick counts as evaluated when all that it caused is acknowledged; before that nothing is said."""
    order = terms(quantity="5000")
    await bench.give(dispatch(order))
    bench.outbox.acknowledge()
    bench.desk.marks.written(bench.desk.marks.due())
    await bench.desk.on_tick(tick_at(3))

    assert bench.desk.marks.due() == []

    bench.outbox.acknowledge()

    ((order_id, epoch, text),) = bench.desk.marks.due()
    mark = msgspec.json.decode(text)
    assert (order.order_id, 1) == (order_id, epoch)
    assert (mark["partition"], mark["offset"], mark["reports"], mark["epoch"]) == (0, 3, 2, 1)


async def test_a_watermark_is_due_until_it_is_written(bench: Bench) -> None:
    """When Redis fails in between, the same watermark is given again."""
    await bench.give(dispatch(terms()))
    bench.outbox.acknowledge()

    first = bench.desk.marks.due()

    assert first == bench.desk.marks.due()
    bench.desk.marks.written(first)
    assert bench.desk.marks.due() == []


async def test_the_watermark_of_a_done_order_is_deleted(bench: Bench) -> None:
    """Nothing is left in Redis of an order that has ended."""
    await bench.give(dispatch(terms()))
    await bench.desk.on_tick(tick_at(0))
    bench.outbox.acknowledge()

    assert [Mark(terms().order_id, 1, "")] == bench.desk.marks.due()


async def test_a_fenced_order_is_dropped(bench: Bench) -> None:
    """A higher epoch's watermark means that another worker has the order: no tick fills it here, no word is sent."""
    entry = await bench.give(dispatch(terms()))
    bench.outbox.acknowledge()

    bench.desk.fence(bench.desk.marks.due())
    await bench.desk.on_tick(tick_at(0))

    assert bench.kinds() == ["ReportAcknowledged"]
    assert {entry.id} == bench.desk.released


async def test_an_old_mark_does_not_fence_a_new_epoch(bench: Bench) -> None:
    """Word that epoch 1 is outdated does not touch the order that is now worked under epoch 2."""
    await bench.give(dispatch(terms()))
    bench.outbox.acknowledge()
    outdated = bench.desk.marks.due()
    await bench.give(dispatch(terms(), epoch=2))

    bench.desk.fence(outdated)

    assert bench.desk.held[terms().order_id].dispatch_epoch == 2


async def test_a_dead_workers_order_goes_back_to_the_ledger(bench: Bench) -> None:
    """A claimed entry is not executed: a fresh dispatch is asked for; the entry stays until Kafka has the wish."""
    entry = bench.entry(dispatch(terms(), epoch=4))

    await bench.desk.take_over(entry)

    (request,) = bench.outbox.reports
    assert isinstance(request, RequestRedispatch)
    assert (request.reason, request.dispatch_epoch) == ("worker_lost", 4)
    assert set() == bench.desk.released
    bench.outbox.acknowledge()
    assert {entry.id} == bench.desk.released


async def test_two_workers_under_one_epoch_end_in_a_redispatch(bench: Bench) -> None:
    """The dead worker had the same order under the same epoch; ours stops too, and the ledger decides anew."""
    await bench.give(dispatch(terms()))

    await bench.desk.take_over(bench.entry(dispatch(terms())))
    await bench.desk.on_tick(tick_at(0))

    assert bench.kinds() == ["ReportAcknowledged", "RequestRedispatch"]


async def test_an_order_that_has_ended_here_is_not_taken_for_a_dead_workers(bench: Bench) -> None:
    """Its entry looks idle because Redis is slow to let it go: it is let go again, and the ledger is left in peace."""
    entry = await bench.give(dispatch(terms()))
    await bench.desk.on_tick(tick_at(0))
    bench.outbox.acknowledge()
    bench.desk.released.clear()

    await bench.desk.take_over(entry)

    assert bench.kinds() == ["ReportAcknowledged", "ReportFilled"]
    assert {entry.id} == bench.desk.released


async def test_a_lost_entry_ends_in_a_redispatch(bench: Bench) -> None:
    """Somebody thought this worker dead and took its entry: it stops, and says so in case that somebody died too."""
    entry = await bench.give(dispatch(terms()))

    bench.desk.on_missing({entry.id})
    await bench.desk.on_tick(tick_at(0))

    assert bench.kinds() == ["ReportAcknowledged", "RequestRedispatch"]
    assert bench.outbox.reports[1].reason == "entry_lost"


async def test_an_entry_released_while_it_is_touched_is_not_lost(bench: Bench) -> None:
    """An order that ended during the round trip has given its entry up itself."""
    entry = await bench.give(dispatch(terms()))
    await bench.desk.on_tick(tick_at(0))

    bench.desk.on_missing({entry.id})

    assert bench.kinds() == ["ReportAcknowledged", "ReportFilled"]


async def test_after_a_wipe_orders_go_on_from_memory(bench: Bench) -> None:
    """Redis has forgotten the entries; the order still fills."""
    await bench.give(dispatch(terms()))

    bench.desk.forget_entries(bench.desk.entries())
    assert bench.desk.entries() == []
    await bench.desk.on_tick(tick_at(0))

    assert bench.kinds() == ["ReportAcknowledged", "ReportFilled"]


async def test_a_cancel_is_passed_on_to_the_worker_that_has_the_order(bench: Bench) -> None:
    """Given the order at one worker and its CANCEL at another, the first hears of it, cancels and settles it."""
    other = await Bench(name="worker-b").open()
    await bench.give(dispatch(terms()))
    cancel = await other.give(dispatch(terms(), kind="CANCEL"))

    (heard,) = other.desk.cancels_to_publish()
    await bench.desk.on_cancel_heard(heard)
    bench.outbox.acknowledge()

    assert bench.kinds() == ["ReportAcknowledged", "ReportCanceled"]
    assert cancel.id in bench.desk.released
    other.desk.on_missing({cancel.id})
    assert (other.desk.entries(), other.outbox.reports) == ([], [])


async def test_a_cancel_that_nobody_answers_ends_in_a_redispatch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the grace the ledger is asked; the CANCEL under the higher epoch is answered, as nobody can hold it."""
    await bench.give(dispatch(terms(), kind="CANCEL"))
    await bench.desk.press_cancels()
    assert bench.outbox.reports == []

    monkeypatch.setattr("execution.desk.CANCEL_GRACE_S", -1.0)
    await bench.desk.press_cancels()
    await bench.give(dispatch(terms(), epoch=2, kind="CANCEL", filled="30"))
    bench.outbox.acknowledge()

    assert bench.kinds() == ["RequestRedispatch", "ReportCanceled"]
    assert tuple(report.dispatch_epoch for report in bench.outbox.reports) == (1, 2)
    assert len(bench.desk.released) == 2


async def test_a_cancel_of_a_higher_epoch_is_not_answered_for_others(bench: Bench) -> None:
    """Held under epoch 1 when CANCEL of epoch 2 comes: ours is void, but another may hold epoch 2."""
    await bench.give(dispatch(terms()))

    await bench.give(dispatch(terms(), epoch=2, kind="CANCEL"))

    assert bench.kinds() == ["ReportAcknowledged"]
    assert len(bench.desk.cancels_to_publish()) == 1
    assert bench.desk.held == {}


async def test_everything_is_handed_over_on_a_stop(bench: Bench) -> None:
    """A worker that stops asks for a fresh dispatch of all that it holds, and of nothing that has ended."""
    await bench.give(dispatch(terms("ends")))
    await bench.desk.on_tick(tick_at(0))
    waits = await bench.give(dispatch(terms("waits")))
    bench.outbox.acknowledge()

    bench.desk.hand_over_all("worker_stopped")
    bench.outbox.acknowledge()

    last = bench.outbox.reports[-1]
    assert isinstance(last, RequestRedispatch)
    assert (terms("waits").order_id, "worker_stopped") == (last.order_id, last.reason)
    assert waits.id in bench.desk.released
    assert bench.kinds().count("RequestRedispatch") == 1


async def test_an_outcome_of_an_unknown_order_is_a_mistake(bench: Bench) -> None:
    """Money moved that nobody here knows of: the worker stops rather than go on."""
    await bench.give(dispatch(terms()))
    await bench.give(dispatch(terms(), kind="CANCEL"))
    (canceled,) = [report for report in bench.outbox.reports if isinstance(report, ReportCanceled)]

    with pytest.raises(RuntimeError, match="expected an outcome of an order that is worked"):
        await bench.venue.cancel(bench.desk.held[canceled.order_id])


async def fills_of(bench: Bench, order: OrderTerms, market: list[TickAt], **state: Any) -> list[ReportFilled]:
    """All fills of an order that is dispatched when the whole market has passed."""
    for tick in market:
        await bench.desk.on_tick(tick)
    await bench.give(dispatch(order, **state))
    return [report for report in bench.outbox.reports if isinstance(report, ReportFilled)]


def essence(fill: ReportFilled) -> tuple[object, ...]:
    return (fill.execution_id, fill.quantity, fill.price, fill.fee, fill.market_time_us, fill.evidence)


markets = st.lists(
    st.tuples(st.sampled_from(["AAPL", "MSFT"]), st.decimals("90", "110", places=2), st.integers(0, 3_000)),
    min_size=1,
    max_size=25,
)


@given(markets, st.integers(1, 1_500), st.sampled_from(["BUY", "SELL"]), st.data())
async def test_another_worker_goes_on_with_the_same_fills(
    market: list[tuple[str, Decimal, int]], quantity: int, side: str, data: st.DataObject
) -> None:
    """However often the worker changes, before or after any fill, the fills are those of one worker that never died."""
    order = terms(quantity=str(quantity), side=side, limit_price="100", active_after=ref(-1))  # type: ignore[arg-type]
    ticks = [tick_at(offset, str(price), str(volume), symbol) for offset, (symbol, price, volume) in enumerate(market)]
    undisturbed = await fills_of(await Bench(PARAMETERS).open(), order, ticks)

    accepted: list[ReportFilled] = []
    resume_after: TickRef | None = None
    for epoch, seen in enumerate([*sorted(data.draw(st.lists(st.integers(0, len(ticks)), max_size=4))), len(ticks)], 1):
        bench = await Bench(PARAMETERS, f"worker-{epoch}").open()
        filled = str(sum((fill.quantity for fill in accepted), Decimal(0)))
        made = await fills_of(
            bench,
            order,
            ticks[:seen],
            epoch=epoch,
            filled=filled,
            resume_after=resume_after,
            acknowledged_after=ref(-1),
        )
        reached = made if seen == len(ticks) else made[: data.draw(st.integers(0, len(made)))]
        accepted += reached
        if accepted:
            assert accepted[-1].evidence is not None
            resume_after = accepted[-1].evidence.tick
        if sum(fill.quantity for fill in accepted) == quantity:
            break

    assert [essence(fill) for fill in undisturbed] == [essence(fill) for fill in accepted]


@given(markets, st.integers(1, 1_500), st.integers(0, 25))
async def test_early_and_late_orders_get_the_same(
    market: list[tuple[str, Decimal, int]], quantity: int, arrives: int
) -> None:
    """Whether an order arrives before its ticks, among them or after them, its fills are the same."""
    order = terms(quantity=str(quantity), limit_price="101", active_after=ref(-1))
    ticks = [tick_at(offset, str(price), str(volume), symbol) for offset, (symbol, price, volume) in enumerate(market)]
    late = await fills_of(await Bench(PARAMETERS).open(), order, ticks)

    bench = await Bench(PARAMETERS).open()
    early = await fills_of(bench, order, ticks[:arrives])
    for tick in ticks[arrives:]:
        await bench.desk.on_tick(tick)
    early = [report for report in bench.outbox.reports if isinstance(report, ReportFilled)]

    assert [essence(fill) for fill in late] == [essence(fill) for fill in early]


async def test_the_acknowledged_position_survives_a_redispatch(bench: Bench) -> None:
    """The ledger's first position is named again, though the market has moved on."""
    await bench.desk.on_tick(tick_at(0))
    await bench.desk.on_tick(tick_at(1))

    await bench.give(dispatch(terms(limit_price="1"), epoch=2, acknowledged_after=ref(0), resume_after=ref(1)))

    (report,) = bench.outbox.reports
    assert isinstance(report, ReportAcknowledged)
    assert report.active_after == ref(0)
