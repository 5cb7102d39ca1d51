"""What corrections and busts mean for the order of the fill and for its group, worked by hand.

What a trade correct (ExecType G) and a trade cancel (H) mean for CumQty, LeavesQty and AvgPx is FIX 4.4, volume 4,
appendix D.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.domain.desk import DAY_US
from tests.domain.operators import OperatorDesk

# Of the order


def test_a_bust_of_an_open_order_gives_its_leaves_back() -> None:
    """5 of 10 at 10.00 filled, then busted: CumQty falls to 0, LeavesQty is 10 again, and so is what is set aside."""
    desk = OperatorDesk(cash="1000", fee_bps="10")
    order_id = desk.submit("BUY", "10", "10.00").order.order_id  # holds 100.10
    desk.acknowledge(order_id)
    fill = desk.fill(order_id, "5", "9.00", "0.02")
    assert (desk.account.held_cash, desk.account.cash) == (Decimal("50.05"), Decimal("904.93"))

    event = desk.send(desk.busting(fill))

    assert (event.cumulative_quantity, event.leaves_quantity, event.status) == (0, 10, "NEW")
    assert (event.hold_cash, event.cash_change) == (Decimal("50.05"), Decimal("45.02"))
    order = desk.account.orders[order_id]
    assert (order.cumulative_quantity, order.leaves_quantity, order.status) == (0, 10, "NEW")
    assert (desk.account.held_cash, desk.account.cash) == (Decimal("100.10"), Decimal("899.90"))
    assert desk.fill(order_id, "10", "10.00").status == "FILLED"
    desk.check()


def test_a_bust_of_an_open_sale_sets_its_units_aside_again() -> None:
    """2 of 6 sold and busted: 6 are held again, and the cancel that was asked for stays asked for."""
    desk = OperatorDesk()
    desk.trade("BUY", "6", "10.00")
    order_id = desk.submit("SELL", "6", "12.00").order.order_id
    fill = desk.fill(order_id, "2", "12.00")
    desk.cancel(order_id)

    event = desk.bust(fill.execution_id)

    assert (event.status, event.leaves_quantity, event.hold_quantity) == ("PENDING_CANCEL", 6, 2)
    position = desk.account.position("AAPL")
    assert (position.free, position.held) == (0, 6)
    desk.canceled(order_id)
    assert position.free == 6
    desk.check()


def test_a_correction_that_completes_an_open_order_fills_it() -> None:
    """The venue had 6, not 5, of the 6 ordered: the order is done, its hold is free."""
    desk = OperatorDesk(cash="100")
    order_id = desk.submit("BUY", "6", "10.00").order.order_id
    fill = desk.fill(order_id, "5", "10.00")

    event = desk.send(desk.correcting(fill, "6", "10.00"))

    assert (event.status, event.leaves_quantity, event.hold_cash) == ("FILLED", 0, -10)
    assert order_id not in desk.account.orders
    assert (desk.account.cash, desk.account.held_cash) == (40, 0)
    desk.check()


def test_a_finished_order_stays_finished() -> None:
    """FILLED with nothing filled: the fill was busted days later; a new order is needed to try again."""
    desk = OperatorDesk()
    fill = desk.trade("BUY", "5", "10.00")
    desk.now_us += 3 * DAY_US

    event = desk.send(desk.busting(fill))

    assert (event.status, event.cumulative_quantity, event.leaves_quantity) == ("FILLED", 0, 0)
    closed = desk.account.closed[fill.order_id]
    assert (closed.status, closed.quantity, closed.cumulative_quantity) == ("FILLED", 5, 0)
    assert desk.account.orders == {}
    desk.check()


def test_an_order_never_has_more_filled_than_ordered() -> None:
    """2 and 3 of 6, then cancelled: the first may be corrected to 3, not to 4."""
    desk = OperatorDesk()
    order_id = desk.submit("BUY", "6", "10.00").order.order_id
    first = desk.fill(order_id, "2", "10.00")
    desk.fill(order_id, "3", "10.00")
    desk.canceled(order_id)

    refused = desk.correct(first.execution_id, "4", "10.00")
    assert (refused.code, refused.details["leaves"]) == ("FILL_EXCEEDS_LEAVES", "3")
    assert desk.correct(first.execution_id, "3", "10.00").cumulative_quantity == 6
    desk.check()


# Orders of groups


def _bracket() -> tuple[OperatorDesk, list[Any]]:
    desk = OperatorDesk()
    orders = [
        desk.terms("e", "BUY", "10", limit_price="10"),
        desk.terms("p", "SELL", "10", limit_price="12"),
        desk.terms("l", "SELL", "10", "STOP", stop_price="9"),
    ]
    desk.group("BRACKET", *orders)
    return desk, orders


def test_a_correction_that_completes_an_entry_lets_its_exits_go() -> None:
    """9 of 10 were reported, it was 10: the entry is done, and both exits go to the venue for 10."""
    desk, (entry, profit, loss) = _bracket()
    fill = desk.fill(entry.order_id, "9", "10")

    event = desk.send(desk.correcting(fill, "10", "10"))

    assert [(link.order_id, link.effect, link.quantity) for link in event.linked] == [
        (profit.order_id, "ACTIVATED", 10),
        (loss.order_id, "ACTIVATED", 10),
    ]
    assert [dispatch.kind for dispatch in desk.ledger.dispatches_of(event)] == ["EXECUTE", "EXECUTE"]
    assert desk.account.position("AAPL").held == 10
    desk.check()


def test_what_followed_from_a_fill_that_never_was_is_not_undone() -> None:
    """The entry is busted, its exits stay at the venue and what they need stays set aside: somebody has to decide."""
    desk, (entry, profit, loss) = _bracket()
    fill = desk.fill(entry.order_id, "10", "10")

    event = desk.send(desk.busting(fill))

    assert (event.status, event.linked) == ("FILLED", ())
    assert {desk.status(order.order_id) for order in (profit, loss)} == {"PENDING_NEW"}
    position = desk.account.position("AAPL")
    assert (position.quantity, position.held, position.free) == (0, 10, -10)
    desk.check()


def test_a_bust_of_an_exit_gives_back_what_its_group_holds_for_it() -> None:
    """The take-profit sold 4 of 10 and the stop was made smaller; the 4 never were: the take-profit wants 10 again."""
    desk, (entry, profit, _) = _bracket()
    desk.fill(entry.order_id, "10", "10")
    sale = desk.fill(profit.order_id, "4", "12")
    assert desk.account.position("AAPL").held == 6

    event = desk.send(desk.busting(sale))

    assert (event.status, event.leaves_quantity, event.hold_quantity) == ("PENDING_NEW", 10, 4)
    position = desk.account.position("AAPL")
    assert (position.free, position.held) == (0, 10)
    desk.check()
