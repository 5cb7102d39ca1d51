"""Replacements: old and new terms are both held for until the venue has answered. Figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain import events
from tests.domain.desk import Desk, expected, legs


def resting(desk: Desk, quantity: str = "10", price: str = "100") -> str:
    order_id = str(desk.submit("BUY", quantity, price).order.order_id)
    desk.acknowledge(order_id)
    return order_id


def test_dearer_terms_are_held_for_before_the_venue_is_asked() -> None:
    """From 10 at 100 to 12 at 110: 320 USD more are set aside, and a REPLACE goes out under the same epoch."""
    desk = Desk()
    order_id = resting(desk)
    event = desk.replace(order_id, quantity="12", limit_price="110")

    assert isinstance(event, events.OrderReplaceRequested)
    assert legs(event) == expected(("cash", "USD", "-320"), ("hold", "USD", "320"))
    assert event.changes == {"quantity": "12", "limit_price": "110"}
    (dispatch,) = desk.ledger.dispatches_of(event)
    assert (dispatch.kind, dispatch.revision, dispatch.dispatch_epoch) == ("REPLACE", 1, 1)
    assert (dispatch.order.quantity, dispatch.replacement) == (10, event.order)
    assert desk.status(order_id) == "PENDING_REPLACE"


def test_cheaper_terms_give_back_when_the_venue_works_them() -> None:
    """From 10 at 100 to 5 at 90: nothing moves until the answer; then 550 USD come back."""
    desk = Desk()
    order_id = resting(desk)
    asked = desk.replace(order_id, quantity="5", limit_price="90")
    assert legs(asked) == set()

    done = desk.replaced(order_id, keeps_priority=False)
    assert legs(done) == expected(("cash", "USD", "550"), ("hold", "USD", "-550"))
    assert (done.status, done.leaves_quantity) == ("NEW", 5)
    assert desk.account.orders[order_id].terms.limit_price == 90


def test_a_refusal_gives_back_what_the_new_terms_needed() -> None:
    """The order goes on as it was."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, limit_price="110")
    refused = desk.replace_refused(order_id)

    assert legs(refused) == expected(("cash", "USD", "100"), ("hold", "USD", "-100"))
    assert refused.status == "NEW"
    order = desk.account.orders[order_id]
    assert (order.terms.limit_price, order.hold_cash, order.replacement) == (100, 1000, None)
    assert desk.account.held_cash == 1000


def test_a_fill_on_the_way_keeps_the_hold_for_the_new_terms() -> None:
    """4 of 10 fill at 100 while 12 at 110 are asked for: 8 at 110 are still held; then 6 of the 12 are left."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, quantity="12", limit_price="110")
    part = desk.fill(order_id, "4", "100")

    assert part.status == "PENDING_REPLACE"
    assert desk.account.held_cash == 880
    done = desk.replaced(order_id)
    assert (done.status, done.leaves_quantity) == ("PARTIALLY_FILLED", 8)
    assert (desk.account.held_cash, desk.account.cash) == (880, 10_000 - 400 - 880)


def test_a_smaller_order_that_is_filled_already_is_done() -> None:
    """The venue takes 5 for 10 after 5 were filled: nothing is left."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, quantity="5")
    desk.fill(order_id, "5", "100")
    done = desk.replaced(order_id)

    assert (done.status, done.leaves_quantity) == ("FILLED", 0)
    assert (desk.account.orders, desk.account.held_cash, desk.account.cash) == ({}, 0, 9500)


def test_an_order_that_is_filled_on_the_way_answers_for_itself() -> None:
    """The whole order fills while it is to be replaced; the late answer is refused and changes nothing."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, limit_price="110")
    desk.fill(order_id, "10", "100")

    assert (desk.status(order_id), desk.account.held_cash, desk.account.cash) == ("FILLED", 0, 9000)
    assert desk.replaced(order_id).code == "ORDER_NOT_OPEN"


def test_a_cancel_overtakes_a_replacement() -> None:
    """The venue may still answer the replacement first; the order is then cancelled under either terms."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, quantity="12")
    event = desk.cancel(order_id)
    assert [dispatch.kind for dispatch in desk.ledger.dispatches_of(event)] == ["CANCEL"]

    assert desk.replaced(order_id).status == "PENDING_CANCEL"
    desk.canceled(order_id)
    assert (desk.account.cash, desk.account.held_cash) == (10_000, 0)


def test_a_replacement_survives_a_redispatch() -> None:
    """Whoever gets the order anew is told the old terms and those that were asked for."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, quantity="12")
    (dispatch,) = desk.ledger.dispatches_of(desk.redispatch(order_id))

    assert (dispatch.kind, dispatch.dispatch_epoch, dispatch.revision) == ("EXECUTE", 2, 1)
    assert dispatch.replacement is not None
    assert (dispatch.order.quantity, dispatch.replacement.quantity) == (10, 12)


def test_answers_are_known_by_their_revision() -> None:
    """The same answer again is a repeat; an answer to what was not asked is refused."""
    desk = Desk()
    order_id = resting(desk)
    assert desk.replaced(order_id, 1).code == "REVISION_UNKNOWN"
    desk.replace(order_id, quantity="12")
    assert desk.replaced(order_id, 2).code == "REVISION_UNKNOWN"
    desk.replaced(order_id, 1)

    assert desk.replaced(order_id, 1) is None
    assert desk.replace_refused(order_id, 1) is None
    assert desk.replace(order_id, quantity="13").revision == 2


def test_the_same_command_again_is_a_repeat() -> None:
    """Same id, same content: no event. Same id, other content: a conflict."""
    desk = Desk()
    order_id = resting(desk)
    desk.replace(order_id, quantity="12", command_id="r1")

    assert desk.replace(order_id, quantity="12.0", command_id="r1") is None
    assert desk.replace(order_id, quantity="13", command_id="r1").code == "COMMAND_ID_CONFLICT"


def test_units_are_held_for_a_larger_sale() -> None:
    """Of ten units six are for sale; eight are asked for: two more are set aside."""
    desk = Desk()
    desk.trade("BUY", "10", "100")
    order_id = desk.submit("SELL", "6", "120").order.order_id
    event = desk.replace(order_id, quantity="8")

    assert legs(event) == expected(("position:AAPL", "AAPL", "-2"), ("position_hold:AAPL", "AAPL", "2"))
    assert desk.replace(order_id, quantity="9").code == "ORDER_PENDING"


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("REPLACE_CHANGES_NOTHING", {}),
        ("REPLACE_CHANGES_NOTHING", {"quantity": "10.00", "limit_price": "100"}),
        ("QUANTITY_BELOW_FILLED", {"quantity": "3"}),
        ("QUANTITY_BELOW_FILLED", {"quantity": "2"}),
        ("QUANTITY_OVER_PRECISE", {"quantity": "10.5"}),
        ("QUANTITY_NOT_FINITE", {"quantity": "NaN"}),
        ("PRICE_OFF_INCREMENT", {"limit_price": "100.001"}),
        ("PRICE_NOT_POSITIVE", {"limit_price": "0"}),
        ("PRICE_NOT_ALLOWED", {"stop_price": "90"}),
        ("EXPIRY_NOT_ALLOWED", {"expire_at_us": 1}),
        ("CASH_INSUFFICIENT", {"quantity": "1000"}),
    ],
)
def test_a_replacement_that_is_not_allowed_leaves_the_order_alone(code: str, fields: dict[str, str]) -> None:
    """Clear code, nothing held, the order works on."""
    desk = Desk()
    order_id = resting(desk)
    desk.fill(order_id, "3", "100")
    before = desk.account.digest()
    event = desk.replace(order_id, **fields)

    assert event.code == code
    assert desk.account.digest() == before


def test_a_filled_order_cannot_be_replaced() -> None:
    """Nor one that is unknown, waits for its parent, or is about to be cancelled."""
    desk = Desk()
    filled = desk.trade("BUY", "1", "10").order_id
    assert desk.replace(filled, quantity="2").code == "ORDER_NOT_OPEN"
    assert desk.replace("ord_unknown", quantity="2").code == "ORDER_UNKNOWN"

    orders = (desk.terms("a", "BUY", "1", limit_price="9"), desk.terms("b", "BUY", "1", limit_price="8"))
    desk.group("OTO", *orders)
    assert desk.replace(orders[1].order_id, quantity="2").code == "ORDER_SUSPENDED"
    desk.cancel(orders[0].order_id)
    assert desk.replace(orders[0].order_id, quantity="2").code == "ORDER_PENDING"
    assert Decimal(9) == desk.account.orders[orders[0].order_id].hold_cash
