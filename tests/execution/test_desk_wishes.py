"""Replacements, and fills that concern other orders of a group, at one worker's desk without servers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.dispatch import Dispatch
from domain.events import OrderTerms
from domain.reports import (
    ReportAcknowledged,
    ReportCanceled,
    ReportExpired,
    ReportFilled,
    ReportReplaced,
    ReportReplaceRefused,
    ReportTriggered,
    RequestRedispatch,
)
from execution import desk as desk_module
from execution.venue import Expiry, Trigger
from tests.execution.examples import dispatch, ref, terms, tick_at
from tests.execution.test_desk import Bench, bench

__all__ = ["bench"]


def resting(name: str = "one", quantity: str = "10", **more: Any) -> OrderTerms:
    """A purchase at one cent, which no tick of these tests meets."""
    return terms(name, quantity=quantity, **({"limit_price": "0.01"} | more))


def replace(order: OrderTerms, quantity: str, revision: int = 1, **more: Any) -> Dispatch:
    new = order.of_quantity(Decimal(quantity))
    return dispatch(order, kind="REPLACE", revision=revision, replacement=new, **more)


def kinds(bench: Bench) -> list[type[Any]]:
    return [type(report) for report in bench.outbox.reports]


async def test_a_replacement_is_answered_and_its_entry_released_when_kafka_knows(bench: Bench) -> None:
    """The order is worked under the new terms at once; the entry stays pending until the ledger can know."""
    order = resting()
    await bench.give(dispatch(order))
    bench.outbox.acknowledge()
    entry = await bench.give(replace(order, "6"))

    assert kinds(bench) == [ReportAcknowledged, ReportReplaced]
    assert bench.outbox.reports[1].revision == 1
    assert bench.desk.held[order.order_id].leaves == 6
    assert entry.id not in bench.desk.released
    assert entry.id in bench.desk.entries()
    bench.outbox.acknowledge()
    assert entry.id in bench.desk.released
    assert entry.id not in bench.desk.entries()


async def test_the_same_replacement_again_is_settled(bench: Bench) -> None:
    """The ledger sends it again when it has heard nothing; the venue is not asked twice."""
    order = resting()
    await bench.give(dispatch(order))
    await bench.give(replace(order, "6"))
    bench.outbox.acknowledge()
    again = await bench.give(replace(order, "6"))

    assert kinds(bench).count(ReportReplaced) == 1
    assert again.id in bench.desk.released


async def test_an_order_that_is_dispatched_with_a_replacement_is_replaced_first(bench: Bench) -> None:
    """Whoever takes the order over works the old terms, and asks for the new ones before it meets a tick."""
    order = terms(quantity="10")
    bench.window.add(tick_at(1))
    message = replace(order, "4")
    await bench.give(dispatch(order, acknowledged_after=ref(0), revision=1, replacement=message.replacement))

    assert kinds(bench)[:2] == [ReportAcknowledged, ReportReplaced]
    assert sum(report.quantity for report in bench.outbox.reports if isinstance(report, ReportFilled)) <= 4


async def test_a_replacement_below_what_is_filled_is_refused(bench: Bench) -> None:
    """Three of ten are done: two cannot be asked for; the order goes on with what it has left."""
    order = terms(quantity="10")
    await bench.give(dispatch(order, acknowledged_after=ref(0)))
    await bench.desk.on_tick(tick_at(1, volume="3"))
    await bench.give(replace(order, "2"))

    assert isinstance(bench.outbox.reports[-1], ReportReplaceRefused)
    held = bench.desk.held[order.order_id]
    assert (held.leaves, held.terms.quantity, held.asked) == (7, 10, None)


async def test_a_replacement_of_anothers_order_is_passed_on(bench: Bench, monkeypatch: Any) -> None:
    """It is said to all workers, and ends in a redispatch when nobody answers."""
    order = resting()
    entry = await bench.give(replace(order, "6"))
    assert [waiting.id for waiting in bench.desk.cancels_to_publish()] == [entry.id]

    monkeypatch.setattr(desk_module, "CANCEL_GRACE_S", -1.0)
    await bench.desk.press_cancels()
    assert [type(report) for report in bench.outbox.reports] == [RequestRedispatch]


async def test_a_replacement_that_was_heard_of_is_done_by_who_has_the_order(bench: Bench) -> None:
    """The worker that holds the order replaces it; the entry is not its own, and is deleted once the ledger knows."""
    order = resting()
    await bench.give(dispatch(order))
    heard = bench.entry(replace(order, "6"))
    await bench.desk.on_cancel_heard(heard)
    bench.outbox.acknowledge()

    assert isinstance(bench.outbox.reports[-1], ReportReplaced)
    assert heard.id in bench.desk.released


def leg(name: str, kind: str, quantity: str = "10", **more: Any) -> OrderTerms:
    parent = None if kind == "OCO" else "ord_parent"
    return terms(
        name, side="SELL", quantity=quantity, group_id="grp_1", group_kind=kind, parent_order_id=parent, **more
    )


async def test_a_fill_of_one_leg_cancels_the_other_before_it_meets_the_tick(bench: Bench) -> None:
    """Both could be had at 100: the first takes it, the second is cancelled by the worker itself, not by the ledger."""
    first, second = (leg(name, "OCO", limit_price="99") for name in ("a", "b"))
    for order in (first, second):
        await bench.give(dispatch(order, acknowledged_after=ref(0)))
    await bench.desk.on_tick(tick_at(1))

    by_order = {report.order_id: type(report) for report in bench.outbox.reports[2:]}
    assert by_order == {first.order_id: ReportFilled, second.order_id: ReportCanceled}


async def test_a_fill_of_one_exit_makes_the_other_smaller_with_the_ledgers_revision(bench: Bench) -> None:
    """Three of ten are sold: the worker asks the venue for seven as revision 1, as the ledger will."""
    profit = leg("a", "BRACKET", limit_price="99")
    loss = leg("b", "BRACKET", limit_price="200")
    for order in (profit, loss):
        await bench.give(dispatch(order, acknowledged_after=ref(0)))
    await bench.desk.on_tick(tick_at(1, volume="3"))

    answer = bench.outbox.reports[-1]
    assert isinstance(answer, ReportReplaced)
    assert (answer.order_id, answer.revision) == (loss.order_id, 1)
    assert bench.desk.held[loss.order_id].leaves == 7
    entry = await bench.give(replace(loss, "7"))
    bench.outbox.acknowledge()
    assert kinds(bench).count(ReportReplaced) == 1
    assert entry.id in bench.desk.released


async def test_orders_that_one_triggers_do_not_exclude_each_other(bench: Bench) -> None:
    """Of an OTO all orders may fill."""
    orders = [leg(name, "OTO", limit_price="99") for name in ("a", "b")]
    for order in orders:
        await bench.give(dispatch(order, acknowledged_after=ref(0)))
    await bench.desk.on_tick(tick_at(1))

    assert kinds(bench).count(ReportFilled) == 2


async def test_a_trigger_and_an_expiry_are_reported(bench: Bench) -> None:
    """A triggered order works on; an expired one is done, and its entry is released."""
    order = resting()
    entry = await bench.give(dispatch(order))
    bench.desk.on_outcome(order.order_id, Trigger(price=tick_at(1).tick.price, market_time_us=1, tick=ref(1)))
    assert bench.desk.held[order.order_id].triggered
    bench.desk.on_outcome(order.order_id, Expiry("day_over", 2))
    bench.outbox.acknowledge()

    assert kinds(bench) == [ReportAcknowledged, ReportTriggered, ReportExpired]
    assert bench.outbox.reports[1].tick == ref(1)
    assert entry.id in bench.desk.released
    assert order.order_id not in bench.desk.held
