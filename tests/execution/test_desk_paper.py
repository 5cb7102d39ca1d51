"""A worker's desk with the paper venue behind it: what the ledger hears of stops, times, groups and replacements."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.dispatch import Dispatch
from domain.reports import (
    ReportExpired,
    ReportFilled,
    ReportRefused,
    ReportReplaced,
    ReportTriggered,
)
from domain.terms import OrderTerms
from execution.desk import Desk
from execution.paper import PaperVenue
from tests.execution.examples import NO_COSTS, dispatch, tick_at
from tests.execution.paper_desk import at, order, us
from tests.execution.test_desk import Archive, Bench

EXITS: Any = {"group_id": "grp_1", "group_kind": "BRACKET", "parent_order_id": "ord_parent"}
OCO: Any = {"group_id": "grp_1", "group_kind": "OCO"}


async def bench_of(*, shared: bool = False) -> Bench:
    made = Bench()
    made.venue = PaperVenue(NO_COSTS, shared_liquidity=shared)
    made.desk = Desk("worker-a", made.venue, made.window, made.outbox, Archive([]))
    return await made.open()


async def give(bench: Bench, terms: OrderTerms) -> None:
    """Dispatch an order that is active after tick 0."""
    await bench.give(dispatch(terms, acknowledged_after=at(0, "100").ref))


def of(bench: Bench, terms: OrderTerms) -> list[Any]:
    """What was reported of an order, its acknowledgement left out."""
    return [report for report in bench.outbox.reports if report.order_id == terms.order_id][1:]


@pytest.mark.parametrize("shared", [False, True])
async def test_a_fill_is_reported_with_its_role(shared: bool) -> None:
    """A post-only order waited, a limit order that rests may have waited but pays as a taker, and a market order came.

    The account's fee schedule charges by it.
    """
    bench = await bench_of(shared=shared)
    waits, rests, comes = (
        order("LIMIT", name="waits", limit_price="100", post_only=True),
        order("LIMIT", name="rests", limit_price="100"),
        order(name="comes"),
    )
    for terms in (waits, rests):
        await give(bench, terms)
    await bench.desk.on_tick(at(1, "101"))
    await give(bench, comes)

    await bench.desk.on_tick(at(2, "99"))

    roles = {report.order_id: report.liquidity for report in bench.outbox.reports if isinstance(report, ReportFilled)}
    assert roles == {waits.order_id: "MAKER", rests.order_id: "TAKER", comes.order_id: "TAKER"}


async def test_a_stop_is_reported_as_triggered_and_as_filled() -> None:
    """One tick, two reports, in this order."""
    bench, stop = await bench_of(), order("STOP", stop_price="105")
    await give(bench, stop)

    await bench.desk.on_tick(at(1, "106"))

    triggered, filled = of(bench, stop)
    assert isinstance(triggered, ReportTriggered)
    assert (triggered.price, triggered.tick) == (Decimal(106), at(1, "106").ref)
    assert isinstance(filled, ReportFilled)
    assert filled.price == Decimal(106)


async def test_a_day_order_is_reported_as_expired() -> None:
    """Another symbol's tick of the next morning is enough; the entry goes when Kafka has the report."""
    bench, day = await bench_of(), order("LIMIT", limit_price="1", time_in_force="DAY")
    await give(bench, day)
    await bench.desk.on_tick(at(1, "100"))
    morning = tick_at(2, symbol="MSFT")
    morning = morning._replace(ref=msgspec.structs.replace(morning.ref, market_time_us=us("2012-01-12T14:30")))

    await bench.desk.on_tick(morning)
    bench.outbox.acknowledge()

    (expired,) = of(bench, day)
    assert isinstance(expired, ReportExpired)
    assert (expired.reason, expired.market_time_us) == ("day_over", us("2012-01-11T21:00"))
    assert bench.desk.held == {}


async def test_a_post_only_order_may_be_refused_after_it_was_acknowledged() -> None:
    """The venue has it, and only the next print shows that it would take."""
    bench, maker = await bench_of(), order("LIMIT", limit_price="100", post_only=True)
    await give(bench, maker)

    await bench.desk.on_tick(at(1, "99"))

    (refused,) = of(bench, maker)
    assert isinstance(refused, ReportRefused)
    assert refused.code == "ORDER_POST_ONLY_WOULD_TAKE"


@pytest.mark.parametrize("shared", [False, True])
async def test_one_leg_that_fills_ends_the_other(*, shared: bool) -> None:
    """In one book the other leg ends before its turn; alone, the desk cancels it after the tick. Once, both ways."""
    bench = await bench_of(shared=shared)
    profit = order("LIMIT", "SELL", name="profit", limit_price="110", **OCO)
    loss = order("STOP", "SELL", name="loss", stop_price="90", **OCO)
    for leg in (loss, profit):
        await give(bench, leg)

    for tick in (at(1, "111", "50"), at(2, "80")):
        await bench.desk.on_tick(tick)

    assert [type(report).__name__ for report in of(bench, loss)] == ["ReportCanceled"]
    assert [report.quantity for report in of(bench, profit)] == [Decimal(50)]


@pytest.mark.parametrize("shared", [False, True])
async def test_exits_shrink_with_each_other(*, shared: bool) -> None:
    """40 of the take-profit are sold: the stop-loss of 100 is asked to be one of 60, and sells that."""
    bench = await bench_of(shared=shared)
    profit = order("LIMIT", "SELL", name="profit", limit_price="110", **EXITS)
    loss = order("STOP", "SELL", name="loss", stop_price="90", **EXITS)
    for leg in (loss, profit):
        await give(bench, leg)

    for tick in (at(1, "111", "40"), at(2, "89", "1000")):
        await bench.desk.on_tick(tick)

    replaced, triggered, filled = of(bench, loss)
    assert isinstance(replaced, ReportReplaced)
    assert (replaced.revision, replaced.keeps_priority) == (1, True)
    assert isinstance(triggered, ReportTriggered)
    assert filled.quantity == Decimal(60)


async def test_a_replacement_counts_from_the_next_tick() -> None:
    """A purchase at 95 is moved to 105 after a print at 100: the next one at 104 fills it."""
    bench, terms = await bench_of(), order("LIMIT", limit_price="95")
    await give(bench, terms)
    await bench.desk.on_tick(at(1, "100"))
    new = msgspec.structs.replace(terms, limit_price=Decimal(105))
    wish: Dispatch = dispatch(terms, kind="REPLACE", replacement=new, revision=1)

    await bench.give(wish)
    await bench.desk.on_tick(at(2, "104"))

    replaced, filled = of(bench, terms)
    assert isinstance(replaced, ReportReplaced)
    assert (replaced.revision, replaced.keeps_priority) == (1, False)
    assert (filled.quantity, filled.price) == (Decimal(100), Decimal(104))
