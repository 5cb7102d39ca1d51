"""Breaks with the venue's records: found once, refused when outdated, resolved, never in the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events, ids
from domain.breaks import BREAKS, BreakKind, is_of_execution
from tests.domain.desk import Desk, legs

MISSING: BreakKind = "EXECUTION_MISSING_IN_LEDGER"
UNKNOWN: BreakKind = "ORDER_UNKNOWN_TO_LEDGER"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_break_is_on_record_with_all_that_was_said_and_moves_nothing(desk: Desk) -> None:
    """The event names both sides; the account remembers the break, and no balance and no order changes."""
    balances, version = dict(desk.account.trial_balance()), desk.account.version

    event = desk.found(MISSING, "ord_x", "exe_x", expected="no such execution", actual="5 at 10.01")

    assert isinstance(event, events.BreakFound)
    assert (event.kind, event.order_id, event.execution_id) == (MISSING, "ord_x", "exe_x")
    assert (event.expected, event.actual, event.venue) == ("no such execution", "5 at 10.01", "paper")
    assert legs(event) == set()
    assert event.originator_version == version + 1
    known = desk.account.breaks[event.break_id]
    assert (known.kind, known.order_id, known.execution_id, known.found_at_us) == (
        MISSING,
        "ord_x",
        "exe_x",
        desk.now_us,
    )
    assert desk.account.trial_balance() == balances


def test_the_same_break_found_by_two_workers_is_one(desk: Desk) -> None:
    """Whoever finds it, whatever the report is called: kind, order and execution make it the same break."""
    desk.found(UNKNOWN, "ord_x", worker_id="w1")

    again = desk.found(UNKNOWN, "ord_x", worker_id="w2", report_id="another", actual="said differently")

    assert again is None
    assert len(desk.account.breaks) == 1


def test_a_break_needs_no_dispatch_epoch_and_no_order_of_the_ledger(desk: Desk) -> None:
    """What the venue has and the ledger never had can be put on record all the same."""
    assert desk.account.order("ord_never_heard_of") is None

    assert isinstance(desk.found(UNKNOWN, "ord_never_heard_of"), events.BreakFound)


def test_a_resolved_break_is_gone_and_may_come_again(desk: Desk) -> None:
    """Its resolution names what it was about; the next time it is found it is a new event of the same id."""
    first = desk.found(MISSING, "ord_x", "exe_x")

    event = desk.resolved(first.break_id, reason="the books have it")

    assert isinstance(event, events.BreakResolved)
    assert (event.kind, event.order_id, event.execution_id) == (MISSING, "ord_x", "exe_x")
    assert event.reason == "the books have it"
    assert desk.account.breaks == {}
    assert desk.found(MISSING, "ord_x", "exe_x").break_id == first.break_id


def test_a_break_of_a_fill_that_arrives_first_is_refused(desk: Desk) -> None:
    """The projection was behind: the ledger has the execution by the time it hears that it has not."""
    fill = desk.trade("BUY", "5", "10.00")

    event = desk.found(MISSING, fill.order_id, fill.execution_id)

    assert isinstance(event, events.ReportRejected)
    assert (event.code, event.details["status"]) == ("BREAK_OUTDATED", "FILLED")
    assert desk.account.breaks == {}


@pytest.mark.parametrize("kind", [kind for kind in BREAKS if kind not in (UNKNOWN, MISSING)])
def test_what_can_differ_of_an_acknowledged_and_partly_filled_order(desk: Desk, kind: BreakKind) -> None:
    """Given an order at the venue with one fill, each kind that speaks of what the ledger has is taken."""
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.acknowledge(order_id)
    fill = desk.fill(order_id, "1", "10.00")

    event = desk.found(kind, order_id, fill.execution_id if is_of_execution(kind) else None)

    assert isinstance(event, events.BreakFound)


def test_an_order_that_is_dispatched_anew_is_not_missing_at_the_venue(desk: Desk) -> None:
    """The ledger knows itself that nobody holds it: what is found of its past is outdated."""
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.acknowledge(order_id)
    desk.redispatch(order_id)

    assert desk.found("ORDER_MISSING_AT_VENUE", order_id).code == "BREAK_OUTDATED"


def test_an_order_that_has_ended_is_neither_missing_nor_of_another_quantity(desk: Desk) -> None:
    """It was filled while somebody compared."""
    order_id = desk.trade("BUY", "5", "10.00").order_id

    for kind in ("ORDER_MISSING_AT_VENUE", "ORDER_QUANTITY_DIFFERS"):
        assert desk.found(kind, order_id).code == "BREAK_OUTDATED"
    assert isinstance(desk.found(UNKNOWN, order_id), events.BreakFound)


def test_an_execution_that_the_order_does_not_have_cannot_be_unknown_to_the_venue(desk: Desk) -> None:
    """The ledger would have to have it."""
    order_id = desk.trade("BUY", "5", "10.00").order_id

    for kind in ("EXECUTION_UNKNOWN_TO_VENUE", "EXECUTION_DIFFERS"):
        assert desk.found(kind, order_id, "exe_of_another").code == "BREAK_OUTDATED"


def test_trading_goes_on_with_a_break_open(desk: Desk) -> None:
    """A break is a finding, not a lock: fills, cancels and ends go their way, and the break stays."""
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.acknowledge(order_id)
    found = desk.found("ORDER_QUANTITY_DIFFERS", order_id)

    fill = desk.fill(order_id, "5", "10.00")

    assert (fill.status, list(desk.account.breaks)) == ("FILLED", [found.break_id])


STEPS = st.lists(
    st.tuples(st.sampled_from(["found", "resolved"]), st.sampled_from(sorted(BREAKS)), st.sampled_from("abc")),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_what_is_open_is_what_was_found_and_not_resolved(steps: list[tuple[str, Any, str]]) -> None:
    """Random reports against a plain set: one event for each, none for a repeat, and the fold gives the same state."""
    desk, is_open = Desk(), set()
    for what, kind, name in steps:
        execution = f"exe_{name}" if is_of_execution(kind) else None
        key = ids.break_id(kind, f"ord_{name}", execution)
        # The ledger has none of these orders, so what presumes that it has them open is outdated.
        possible = kind not in ("ORDER_MISSING_AT_VENUE", "ORDER_QUANTITY_DIFFERS")
        if what == "found":
            event = desk.found(kind, f"ord_{name}", execution)
            expected = None if key in is_open else events.BreakFound if possible else events.ReportRejected
            is_open |= {key} if possible else set()
        else:
            event = desk.resolved(key)
            expected = events.BreakResolved if key in is_open else events.ReportRejected
            is_open -= {key}

        assert (None if event is None else type(event)) is expected
        assert set(desk.account.breaks) == is_open
    assert desk.refolded().digest() == desk.ledger.digest()
