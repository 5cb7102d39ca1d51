"""The kill switch (RTS 6 article 12): from its event on nothing new in scope, and all that works is being cancelled."""

from __future__ import annotations

from typing import Any

import pytest

from domain import commands, events
from domain.orders import Order
from domain.risk_book import Halt
from tests.domain.risk_desk import RiskDesk


def _desk() -> RiskDesk:
    """Orders `a` and `b` of the strategy momentum and `c` of none work."""
    desk = RiskDesk()
    for client_id, strategy in (("a", "momentum"), ("b", "momentum"), ("c", None)):
        desk.submit("BUY", "2", "10.00", client_order_id=client_id, strategy_id=strategy)
    return desk


def _statuses(desk: RiskDesk) -> dict[str, str]:
    return {order.terms.client_order_id: order.status for order in desk.account.orders.values()}


def _id(desk: RiskDesk, client_id: str) -> str:
    return next(name for name, order in desk.account.orders.items() if order.terms.client_order_id == client_id)


@pytest.mark.parametrize(
    ("scope", "cancelled", "momentum", "others"),
    [
        ("ACCOUNT", {"a", "b", "c"}, "ACCOUNT_HALTED", "ACCOUNT_HALTED"),
        ("STRATEGY", {"a", "b"}, "STRATEGY_DISABLED", None),
        ("ORDER", {"b"}, None, None),
    ],
)
def test_it_cancels_what_works_in_scope_and_refuses_what_comes(
    scope: str, cancelled: set[str], momentum: str | None, others: str | None
) -> None:
    """One event does both; orders out of scope go on, and the next order already meets it."""
    desk = _desk()
    fields = {"STRATEGY": {"strategy_id": "momentum"}, "ORDER": {"order_id": _id(desk, "b")}}.get(scope, {})

    event = desk.kill(**fields)

    assert isinstance(event, events.KillSwitchEngaged)
    assert (event.scope, event.by, event.reason) == (scope, "Grace", "it runs wild")
    assert {link.effect for link in event.linked} == {"CANCEL_REQUESTED"}
    assert {desk.account.orders[link.order_id].terms.client_order_id for link in event.linked} == cancelled
    assert {name for name, status in _statuses(desk).items() if status == "PENDING_CANCEL"} == cancelled
    for strategy, code in (("momentum", momentum), (None, others)):
        later = desk.submit("BUY", "1", "10.00", strategy_id=strategy)
        assert getattr(later, "code", None) == code
    assert desk.refolded().digest() == desk.ledger.digest()


@pytest.mark.parametrize("fields", [{}, {"strategy_id": "momentum"}])
def test_released_it_takes_orders_again(fields: dict[str, Any]) -> None:
    """What was cancelled stays so; a second release finds nothing to release."""
    desk = _desk()
    desk.kill(**fields)

    released = desk.release(**fields)

    assert isinstance(released, events.KillSwitchReleased)
    assert (released.by, released.reason) == ("Grace", "it runs wild")
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="momentum"), events.OrderAccepted)
    assert _statuses(desk)["a"] == "PENDING_CANCEL"
    assert desk.release(**fields).code == "KILL_SWITCH_NOT_ENGAGED"


def test_a_halted_account_and_a_halted_strategy_are_two_switches() -> None:
    """Releasing the account leaves the strategy stopped."""
    desk = _desk()
    desk.kill(strategy_id="momentum")
    desk.kill()
    desk.release()

    assert desk.submit("BUY", "1", "10.00", strategy_id="momentum").code == "STRATEGY_DISABLED"
    assert isinstance(desk.submit("BUY", "1", "10.00"), events.OrderAccepted)


def test_cancels_and_reports_pass_while_it_is_engaged() -> None:
    """A cancel repeats what was asked, fills that were under way count, and the venue's answer ends the order."""
    desk = _desk()
    order_id = _id(desk, "a")
    desk.kill()

    assert desk.cancel(order_id) is None
    assert isinstance(desk.fill(order_id, "1", "10.00"), events.OrderFilled)
    assert isinstance(desk.canceled(order_id), events.OrderCanceled)
    assert "a" not in _statuses(desk)


def test_what_was_asked_before_is_not_asked_again() -> None:
    """An order whose cancellation is under way is left alone; engaging again is recorded and links nothing."""
    desk = _desk()
    desk.cancel(_id(desk, "a"))

    assert len(desk.kill().linked) == 2
    assert desk.kill(by="Ada").linked == ()
    assert desk.submit("BUY", "1", "10.00").details["by"] == "Ada"


def test_a_leg_that_waits_for_its_parent_is_void_at_once() -> None:
    """Nothing of it is at a venue: the entry's cancellation is asked for, its two exits are cancelled."""
    desk = RiskDesk()
    entry = desk.terms("entry", "BUY", "2", limit_price="10")
    profit = desk.terms("profit", "SELL", "2", limit_price="12")
    loss = desk.terms("loss", "SELL", "2", "STOP", stop_price="8")
    desk.group("BRACKET", entry, profit, loss)

    event = desk.kill()

    assert {link.order_id: link.effect for link in event.linked} == {
        entry.order_id: "CANCEL_REQUESTED",
        profit.order_id: "CANCELED",
        loss.order_id: "CANCELED",
    }
    assert [desk.status(terms.order_id) for terms in (entry, profit, loss)] == [
        "PENDING_CANCEL",
        "CANCELED",
        "CANCELED",
    ]
    assert [dispatch.kind for dispatch in desk.ledger.dispatches_of(event)] == ["CANCEL"]
    assert isinstance(desk.canceled(entry.order_id), events.OrderCanceled)
    assert desk.account.held_cash == 0
    assert desk.refolded().digest() == desk.ledger.digest()


@pytest.mark.parametrize("fields", [{}, {"strategy_id": "momentum"}])
def test_replacements_in_scope_are_refused(fields: dict[str, Any]) -> None:
    """An order that came in after a release, while another switch is engaged, keeps its terms."""
    desk = _desk()
    working = _id(desk, "a")
    code = "STRATEGY_DISABLED" if fields else "ACCOUNT_HALTED"
    desk.kill(**fields)

    refused = desk.replace(working, quantity="3")
    assert refused.code == "ORDER_PENDING"  # its cancellation is under way, whoever releases the switch

    desk.release(**fields)
    later = desk.submit("BUY", "1", "10.00", strategy_id="momentum").order.order_id
    desk.account.risk.halted_strategies["momentum"] = Halt(by="Grace", reason="r", since_us=0)
    if not fields:
        desk.account.risk.halted = Halt(by="Grace", reason="r", since_us=0)
    assert desk.replace(later, quantity="3").code == code


def test_each_order_in_scope_is_dispatched_to_be_cancelled() -> None:
    """The venue is told of all of them by one event, and of none twice."""
    desk = _desk()

    first = desk.ledger.dispatches_of(desk.kill(strategy_id="momentum"))
    second = desk.ledger.dispatches_of(desk.kill())

    assert [(one.kind, one.order.client_order_id) for one in first] == [("CANCEL", "a"), ("CANCEL", "b")]
    assert [(one.kind, one.order.client_order_id) for one in second] == [("CANCEL", "c")]


@pytest.mark.parametrize(
    ("laid_down", "momentum", "others"),
    [
        ({"halted": "the exchange is down"}, "TRADING_HALTED", "TRADING_HALTED"),
        ({"halted_strategies": {"momentum": "a bad model"}}, "STRATEGY_DISABLED", None),
    ],
)
def test_what_the_desk_has_halted_is_refused(laid_down: Any, momentum: str, others: str | None) -> None:
    """With the desk's reason; released there, it trades again."""
    desk = _desk()
    desk.lay_down(**laid_down)

    refused = desk.submit("BUY", "1", "10.00", strategy_id="momentum")
    assert (refused.code, refused.details["scope"]) == (momentum, "DESK")
    assert refused.details["reason"] in {"the exchange is down", "a bad model"}
    assert getattr(desk.submit("BUY", "1", "10.00"), "code", None) == others

    desk.lay_down()
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="momentum"), events.OrderAccepted)


def test_one_order_of_a_batch_in_which_it_is_engaged_is_the_last() -> None:
    """The messages of one batch are decided one after the other: what stands behind the switch meets it."""
    desk = RiskDesk()
    kill = commands.EngageKillSwitch(
        command_id="k", account_id="acc", issued_at_us=desk.now_us, scope="ACCOUNT", by="Grace", reason="r"
    )
    batch = [desk.order("BUY", "1", "10.00"), kill, desk.order("BUY", "1", "10.00")]

    given = [desk.send(message) for message in batch]

    assert [type(event).__name__ for event in given] == ["OrderAccepted", "KillSwitchEngaged", "OrderRejected"]
    assert all(isinstance(order, Order) and order.status == "PENDING_CANCEL" for order in desk.account.orders.values())


REFUSED: list[tuple[str, Any]] = [
    ("SCOPE_INVALID", lambda desk: desk.kill(scope="STRATEGY")),
    ("SCOPE_INVALID", lambda desk: desk.kill(scope="STRATEGY", strategy_id="")),
    ("SCOPE_INVALID", lambda desk: desk.kill(scope="ACCOUNT", strategy_id="s")),
    ("SCOPE_INVALID", lambda desk: desk.kill(scope="ORDER", order_id="o", strategy_id="s")),
    ("SCOPE_INVALID", lambda desk: desk.release(scope="STRATEGY")),
    ("ORDER_UNKNOWN", lambda desk: desk.kill(order_id="ord_unknown")),
    ("ORDER_NOT_OPEN", lambda desk: desk.kill(order_id=desk.trade("BUY", "1", "1.00").order_id)),
    ("KILL_SWITCH_NOT_ENGAGED", lambda desk: desk.release()),
    ("KILL_SWITCH_NOT_ENGAGED", lambda desk: desk.release(strategy_id="s")),
    ("PERSON_INVALID", lambda desk: desk.kill(by="")),
    ("PERSON_INVALID", lambda desk: desk.release(by="x" * 129)),
    ("REASON_INVALID", lambda desk: desk.kill(reason="")),
    ("REASON_INVALID", lambda desk: desk.release(reason="a\nb")),
]
