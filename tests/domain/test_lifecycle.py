"""The lifecycle of an order: every step of the table is taken by some history, and no history takes another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from domain import lifecycle
from domain.errors import BooksError
from domain.lifecycle import EXEC_TYPES, STEPS, Step
from domain.terms import TERMINAL, OrderStatus
from tests.domain.desk import Desk
from tests.domain.operators import OperatorDesk

# What FIX allows (FIX 5.0 SP2, volume 4, order state change matrices): from a terminal OrdStatus nothing leads on.
STATUSES: set[OrderStatus] = {step.after for step in STEPS}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[Step]:
    """Writes down each step that a fold takes."""
    steps: set[Step] = set()
    check = lifecycle.check

    def note(before: Any, by: str, after: Any) -> None:
        check(before, by, after)
        steps.add(Step(before, by, after))

    monkeypatch.setattr(lifecycle, "check", note)
    return steps


def _plain(desk: Desk) -> str:
    """A purchase of ten, as the ledger has just accepted it."""
    order = desk.submit("BUY", "10", "10", order_type="STOP_LIMIT", stop_price=Decimal(9))
    return str(order.order.order_id)


def _reach(desk: Desk, status: str) -> str:
    """An order in that status, in an account of its own."""
    order_id = _plain(desk)
    match status:
        case "PENDING_NEW":
            pass
        case "NEW":
            desk.acknowledge(order_id)
        case "PARTIALLY_FILLED":
            desk.fill(order_id, "4", "10")
        case "PENDING_REPLACE":
            desk.replace(order_id, quantity="4")
        case "PENDING_CANCEL":
            desk.replace(order_id, quantity="4")
            desk.cancel(order_id)
        case _:
            raise AssertionError(status)
    assert desk.status(order_id) == status
    return order_id


_AT_VENUE = ("PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_REPLACE", "PENDING_CANCEL")


_INPUTS: dict[str, Callable[[Desk, str], Any]] = {
    "acknowledge": Desk.acknowledge,
    "trigger": Desk.triggered,
    "fill a part": lambda desk, order: desk.fill(order, "1", "10"),
    "fill the rest": lambda desk, order: desk.fill(order, str(desk.account.orders[order].leaves_quantity), "10"),
    "replace": lambda desk, order: desk.replace(order, quantity="20"),
    "answer": Desk.replaced,
    "refuse": Desk.replace_refused,
    "cancel": Desk.cancel,
    "canceled": Desk.canceled,
    "expired": Desk.expired,
    "refused": Desk.refused,
    "redispatch": Desk.redispatch,
}
"""Everything that can happen to an order that a venue has."""


def test_every_step_of_the_table_is_taken(taken: set[Step]) -> None:
    """Each status is reached and met by each input, in groups as well; together they take all steps, and no other."""
    for status in _AT_VENUE:
        for happen in _INPUTS.values():
            desk = Desk()
            happen(desk, _reach(desk, status))
    _taken_over()
    _answers()
    _groups()
    _restated()

    assert taken == STEPS


def _taken_over() -> None:
    """An order that a second worker acknowledges under a later epoch."""
    desk = Desk()
    order_id = _reach(desk, "NEW")
    desk.redispatch(order_id)
    desk.acknowledge(order_id, dispatch_epoch=2)


def _answers() -> None:
    """The answers to a replacement of an order that was acknowledged, filled in part, or filled as far as it goes."""
    for answer in ("replaced", "replace_refused"):
        for begin in ("acknowledge", "fill", "nothing"):
            for cancel in (False, True):
                desk = Desk()
                order_id = _plain(desk)
                if begin == "acknowledge":
                    desk.acknowledge(order_id)
                elif begin == "fill":
                    desk.fill(order_id, "3", "10")
                desk.replace(order_id, quantity="4")
                if cancel:
                    desk.cancel(order_id)
                getattr(desk, answer)(order_id)
                desk.redispatch(order_id)
    for cancel in (False, True):
        desk = Desk()
        order_id = _plain(desk)
        desk.replace(order_id, quantity="4")
        desk.fill(order_id, "4", "10")
        if cancel:
            desk.cancel(order_id)
        desk.replaced(order_id)


def _restated() -> None:
    """Fills that are corrected, to less than the order or to all of it, or busted, one of two or the only one."""
    for status in ("PARTIALLY_FILLED", "PENDING_REPLACE", "PENDING_CANCEL"):
        for quantity in ("3", "10"):
            desk, fill = _filled_in_part(status)
            desk.send(desk.correcting(fill, quantity, "10"))
    for status in ("PARTIALLY_FILLED", "PENDING_REPLACE", "PENDING_CANCEL"):
        for happen in ("", "acknowledge", "fill"):
            desk, fill = _filled_in_part(status)
            if happen == "acknowledge":
                desk.acknowledge(fill.order_id)
            elif happen == "fill":
                desk.fill(fill.order_id, "1", "10")
            desk.send(desk.busting(fill))


def _filled_in_part(status: str) -> tuple[OperatorDesk, Any]:
    desk = OperatorDesk()
    order_id = _plain(desk)
    fill = desk.fill(order_id, "4", "10")
    if status == "PENDING_REPLACE":
        desk.replace(order_id, quantity="12")
    elif status == "PENDING_CANCEL":
        desk.cancel(order_id)
    return desk, fill


def _groups() -> None:
    for status in ("PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_REPLACE"):
        for kind, filled in (("OCO", "1"), ("BRACKET", "2"), ("BRACKET", "10")):
            desk = Desk()
            first, second = _exits(desk, kind)
            match status:
                case "NEW":
                    desk.acknowledge(second)
                case "PARTIALLY_FILLED":
                    desk.fill(second, "1", "10")
                case "PENDING_REPLACE":
                    desk.replace(second, quantity="9")
            left = desk.account.position("AAPL").held if filled == "10" else filled
            if status == "PARTIALLY_FILLED" and kind == "OCO":
                continue  # the other was asked to be cancelled already
            desk.fill(first, str(left), "10")
    for ending in ("fill", "canceled"):
        desk = Desk()
        entry, *exits = _bracket(desk)
        if ending == "fill":
            desk.cancel(exits[1].order_id)
            desk.fill(entry.order_id, "10", "10")
        else:
            desk.canceled(entry.order_id)
    desk = Desk()
    desk.group("OTO", desk.terms("a", "BUY", "1", limit_price="1"), desk.terms("b", "BUY", "1", limit_price="0.001"))
    desk.submit("BUY", "1", "0.001")


def _bracket(desk: Desk) -> list[Any]:
    orders = [
        desk.terms("e", "BUY", "10", limit_price="10"),
        desk.terms("p", "SELL", "10", limit_price="12"),
        desk.terms("l", "SELL", "10", "STOP", stop_price="9"),
    ]
    desk.group("BRACKET", *orders)
    return orders


def _exits(desk: Desk, kind: str) -> tuple[str, str]:
    """Two legs at the venue that exclude each other."""
    if kind == "BRACKET":
        entry, profit, loss = _bracket(desk)
        desk.fill(entry.order_id, "10", "10")
        return profit.order_id, loss.order_id
    desk.trade("BUY", "10", "10")
    profit = desk.terms("p", "SELL", "10", limit_price="12")
    loss = desk.terms("l", "SELL", "10", "STOP", stop_price="9")
    desk.group("OCO", profit, loss)
    return profit.order_id, loss.order_id


def test_from_a_terminal_status_nothing_leads_on() -> None:
    """Filled, cancelled, expired and rejected are ends; from everything else an end can be reached."""
    assert {"FILLED", "CANCELED", "EXPIRED", "REJECTED"} == TERMINAL
    for status in STATUSES:
        reached: set[OrderStatus] = set()
        waiting = deque([status])
        while waiting:
            found = {step.after for step in STEPS if step.before == waiting[0]} - reached
            waiting.popleft()
            reached |= found
            waiting.extend(found)
        assert bool(reached & TERMINAL) != (status in TERMINAL), status
        assert status not in TERMINAL or not reached


def test_a_step_that_is_not_in_the_table_stops_the_fold() -> None:
    """A filled order that is acknowledged would be a history that never was."""
    with pytest.raises(BooksError, match="OrderAcknowledged led an order from FILLED to NEW"):
        lifecycle.check("FILLED", "OrderAcknowledged", "NEW")


def test_every_event_of_the_table_has_its_exec_type() -> None:
    """The value of FIX tag 150 for each; compared with the letters of FIX 5.0 SP2 for those that it names itself."""
    assert {step.by for step in STEPS} == EXEC_TYPES.keys()
    fix = {"OrderAcknowledged": "0", "OrderCanceled": "4", "OrderReplaced": "5", "OrderCancelRequested": "6"}
    fix |= {"OrderRejected": "8", "OrderAccepted": "A", "OrderExpired": "C", "OrderFilled": "F", "OrderTriggered": "L"}
    fix |= {"OrderReplaceRequested": "E", "FillCorrected": "G", "FillBusted": "H"}
    assert {name: EXEC_TYPES[name] for name in fix} == fix
