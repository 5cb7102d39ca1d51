"""Fills: what they move, worked by hand."""

from __future__ import annotations

from decimal import Decimal

from domain import events
from tests.domain.desk import Desk, expected, legs


def test_a_whole_fill_pays_from_the_hold_and_gives_the_rest_back() -> None:
    """100 units at limit 10.50 with 10 bps hold 1,051.05. They fill at 10.4321 for a fee of 1.04.

    Cost 1,043.21 and fee 1.04 make 1,044.25; of the hold 1,051.05 - 1,044.25 = 6.80 goes back to free cash.
    """
    desk = Desk(cash="2000", fee_bps="10")
    order_id = desk.submit("BUY", "100", "10.50").order.order_id
    assert desk.account.held_cash == Decimal("1051.05")

    event = desk.fill(order_id, "100", "10.4321", "1.04")

    assert legs(event) == expected(
        ("hold", "USD", "-1051.05"),
        ("cash", "USD", "6.80"),
        ("inventory:AAPL", "USD", "1043.21"),
        ("fees", "USD", "1.04"),
        ("position:AAPL", "AAPL", "100"),
        ("market:AAPL", "AAPL", "-100"),
    )
    assert (event.status, event.cumulative_quantity, event.leaves_quantity) == ("FILLED", 100, 0)
    assert (event.realized_pnl, event.lots, event.released_cash) == (0, (), Decimal("1051.05"))
    assert (desk.account.cash, desk.account.held_cash) == (Decimal("955.75"), 0)
    assert desk.account.fees == Decimal("1.04")


def test_a_partial_fill_releases_what_the_rest_no_longer_needs() -> None:
    """Hold for 3 at 3.33 and 5 bps: 9.99 x 1.0005 = 9.994995, so 10.00. After 1 unit, 2 need 6.66333, so 6.67.

    So the first fill releases 3.33; after the second, 1 needs 3.331665, so 3.34, and 3.33 is released; the last
    releases what is left, 3.34.
    """
    desk = Desk(cash="10", fee_bps="5")
    order_id = desk.submit("BUY", "3", "3.33").order.order_id
    assert desk.account.held_cash == Decimal("10.00")

    fills = [desk.fill(order_id, "1", "3.33") for _ in range(3)]

    assert [fill.released_cash for fill in fills] == [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]
    assert [fill.status for fill in fills] == ["PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]
    assert [fill.leaves_quantity for fill in fills] == [2, 1, 0]
    assert desk.account.held_cash == 0
    assert desk.account.cash == Decimal("0.01")


def test_a_fill_dearer_than_its_hold_takes_the_rest_from_free_cash() -> None:
    """What has happened cannot be refused: 10 units held at 10.00 fill at 10.20, and free cash goes to -2.00."""
    desk = Desk(cash="100.00")
    order_id = desk.submit("BUY", "10", "10.00").order.order_id

    event = desk.fill(order_id, "10", "10.20")

    assert isinstance(event, events.OrderFilled)
    assert ("cash", "USD", Decimal("-2.00")) in legs(event)
    assert desk.account.cash == Decimal("-2.00")
    assert desk.withdraw("0.01").code == "CASH_INSUFFICIENT"


def test_a_sale_books_proceeds_fee_cost_and_profit() -> None:
    """10 bought at 10.00 plus a fee of 0.10, 4 sold at 12.5050 for a fee of 0.05.

    Proceeds 50.02, cost of the 4 units 40.00, profit before fees 10.02, cash in 49.97.
    """
    desk = Desk(cash="1000")
    desk.trade("BUY", "10", "10.00", "0.10")
    order_id = desk.submit("SELL", "4").order.order_id

    event = desk.fill(order_id, "4", "12.5050", "0.05")

    assert legs(event) == expected(
        ("position_hold:AAPL", "AAPL", "-4"),
        ("market:AAPL", "AAPL", "4"),
        ("cash", "USD", "49.97"),
        ("fees", "USD", "0.05"),
        ("inventory:AAPL", "USD", "-40.00"),
        ("realized_pnl", "USD", "-10.02"),
    )
    assert event.realized_pnl == Decimal("10.02")
    assert desk.account.cash == Decimal("949.87")  # 1000 - 100.10 + 49.97
    assert (desk.account.fees, desk.account.realized_pnl) == (Decimal("0.15"), Decimal("10.02"))
    position = desk.account.position("AAPL")
    assert (position.free, position.held, position.cost) == (6, 0, 60)


def test_a_loss_and_a_fee_above_the_proceeds_are_booked_as_they_are() -> None:
    """1 unit bought at 10.00 and sold at 0.05 with a minimum fee of 1.00: a loss of 9.95, and cash falls by 0.95."""
    desk = Desk(cash="100")
    desk.trade("BUY", "1", "10.00")

    event = desk.trade("SELL", "1", "0.05", "1.00")

    assert ("cash", "USD", Decimal("-0.95")) in legs(event)
    assert ("realized_pnl", "USD", Decimal("9.95")) in legs(event)
    assert desk.account.cash == Decimal("89.05")


def test_a_rebate_is_a_fee_below_zero() -> None:
    """A venue that pays for liquidity reports a negative fee; it lowers the fees paid."""
    desk = Desk(cash="100")

    event = desk.trade("BUY", "1", "10.00", "-0.02")

    assert ("fees", "USD", Decimal("-0.02")) in legs(event)
    assert desk.account.cash == Decimal("90.02")


def test_fills_go_on_while_a_cancel_is_pending() -> None:
    """The venue filled 2 of 5 before it saw the cancel: the fill counts, the rest is cancelled and released."""
    desk = Desk(cash="50")
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.cancel(order_id)

    fill = desk.fill(order_id, "2", "10.00")
    canceled = desk.canceled(order_id)

    assert (fill.status, fill.leaves_quantity) == ("PENDING_CANCEL", 3)
    assert (canceled.canceled_quantity, canceled.released_cash) == (3, 30)
    assert desk.account.cash == 30


def test_a_fill_that_completes_an_order_beats_its_cancel() -> None:
    """Filled whole while PENDING_CANCEL, the order is FILLED, and the late cancel is refused."""
    desk = Desk(cash="50")
    order_id = desk.submit("BUY", "5", "10.00").order.order_id
    desk.cancel(order_id)

    assert desk.fill(order_id, "5", "10.00").status == "FILLED"
    assert desk.canceled(order_id).code == "ORDER_NOT_OPEN"


def test_a_canceled_sale_gives_its_units_back() -> None:
    """Of a sale of 6 with 2 filled, 4 units are free again."""
    desk = Desk()
    desk.trade("BUY", "6", "10.00")
    order_id = desk.submit("SELL", "6", "12.00").order.order_id
    desk.fill(order_id, "2", "12.00")

    event = desk.canceled(order_id)

    assert legs(event) == expected(("position:AAPL", "AAPL", "4"), ("position_hold:AAPL", "AAPL", "-4"))
    assert (event.released_cash, event.released_quantity) == (0, 4)
    assert desk.account.position("AAPL").free == 4


def test_an_order_that_the_venue_refuses_gives_its_hold_back() -> None:
    """Status REJECTED, the venue's own code on record, the cash free again."""
    desk = Desk(cash="50")
    order_id = desk.submit("BUY", "5", "10.00").order.order_id

    event = desk.refused(order_id)

    assert isinstance(event, events.OrderRefusedByVenue)
    assert (event.code, event.released_cash) == ("VENUE_CLOSED", 50)
    assert desk.account.cash == 50
    assert desk.refused(order_id) is None
