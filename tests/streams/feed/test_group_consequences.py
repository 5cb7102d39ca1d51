"""The lockstep feed's bookkeeping of stops, expiries, replacements and groups: what they owe before a tick is over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events
from domain.commands import SubmitOrder
from domain.market import TickRef
from tests.streams.feed.test_consequences import (
    BASE,
    CLOSE_US,
    accepted,
    at,
    command_of,
    filled,
    fresh,
    mark,
    order_at_work,
    signal,
)

PARENT, FIRST, SECOND = "ord_parent", "ord_first", "ord_second"


def leg(order_id: str) -> events.OrderTerms:
    """A leg of a group for AAPL, decided at the tick at offset 4."""
    return events.OrderTerms(
        order_id=order_id,
        client_order_id=order_id,
        symbol="AAPL",
        side="SELL",
        order_type="LIMIT",
        quantity=Decimal(2),
        limit_price=Decimal(12),
        active_after=TickRef(partition=0, offset=4, market_time_us=CLOSE_US),
    )


def group(kind: Any, *order_ids: str) -> events.OrderGroupAccepted:
    return events.OrderGroupAccepted(
        **BASE,
        command_id="cmd_group",
        group_id="grp_1",
        client_group_id="1",
        kind=kind,
        orders=tuple(map(leg, order_ids)),
        hold_cash=Decimal(0),
        hold_quantity=Decimal(2),
        dispatch_epoch=1,
    )


def link(order_id: str, effect: Any, revision: int = 0) -> events.LinkedOrder:
    return events.LinkedOrder(order_id=order_id, effect=effect, quantity=Decimal(1), revision=revision)


def fill_of(order_id: str, status: events.OrderStatus, *linked: events.LinkedOrder) -> events.OrderFilled:
    fill = filled(command_of(signal(at(4, closing=True))), status)
    return msgspec.structs.replace(fill, order_id=order_id, linked=linked)


def ending(kind: type[Any], order_id: str, *linked: events.LinkedOrder, **fields: Any) -> Any:
    """What ends an order, or answers for its terms."""
    head = {"report_id": f"rep_{order_id}_{kind.__name__}", "order_id": order_id, "dispatch_epoch": 1}
    rest = {"released_cash": Decimal(0), "released_quantity": Decimal(0), **fields}
    return kind(**BASE, **head, **rest, **({"linked": linked} if linked else {}))


def replaced(
    order_id: str, revision: int, status: events.OrderStatus = "NEW", *linked: events.LinkedOrder
) -> events.OrderReplaced:
    return ending(
        *(events.OrderReplaced, order_id, *linked),
        revision=revision,
        keeps_priority=True,
        order=leg(order_id),
        leaves_quantity=Decimal(1),
        status=status,
    )


def triggered(command: SubmitOrder) -> events.OrderTriggered:
    return events.OrderTriggered(
        **BASE,
        report_id="rep_trigger",
        order_id=command.order_id,
        dispatch_epoch=1,
        venue="PAPER",
        price=Decimal(11),
        tick=None,
        market_time_us=1,
    )


def test_a_trigger_and_an_answer_are_reports() -> None:
    """The engine counts what it says of triggers and replacements, so the tape must show them before a tick is over."""
    known, command = order_at_work()
    wanted = {command.order_id: mark(5, 4)}
    refused = ending(events.OrderReplaceRefused, command.order_id, revision=1, code="C_D", text="", status="NEW")
    found = []
    for event in (triggered(command), replaced(command.order_id, 2), refused):
        found.append(known.missing(at(5), wanted))
        known.on_ledger_event(event)

    assert [str(text).split(" of order")[0] for text in found] == [f"report {n} of 4" for n in (2, 3, 4)]
    assert known.missing(at(5), wanted) is None


def test_an_expiry_ends_the_waiting() -> None:
    """An order whose time is over owes nothing; nor does one of which a smaller quantity leaves nothing."""
    known, command = order_at_work()
    known.on_ledger_event(accepted(command))
    known.on_ledger_event(
        ending(
            *(events.OrderExpired, command.order_id),
            reason="day_over",
            market_time_us=1,
            expired_quantity=Decimal(1),
        )
    )
    assert not known.has_open("AAPL")

    known.on_ledger_event(accepted(command))
    known.on_ledger_event(replaced(command.order_id, 1, "FILLED"))
    assert not known.has_open("AAPL")


def test_all_legs_of_an_oco_are_awaited() -> None:
    """They are at the venue together, so each is evaluated at a tick."""
    known = fresh()
    known.on_ledger_event(group("OCO", FIRST, SECOND))
    assert known.awaited_orders(at(5)) == [FIRST, SECOND]


@pytest.mark.parametrize("done", ["filled", "replaced"])
def test_of_an_oto_the_parent_is_awaited_until_it_is_done(done: str) -> None:
    """Whether it fills, or is made as small as it is filled: then the orders that it sends out."""
    links = (link(FIRST, "ACTIVATED"), link(SECOND, "CANCELED"))
    known = fresh()
    known.on_ledger_event(group("OTO", PARENT, FIRST, SECOND))
    assert known.awaited_orders(at(5)) == [PARENT]
    known.on_ledger_event(
        fill_of(PARENT, "FILLED", *links) if done == "filled" else replaced(PARENT, 1, "FILLED", *links)
    )
    assert known.awaited_orders(at(5)) == [FIRST]
    assert "dispatch epoch 1" in str(known.missing(at(5), {FIRST: mark(5, 0, epoch=0)}))
    assert known.missing(at(5), {FIRST: mark(5, 0)}) is None


def test_a_rejected_group_is_a_verdict() -> None:
    """Neither its legs nor its command keep a tick waiting."""
    known = fresh()
    known.on_ledger_event(
        events.OrderGroupRejected(
            **BASE,
            command_id="cmd_group",
            group_id="grp_1",
            client_group_id="1",
            kind="OCO",
            orders=(leg(FIRST), leg(SECOND)),
            order_id=FIRST,
            code="UNITS_INSUFFICIENT",
            text="",
            details={},
        )
    )

    assert not known.has_open("AAPL")


def test_what_a_fill_asks_of_the_others_is_answered_before_the_next_tick() -> None:
    """A leg that is to be smaller, or cancelled, would fill otherwise at the next tick than it does in another run."""
    known = fresh()
    known.on_ledger_event(group("OCO", FIRST, SECOND))
    marks = {FIRST: mark(5, 0), SECOND: mark(5, 0)}
    known.on_ledger_event(fill_of(FIRST, "PARTIALLY_FILLED", link(SECOND, "REDUCED", revision=2)))
    asked = known.missing(at(5), marks)
    known.on_ledger_event(replaced(SECOND, 1))
    still = known.missing(at(5), marks)
    known.on_ledger_event(replaced(SECOND, 2))

    assert asked == still == f"the venue's answer to the revision 2 of order {SECOND} on ledger.events"
    assert known.missing(at(5), marks) is None

    known.on_ledger_event(fill_of(FIRST, "FILLED", link(SECOND, "CANCEL_REQUESTED")))
    assert known.missing(at(5), marks) == f"the venue's answer to the cancel of order {SECOND} on ledger.events"
    assert known.missing(at(5, "MSFT"), {}) is not None, "the leg may be of another symbol, whose tick comes next"
    known.on_ledger_event(ending(events.OrderCanceled, SECOND, reason="group", canceled_quantity=Decimal(1)))
    assert known.missing(at(5), {}) is None


def test_a_waiting_order_that_is_void_is_gone() -> None:
    """A parent that ends unfilled voids its orders, and so does whoever cancels one that still waits."""
    known = fresh()
    known.on_ledger_event(group("OTO", PARENT, FIRST, SECOND))
    known.on_ledger_event(
        events.OrderCancelRequested(
            **BASE, command_id="c", order_id=FIRST, dispatch_epoch=0, linked=(link(FIRST, "CANCELED"),)
        )
    )
    known.on_ledger_event(
        ending(
            *(events.OrderCanceled, PARENT, link(SECOND, "CANCELED")), reason="requested", canceled_quantity=Decimal(2)
        )
    )

    assert not known.has_open("AAPL")
