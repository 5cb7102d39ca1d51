"""Orders up to the venue: holds, the pre-trade decision, cancelling, and what is dispatched."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events, ids
from domain.dispatch import Dispatch
from domain.fingerprints import order_content
from domain.reports import FillEvidence
from tests.domain.desk import PRICED, Desk, expected, legs, tick


def test_a_purchase_holds_its_worst_price_and_fee_rounded_up_to_the_cent() -> None:
    """7 units at 33.33 with 1.5 basis points: 233.31 x 1.00015 = 233.3449965, so 233.35 is set aside."""
    desk = Desk(cash="1000", fee_bps="1.5")

    event = desk.submit("BUY", "7", "33.33")

    assert isinstance(event, events.OrderAccepted)
    assert (event.hold_cash, event.hold_quantity, event.dispatch_epoch) == (Decimal("233.35"), 0, 1)
    assert legs(event) == expected(("cash", "USD", "-233.35"), ("hold", "USD", "233.35"))
    assert (desk.account.cash, desk.account.held_cash) == (Decimal("766.65"), Decimal("233.35"))
    assert desk.account.orders[event.order.order_id].status == "PENDING_NEW"


def test_a_hold_that_is_whole_cents_is_not_rounded() -> None:
    """10 units at 10.00 with 1 basis point: 100.00 x 1.0001 = 100.01 exactly."""
    desk = Desk(cash="1000", fee_bps="1")

    assert desk.submit("BUY", "10", "10.00").hold_cash == Decimal("100.01")


def test_a_market_purchase_holds_its_protection_price() -> None:
    """A market purchase has no limit; the worst price at which it may fill decides what is set aside."""
    desk = Desk(cash="1000")

    event = desk.submit("BUY", "3", protection_price=Decimal("110.00"))

    assert (event.order.order_type, event.hold_cash) == ("MARKET", Decimal("330.00"))


def test_an_order_may_use_the_last_cent_and_no_more() -> None:
    """With 100.00 free, an order for 100.00 passes; one for 100.01 does not."""
    desk = Desk(cash="100.00")

    rejected = desk.submit("BUY", "1", "100.01")
    accepted = desk.submit("BUY", "1", "100.00")

    assert isinstance(rejected, events.OrderRejected)
    assert (rejected.code, rejected.originator_version) == ("CASH_INSUFFICIENT", 3)
    assert isinstance(accepted, events.OrderAccepted)
    assert desk.account.cash == 0


def test_a_sale_holds_units_so_that_they_cannot_be_sold_twice() -> None:
    """Of 10 units, 6 on hold for one sale leave 4 for the next."""
    desk = Desk()
    desk.trade("BUY", "10", "10.00")

    first = desk.submit("SELL", "6", "12.00")
    second = desk.submit("SELL", "5", "12.00")

    assert legs(first) == expected(("position:AAPL", "AAPL", "-6"), ("position_hold:AAPL", "AAPL", "6"))
    assert (second.code, second.details["free"], second.details["held"]) == ("POSITION_INSUFFICIENT", "4", "6")
    assert isinstance(desk.submit("SELL", "4"), events.OrderAccepted)


def test_an_order_that_is_sent_again_counts_once() -> None:
    """Same client order id, same content: nothing, whatever the command id, the time and the writing of a number."""
    desk = Desk(cash="1000")
    first = desk.order("BUY", "1", "100.00")
    desk.send(first)

    again = msgspec.structs.replace(
        first, command_id="another", issued_at_us=desk.now_us + 5, quantity=Decimal("1.0"), limit_price=Decimal("1E+2")
    )

    assert desk.send(again) is None
    assert desk.account.held_cash == 100


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Decimal(2)},
        {"side": "SELL"},
        {"symbol": "IBM"},
        {"limit_price": Decimal("100.01")},
        {"signal_id": "sig_1"},
        {"strategy_id": "s"},
        {"active_after": tick(1)},
        {"active_from_us": 1},
    ],
)
def test_a_client_order_id_with_other_content_is_a_conflict(change: dict[str, object]) -> None:
    """Each field of the content counts; the answer is a refused command and the first order stays as it was."""
    desk = Desk(cash="1000")
    first = desk.order("BUY", "1", "100.00")
    desk.send(first)
    before = desk.ledger.digest()

    event = desk.send(msgspec.structs.replace(first, **change))

    assert isinstance(event, events.CommandRejected)
    assert event.code == "CLIENT_ORDER_ID_CONFLICT"
    assert desk.ledger.digest() == before


def test_a_rejected_order_is_remembered_as_rejected() -> None:
    """Sent again after money has come in, it stays rejected: the answer to one order never changes."""
    desk = Desk(cash="1")
    command = desk.order("BUY", "1", "100.00")
    assert isinstance(desk.send(command), events.OrderRejected)
    desk.deposit("1000")

    assert desk.send(command) is None
    assert desk.cancel(command.order_id).details["status"] == "REJECTED"


def test_two_accounts_may_use_the_same_client_order_id() -> None:
    """A client order id is the account's own."""
    desk = Desk()
    desk.open(account_id="other")
    desk.deposit("1000", account_id="other")

    mine = desk.submit("BUY", "1", "10.00", client_order_id="first")
    theirs = desk.submit("BUY", "1", "10.00", client_order_id="first", account_id="other")

    assert mine.order.order_id == ids.order_id("acc", "first")
    assert theirs.order.order_id == ids.order_id("other", "first")
    assert isinstance(theirs, events.OrderAccepted)


def test_cancelling_is_a_request_until_the_venue_agrees() -> None:
    """The hold stays while the venue may still fill; it goes back when the venue cancels."""
    desk = Desk(cash="1000")
    order_id = desk.submit("BUY", "5", "10.00").order.order_id

    requested = desk.cancel(order_id)
    assert isinstance(requested, events.OrderCancelRequested)
    assert requested.postings == ()
    assert desk.account.held_cash == 50

    canceled = desk.canceled(order_id)
    assert isinstance(canceled, events.OrderCanceled)
    assert (canceled.canceled_quantity, canceled.released_cash, canceled.reason) == (5, 50, "asked")
    assert legs(canceled) == expected(("cash", "USD", "50.00"), ("hold", "USD", "-50.00"))
    assert (desk.account.cash, desk.account.held_cash, desk.account.orders) == (1000, 0, {})


def test_a_second_wish_to_cancel_is_a_repeat() -> None:
    """While the venue has not answered, asking again changes nothing, with the same command id or another."""
    desk = Desk()
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.cancel(order_id, command_id="c1")

    assert desk.cancel(order_id, command_id="c1") is None
    assert desk.cancel(order_id, command_id="c2") is None
    desk.canceled(order_id)
    assert desk.cancel(order_id, command_id="c1") is None
    assert desk.cancel(order_id, command_id="c3").code == "ORDER_NOT_OPEN"


def test_an_accepted_order_is_dispatched_with_its_terms() -> None:
    """The engine gets the order, epoch 1, nothing filled."""
    desk = Desk()
    event = desk.submit("BUY", "5", "10.00", active_after=tick(3), active_from_us=7)

    assert desk.ledger.dispatches_of(event) == [
        Dispatch(
            kind="EXECUTE",
            account_id="acc",
            order=event.order,
            dispatch_epoch=1,
            cumulative_quantity=Decimal(0),
            accepted_at_us=event.timestamp,
        )
    ]
    assert event.order.active_after == tick(3)


def test_a_new_dispatch_goes_on_where_the_last_fill_was() -> None:
    """After a redispatch the engine is told the new epoch, what is filled, and the ticks to go on from."""
    desk = Desk()
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.acknowledge(order_id, active_after=tick(10))
    evidence = FillEvidence(
        tick=tick(12), tick_price=Decimal("9.99"), tick_volume=Decimal(100), model="m", parameters={}, seed="s"
    )
    desk.fill(order_id, "2", "9.99", evidence=evidence)

    (dispatch,) = desk.ledger.dispatches_of(desk.redispatch(order_id))

    assert (dispatch.kind, dispatch.dispatch_epoch, dispatch.cumulative_quantity) == ("EXECUTE", 2, 2)
    assert (dispatch.acknowledged_after, dispatch.resume_after) == (tick(10), tick(12))


def test_a_wish_to_cancel_is_dispatched_and_survives_a_redispatch() -> None:
    """The engine gets a CANCEL for the request, and a CANCEL again when the order is dispatched anew."""
    desk = Desk()
    accepted = desk.submit("BUY", "5", "10.00")
    requested = desk.cancel(accepted.order.order_id)

    (first,) = desk.ledger.dispatches_of(requested)
    (still,) = desk.ledger.dispatches_of(accepted)
    (anew,) = desk.ledger.dispatches_of(desk.redispatch(accepted.order.order_id))

    assert (first.kind, first.dispatch_epoch) == ("CANCEL", 1)
    assert still.kind == "EXECUTE"
    assert (anew.kind, anew.dispatch_epoch) == ("CANCEL", 2)


def test_what_is_over_is_not_dispatched() -> None:
    """An order that is done, an epoch that is over, and events that concern no venue give no dispatch."""
    desk = Desk()
    accepted = desk.submit("BUY", "5", "10.00")
    desk.redispatch(accepted.order.order_id)
    assert desk.ledger.dispatches_of(accepted) == []

    again = desk.redispatch(accepted.order.order_id, dispatch_epoch=2)
    desk.canceled(accepted.order.order_id, dispatch_epoch=3)
    assert desk.ledger.dispatches_of(again) == []
    assert desk.ledger.dispatches_of(desk.events[0]) == []


def test_open_orders_are_those_that_are_not_done() -> None:
    """Of three orders, one filled and one rejected, the third is open."""
    desk = Desk(cash="100")
    desk.trade("BUY", "1", "10.00")
    desk.submit("BUY", "1000", "10.00")
    third = desk.submit("BUY", "2", "10.00")

    assert [(account.id, order.terms) for account, order in desk.ledger.open_orders()] == [("acc", third.order)]


def test_every_term_of_an_order_is_part_of_its_content() -> None:
    """A field that somebody adds must not be forgotten when a repeat is told from a conflict."""
    terms = Desk().terms("one", "BUY", "1", limit_price="10")
    other: dict[str, Any] = {
        "side": "SELL",
        "order_type": "MARKET",
        "time_in_force": "DAY",
        "group_kind": "OCO",
        "active_after": tick(1),
    }
    for name in terms.__struct_fields__:
        value = getattr(terms, name)
        plain_change: Any = not value if isinstance(value, bool) else Decimal(7) if name in PRICED else "7"
        same = order_content(msgspec.structs.replace(terms, **{name: other.get(name, plain_change)}))
        assert (same == order_content(terms)) == (name == "order_id"), name
