"""Orders that depend on each other: what is taken, what is refused, and what follows for the others, in one event.

All figures are worked out by hand: an account of 10,000 USD without fees, unless said otherwise.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import events
from domain.events import LinkedOrder
from domain.numbers import ZERO
from domain.terms import OrderTerms
from tests.domain.desk import Desk, expected, legs, tick


def held(desk: Desk) -> tuple[Decimal, Decimal, Decimal]:
    """Cash set aside, units set aside, units free."""
    position = desk.account.position("AAPL")
    return desk.account.held_cash, position.held, position.free


def bracket(desk: Desk, *, quantity: str = "10", **entry: Any) -> tuple[str, str, str, Any]:
    """Buy at 100, take the profit at 120, stop the loss at 90. Gives the three order ids and the event."""
    orders = (
        desk.terms("entry", "BUY", quantity, **({"limit_price": "100"} | entry)),
        desk.terms("profit", "SELL", quantity, limit_price="120"),
        desk.terms("loss", "SELL", quantity, "STOP", stop_price="90"),
    )
    event = desk.group("BRACKET", *orders)
    return orders[0].order_id, orders[1].order_id, orders[2].order_id, event


def oco(desk: Desk, quantity: str = "10") -> tuple[str, str, Any]:
    """Sell ten at 120 or, when it falls to 90, at the market; the units are bought first."""
    desk.trade("BUY", quantity, "100")
    profit = desk.terms("profit", "SELL", quantity, limit_price="120")
    loss = desk.terms("loss", "SELL", quantity, "STOP", stop_price="90")
    return profit.order_id, loss.order_id, desk.group("OCO", profit, loss)


def test_a_bracket_holds_for_its_entry_alone() -> None:
    """1,000 USD are set aside; the exits wait, and the engine is sent the entry only."""
    desk = Desk()
    entry, profit, loss, event = bracket(desk)

    assert isinstance(event, events.OrderGroupAccepted)
    assert legs(event) == expected(("cash", "USD", "-1000"), ("hold", "USD", "1000"))
    assert [desk.status(order) for order in (entry, profit, loss)] == ["PENDING_NEW", "SUSPENDED", "SUSPENDED"]
    assert [dispatch.order.order_id for dispatch in desk.ledger.dispatches_of(event)] == [entry]
    assert desk.ledger.dispatch_for(desk.account, profit) is None


def test_the_exits_go_out_when_the_entry_is_filled() -> None:
    """The last fill of the entry sends both; they share one hold of the ten units."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    desk.fill(entry, "4", "100")
    last = desk.fill(entry, "6", "100", evidence=None)

    assert [(link.order_id, link.effect, link.quantity) for link in last.linked] == [
        (profit, "ACTIVATED", Decimal(10)),
        (loss, "ACTIVATED", Decimal(10)),
    ]
    assert held(desk) == (0, 10, 0)
    assert [dispatch.order.order_id for dispatch in desk.ledger.dispatches_of(last)] == [profit, loss]
    assert {dispatch.kind for dispatch in desk.ledger.dispatches_of(last)} == {"EXECUTE"}


def test_an_entry_that_is_cancelled_half_way_sends_the_exits_for_what_it_got() -> None:
    """Four of ten were bought: the exits go out for four."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    desk.fill(entry, "4", "100")
    desk.cancel(entry)
    end = desk.canceled(entry)

    assert [(link.order_id, link.effect, link.quantity) for link in end.linked] == [
        (profit, "ACTIVATED", Decimal(4)),
        (loss, "ACTIVATED", Decimal(4)),
    ]
    assert held(desk) == (0, 4, 0)
    assert desk.account.cash == Decimal(9600)


def test_an_entry_that_is_made_as_small_as_it_is_filled_sends_the_exits() -> None:
    """Four of ten were bought while four were asked for; once the venue agrees the entry is done."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    desk.replace(entry, quantity="4")
    desk.fill(entry, "4", "100", evidence=None)
    assert [desk.status(order) for order in (profit, loss)] == ["SUSPENDED", "SUSPENDED"]
    done = desk.replaced(entry)

    assert (done.status, desk.status(entry)) == ("FILLED", "FILLED")
    assert [(link.order_id, link.effect, link.quantity) for link in done.linked] == [
        (profit, "ACTIVATED", Decimal(4)),
        (loss, "ACTIVATED", Decimal(4)),
    ]
    assert [dispatch.order.order_id for dispatch in desk.ledger.dispatches_of(done)] == [profit, loss]
    assert held(desk) == (0, 4, 0)
    assert desk.account.cash == Decimal(9600)
    assert desk.refolded().digest() == desk.ledger.digest()


@pytest.mark.parametrize("how", ["canceled", "expired", "refused"])
def test_an_entry_that_got_nothing_voids_its_exits(how: str) -> None:
    """Nothing was bought: there is nothing to protect, and nothing of the group is left."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    end = getattr(desk, how)(entry)

    assert {link.effect for link in end.linked} == {"CANCELED"}
    assert [desk.status(order) for order in (profit, loss)] == ["CANCELED", "CANCELED"]
    assert (desk.account.cash, desk.account.groups, desk.account.orders) == (10_000, {}, {})


def test_a_fill_of_one_exit_makes_the_other_smaller() -> None:
    """Three of ten sold at the profit leave seven to be stopped; the venue is asked for the smaller stop."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    desk.fill(entry, "10", "100")
    desk.acknowledge(loss)
    part = desk.fill(profit, "3", "120")

    assert part.linked == (LinkedOrder(order_id=loss, effect="REDUCED", quantity=Decimal(7), revision=1),)
    (dispatch,) = desk.ledger.dispatches_of(part)
    assert (dispatch.kind, dispatch.revision) == ("REPLACE", 1)
    assert dispatch.replacement is not None
    assert dispatch.replacement.quantity == 7
    assert held(desk) == (0, 7, 0)

    desk.replaced(loss, 1)
    order = desk.account.orders[loss]
    assert (order.terms.quantity, order.status) == (7, "NEW")
    assert held(desk) == (0, 7, 0)


def test_an_exit_that_is_filled_cancels_the_other() -> None:
    """All ten are sold; the stop is to be cancelled, holds nothing, and its end ends the group."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    desk.fill(entry, "10", "100")
    whole = desk.fill(profit, "10", "120")

    assert [(link.order_id, link.effect) for link in whole.linked] == [(loss, "CANCEL_REQUESTED")]
    assert [dispatch.kind for dispatch in desk.ledger.dispatches_of(whole)] == ["CANCEL"]
    assert held(desk) == (0, 0, 0)
    desk.canceled(loss)
    assert desk.account.groups == {}
    assert desk.account.cash == Decimal(10_200)


def test_further_fills_go_on_from_what_the_venue_was_asked_for() -> None:
    """Before the venue has answered the first reduction to seven, two more are sold: it is asked for five."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    desk.fill(entry, "10", "100")
    desk.fill(profit, "3", "120")
    second = desk.fill(profit, "2", "120")

    assert second.linked == (LinkedOrder(order_id=loss, effect="REDUCED", quantity=Decimal(5), revision=2),)
    assert desk.replaced(loss, 1).code == "REVISION_UNKNOWN"
    desk.replaced(loss, 2)
    assert desk.account.orders[loss].terms.quantity == 5


def test_the_legs_of_an_oco_share_one_hold() -> None:
    """Ten units cover a profit and a stop of ten; both go to the venue at once."""
    desk = Desk()
    profit, loss, event = oco(desk)

    assert legs(event) == expected(("position:AAPL", "AAPL", "-10"), ("position_hold:AAPL", "AAPL", "10"))
    assert [dispatch.order.order_id for dispatch in desk.ledger.dispatches_of(event)] == [profit, loss]


def test_the_first_fill_of_an_oco_cancels_the_other_legs() -> None:
    """However small it is; what is left of the filled leg goes on."""
    desk = Desk()
    profit, loss, _ = oco(desk)
    part = desk.fill(profit, "1", "120")

    assert [(link.order_id, link.effect) for link in part.linked] == [(loss, "CANCEL_REQUESTED")]
    desk.canceled(loss)
    assert held(desk) == (0, 9, 0)
    desk.fill(profit, "9", "120")
    assert held(desk) == (0, 0, 0)


def test_an_oco_of_purchases_holds_for_the_dearer_leg() -> None:
    """Buy at 90, or at up to 115 when it rises to 110: 1,150 are held; the cheap fill gives back all that is over."""
    desk = Desk()
    low = desk.terms("low", "BUY", "10", limit_price="90")
    high = desk.terms("high", "BUY", "10", "STOP", stop_price="110", protection_price="115")
    desk.group("OCO", low, high)
    assert held(desk)[0] == 1150

    desk.fill(low.order_id, "10", "90")
    assert (desk.account.cash, desk.account.held_cash) == (9100, 0)
    desk.canceled(high.order_id)
    assert (desk.account.cash, desk.account.groups) == (9100, {})


def test_cancelling_one_leg_leaves_the_other_with_the_hold() -> None:
    """The stop is cancelled; the profit still has its ten units, until it is cancelled as well."""
    desk = Desk()
    profit, loss, _ = oco(desk)
    desk.cancel(loss)
    desk.canceled(loss)
    assert held(desk) == (0, 10, 0)

    desk.cancel(profit)
    desk.canceled(profit)
    assert held(desk) == (0, 0, 10)


def test_the_shared_hold_covers_what_a_leg_is_to_be_replaced_by() -> None:
    """Buy at 5 or at 9, and the second is to be replaced by 10: when the first is cancelled, 10 are still held."""
    desk = Desk()
    low, high = (desk.terms(name, "BUY", "1", limit_price=price) for name, price in (("low", "5"), ("high", "9")))
    desk.group("OCO", low, high)
    desk.replace(high.order_id, limit_price="10")
    desk.canceled(low.order_id)
    assert held(desk)[0] == 10

    desk.replaced(high.order_id)
    assert held(desk)[0] == 10
    desk.fill(high.order_id, "1", "10")
    assert (desk.account.cash, desk.account.held_cash) == (9990, 0)


def test_when_both_legs_fill_the_ledger_takes_both() -> None:
    """Ten units, an OCO of seven: the first leg sells five, and the second four before its cancel has come.

    Two of the four were held, two come from the free units; nothing stays held when the group is done.
    """
    desk = Desk()
    desk.trade("BUY", "10", "100")
    profit = desk.terms("profit", "SELL", "7", limit_price="120")
    loss = desk.terms("loss", "SELL", "7", "STOP", stop_price="90")
    desk.group("OCO", profit, loss)
    desk.fill(profit.order_id, "5", "120")
    late = desk.fill(loss.order_id, "4", "90")

    assert late.released_quantity == -2
    assert held(desk) == (0, 0, 1)
    desk.canceled(loss.order_id)
    desk.canceled(profit.order_id)
    assert (held(desk), desk.account.groups) == ((0, 0, 1), {})
    assert desk.account.cash == 10_000 - 1000 + 600 + 360
    assert desk.refolded().digest() == desk.ledger.digest()


def test_when_both_legs_fill_and_units_lack_they_are_owed() -> None:
    """Seven units: five and four are sold, two more than there are. The position says so, and the books balance."""
    desk = Desk()
    desk.trade("BUY", "7", "100")
    profit = desk.terms("profit", "SELL", "7", limit_price="120")
    loss = desk.terms("loss", "SELL", "7", "STOP", stop_price="90")
    desk.group("OCO", profit, loss)
    desk.fill(profit.order_id, "5", "120")
    desk.fill(loss.order_id, "4", "90")
    desk.canceled(loss.order_id)
    desk.canceled(profit.order_id)

    position = desk.account.position("AAPL")
    assert (position.quantity, position.short_quantity, position.short_proceeds) == (0, 2, 180)
    assert held(desk) == (0, 0, 0)
    assert desk.submit("BUY", "3", "100", reduce_only=True).code == "ORDER_NOT_REDUCING"
    assert isinstance(desk.submit("BUY", "2", "100", reduce_only=True), events.OrderAccepted)
    assert desk.refolded().digest() == desk.ledger.digest()


def test_a_leg_that_waits_is_cancelled_at_once() -> None:
    """No venue has it, so none is asked."""
    desk = Desk()
    entry, profit, loss, _ = bracket(desk)
    event = desk.cancel(loss)

    assert desk.status(loss) == "CANCELED"
    assert desk.ledger.dispatches_of(event) == []
    desk.fill(entry, "10", "100")
    assert desk.account.orders.keys() == {profit}


def test_one_triggers_the_other_with_a_hold_of_its_own() -> None:
    """Ten are sold for 1,000 USD, which then buy IBM; the purchase holds when it goes out, and not before."""
    desk = Desk(cash="1000")
    desk.trade("BUY", "10", "100")
    sale = desk.terms("sale", "SELL", "10", limit_price="100")
    purchase = desk.terms("purchase", "BUY", "5", limit_price="200", symbol="IBM")
    desk.group("OTO", sale, purchase)
    assert desk.account.held_cash == 0

    filled = desk.fill(sale.order_id, "10", "100", evidence=None)
    (link,) = filled.linked
    assert (link.effect, link.quantity, link.hold_cash) == ("ACTIVATED", 5, 1000)
    assert (desk.account.cash, desk.account.held_cash) == (0, 1000)


def test_what_cannot_be_held_for_when_its_turn_comes_is_void() -> None:
    """The sale brought 1,000 USD and the purchase needs 1,200: it is cancelled by the very event."""
    desk = Desk(cash="1000")
    desk.trade("BUY", "10", "100")
    sale = desk.terms("sale", "SELL", "10", limit_price="100")
    purchase = desk.terms("purchase", "BUY", "6", limit_price="200", symbol="IBM")
    desk.group("OTO", sale, purchase)

    filled = desk.fill(sale.order_id, "10", "100")
    assert [link.effect for link in filled.linked] == ["CANCELED"]
    assert (desk.account.cash, desk.account.groups) == (1000, {})


def test_an_exit_begins_after_the_tick_of_the_entrys_fill() -> None:
    """The tick that filled the entry cannot stop it out again."""
    from domain.reports import FillEvidence

    desk = Desk()
    entry, profit, _, _ = bracket(desk)
    evidence = FillEvidence(
        tick=tick(12), tick_price=Decimal(100), tick_volume=Decimal(100), model="m", parameters={}, seed="s"
    )
    last = desk.fill(entry, "10", "100", evidence=evidence)

    dispatches = desk.ledger.dispatches_of(last)
    assert [dispatch.acknowledged_after for dispatch in dispatches] == [tick(12), tick(12)]
    assert desk.account.orders[profit].acknowledged_after == tick(12)


def test_a_group_is_known_by_its_ids() -> None:
    """The same group again is a repeat; other content, or a part of it, is a conflict."""
    desk = Desk()
    orders = (desk.terms("a", "BUY", "1", limit_price="9"), desk.terms("b", "BUY", "1", limit_price="8"))
    assert isinstance(desk.group("OTO", *orders, client_group_id="g"), events.OrderGroupAccepted)

    assert desk.group("OTO", *orders, client_group_id="g") is None
    other = desk.terms("b", "BUY", "1", limit_price="7")
    assert desk.group("OTO", orders[0], other, client_group_id="g").code == "GROUP_ID_CONFLICT"
    fresh = desk.terms("c", "BUY", "1", limit_price="7")
    assert desk.group("OTO", orders[0], fresh, client_group_id="g").code == "GROUP_ID_CONFLICT"


def test_all_or_none_of_a_group_is_taken() -> None:
    """The entry could be paid for; the exit's price is off its increment: nothing is held, both are rejected."""
    desk = Desk()
    entry = desk.terms("entry", "BUY", "10", limit_price="100")
    bad = desk.terms("bad", "SELL", "10", limit_price="100.001")
    event = desk.group("OTO", entry, bad)

    assert isinstance(event, events.OrderGroupRejected)
    assert (event.order_id, event.code) == (bad.order_id, "PRICE_OFF_INCREMENT")
    assert [desk.status(order.order_id) for order in (entry, bad)] == ["REJECTED", "REJECTED"]
    assert (desk.account.cash, desk.account.groups) == (10_000, {})


def _bad_brackets(desk: Desk) -> dict[str, tuple[str, tuple[OrderTerms, ...]]]:
    entry = desk.terms("e", "BUY", "10", limit_price="100")
    profit = desk.terms("p", "SELL", "10", limit_price="120")
    loss = desk.terms("l", "SELL", "10", "STOP", stop_price="90")
    return {
        "two orders": ("GROUP_INVALID", (entry, profit)),
        "exits the wrong way round": ("GROUP_INVALID", (entry, loss, profit)),
        "exits on the entry's side": (
            "GROUP_LEGS_DIFFER",
            (entry, desk.terms("p", "BUY", "10", limit_price="90"), loss),
        ),
        "exits of another size": (
            "GROUP_LEGS_DIFFER",
            (
                entry,
                desk.terms("p", "SELL", "9", limit_price="120"),
                desk.terms("l", "SELL", "9", "STOP", stop_price="90"),
            ),
        ),
        "a stop above the profit": (
            "GROUP_LEGS_CROSS",
            (entry, profit, desk.terms("l", "SELL", "10", "STOP", stop_price="121")),
        ),
        "a profit below the entry": (
            "GROUP_LEGS_CROSS",
            (entry, desk.terms("p", "SELL", "10", limit_price="99"), loss),
        ),
        "a stop above the entry": (
            "GROUP_LEGS_CROSS",
            (entry, profit, desk.terms("l", "SELL", "10", "STOP", stop_price="101")),
        ),
        "a profit below the entry of a trailing stop": (
            "GROUP_LEGS_CROSS",
            (
                entry,
                desk.terms("p", "SELL", "10", limit_price="99"),
                desk.terms("l", "SELL", "10", "TRAILING_STOP", trail_bps="100"),
            ),
        ),
    }


@pytest.mark.parametrize("name", _bad_brackets(Desk()))
def test_a_bracket_whose_orders_do_not_fit_is_refused(name: str) -> None:
    """With a code, the values, and nothing held."""
    desk = Desk()
    code, orders = _bad_brackets(desk)[name]
    event = desk.group("BRACKET", *orders)

    assert isinstance(event, events.OrderGroupRejected)
    assert event.code == code
    assert event.details
    assert desk.account.held_cash == ZERO


@pytest.mark.parametrize(
    ("code", "stop"),
    [
        ("GROUP_LEGS_CROSS", {"stop_price": "120"}),
        ("GROUP_LEGS_CROSS", {"stop_price": "130"}),
        ("GROUP_LEGS_DIFFER", {"stop_price": "90", "quantity": "9"}),
        ("GROUP_LEGS_DIFFER", {"stop_price": "90", "symbol": "IBM"}),
    ],
)
def test_an_oco_whose_legs_do_not_fit_is_refused(code: str, stop: dict[str, str]) -> None:
    """One price must never meet both, and both must want the same."""
    desk = Desk()
    desk.trade("BUY", "10", "100")
    desk.trade("BUY", "10", "100", symbol="IBM")
    profit = desk.terms("p", "SELL", "10", limit_price="120")
    loss = desk.terms("l", "SELL", stop.pop("quantity", "10"), "STOP", **stop)

    assert desk.group("OCO", profit, loss).code == code


def test_a_bracket_around_a_short_sale_stands_on_its_head() -> None:
    """The rules of prices hold for the other side, too: profit below, stop above."""
    desk = Desk()
    entry = desk.terms("e", "SELL", "10", limit_price="100")
    profit = desk.terms("p", "BUY", "10", limit_price="80")
    loss = desk.terms("l", "BUY", "10", "STOP", stop_price="110", protection_price="120")
    desk.trade("BUY", "10", "100")

    assert isinstance(desk.group("BRACKET", entry, profit, loss), events.OrderGroupAccepted)
    desk.fill(entry.order_id, "10", "100")
    assert desk.account.held_cash == 1200
