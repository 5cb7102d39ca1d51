"""Short positions: sold first, bought back later, with units borrowed in between."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import events
from domain.account_terms import MarginTerms
from domain.borrow import Locate
from domain.market import Instrument
from tests.domain.desk import START_US, Desk, expected, legs

EASY = Instrument(symbol="AAPL", easy_to_borrow=True)


def _desk(*, cash: str = "100000", instruments: tuple[Instrument, ...] = (EASY,), **fields: Any) -> Desk:
    desk = Desk(cash=cash, margin=MarginTerms(), instruments=instruments, **fields)
    desk.mark("AAPL", "60.00")
    return desk


def test_a_short_sale_brings_cash_and_owes_units() -> None:
    """100 sold short at 60.00 for a fee of 1.00: 5,999.00 come in, and the initial margin of 3,000.00 is free again."""
    desk = _desk()
    order_id = desk.submit("SELL_SHORT", "100", "60.00").order.order_id
    assert desk.account.held_cash == 3000

    event = desk.fill(order_id, "100", "60.00", "1.00")

    assert legs(event) == expected(
        ("position_short:AAPL", "AAPL", "-100"),
        ("market:AAPL", "AAPL", "100"),
        ("hold", "USD", "-3000.00"),
        ("cash", "USD", "8999.00"),
        ("fees", "USD", "1.00"),
        ("short_proceeds:AAPL", "USD", "-6000.00"),
    )
    assert (event.realized_pnl, event.lots, event.covered_quantity) == (0, (), 0)
    assert desk.account.cash == 105999
    position = desk.account.position("AAPL")
    assert (position.quantity, position.short_quantity, position.net_quantity) == (0, 100, -100)
    assert position.short_proceeds == 6000


def test_buying_back_cheaper_is_a_profit() -> None:
    """Sold short at 60.00, bought back at 50.00: 100 x 10.00 = 1,000.00, before fees."""
    desk = _desk()
    desk.trade("SELL_SHORT", "100", "60.00")

    event = desk.trade("BUY", "100", "50.00")

    assert legs(event) == expected(
        ("cash", "USD", "-5000.00"),
        ("short_proceeds:AAPL", "USD", "6000.00"),
        ("realized_pnl", "USD", "-1000.00"),
        ("position_short:AAPL", "AAPL", "100"),
        ("market:AAPL", "AAPL", "-100"),
    )
    assert (event.realized_pnl, event.covered_quantity) == (1000, 100)
    assert desk.account.cash == 101000
    assert (desk.account.position("AAPL").short_quantity, desk.account.position("AAPL").short_proceeds) == (0, 0)


def test_a_purchase_of_more_than_is_short_turns_the_position_round_in_one_event() -> None:
    """100 short at 60.00; 150 bought at 62.00 cover them for a loss of 200.00, and 50 at 62.00 are a long lot."""
    desk = _desk()
    desk.trade("SELL_SHORT", "100", "60.00")

    event = desk.trade("BUY", "150", "62.00")

    assert (event.realized_pnl, event.covered_quantity) == (-200, 100)
    assert ("inventory:AAPL", "USD", Decimal("3100")) in legs(event)
    position = desk.account.position("AAPL")
    assert (position.quantity, position.cost, position.short_quantity) == (50, 3100, 0)
    assert [(lot.lot_id, lot.quantity) for lot in position.lots] == [(event.execution_id, 50)]
    assert desk.trade("SELL", "50", "63.00").realized_pnl == 50


def test_short_lots_are_covered_by_the_accounts_method() -> None:
    """Short 10 at 60.00, at 64.00 and at 62.00; 10 are bought back at 61.00.

    FIFO covers those at 60.00: a loss of 10. LIFO those at 62.00: 10. HIFO those sold for most, 64.00: 30. AVERAGE:
    they were sold for 62.00 each: 10.
    """
    profits = {}
    for method in ("FIFO", "LIFO", "HIFO", "AVERAGE"):
        desk = _desk(lot_method=method)
        for price in ("60.00", "64.00", "62.00"):
            desk.trade("SELL_SHORT", "10", price)
        profits[method] = desk.trade("BUY", "10", "61.00").realized_pnl

    assert profits == {"FIFO": -10, "LIFO": 10, "HIFO": 30, "AVERAGE": 10}


def test_a_sale_closes_long_units_and_a_short_sale_never_does() -> None:
    """Short against the box: 10 long and 5 short at once; a sale of 11 lacks units, however many could be shorted."""
    desk = _desk()
    desk.trade("BUY", "10", "60.00")

    desk.trade("SELL_SHORT", "5", "60.00")

    position = desk.account.position("AAPL")
    assert (position.quantity, position.short_quantity, position.net_quantity) == (10, 5, 5)
    assert desk.submit("SELL", "11", "60.00").code == "POSITION_INSUFFICIENT"
    assert desk.trade("SELL", "10", "60.00").realized_pnl == 0


def test_a_purchase_that_meets_a_short_made_after_it_covers_it() -> None:
    """A race: when the purchase was accepted nothing was short. What counts is what is short when it fills."""
    desk = _desk()
    purchase = desk.submit("BUY", "10", "60.00")
    desk.trade("SELL_SHORT", "4", "61.00")

    event = desk.fill(purchase.order.order_id, "10", "60.00")

    assert (event.covered_quantity, event.realized_pnl) == (4, 4)
    assert desk.account.position("AAPL").quantity == 6


# Borrowing: Regulation SHO wants a locate before the sale


def _hard() -> Desk:
    return _desk(instruments=())


def _locate(desk: Desk, locate_id: str = "l1") -> Locate:
    return desk.account.locates[locate_id]


def test_a_short_sale_without_a_locate_is_refused_with_what_there_is() -> None:
    """50 units are located, 51 are wanted."""
    desk = _hard()
    desk.locate("50")

    event = desk.submit("SELL_SHORT", "51", "60.00")

    assert event.code == "BORROW_UNAVAILABLE"
    assert event.details == {"symbol": "AAPL", "quantity": "51", "located": "50"}


def test_a_locate_says_who_gave_it_and_why() -> None:
    """The event has lender, reason, price of the loan and its end."""
    desk = _hard()

    event = desk.locate("50", fee_bps_per_year=Decimal(25), command_id="l1")

    assert isinstance(event, events.LocateGranted)
    assert (event.granted_by, event.reason, event.fee_bps_per_year) == ("prime broker", "asked for", 25)
    assert event.postings == ()
    assert desk.locate("50", fee_bps_per_year=Decimal(25), command_id="l1") is None
    assert desk.locate("51", fee_bps_per_year=Decimal(25), command_id="l1").code == "COMMAND_ID_CONFLICT"


def test_a_locate_is_pending_then_used_and_the_rest_comes_back() -> None:
    """Of 50 located, an order takes 40; 15 fill, and the cancellation frees 25."""
    desk = _hard()
    desk.locate("50", command_id="l1")

    order_id = desk.submit("SELL_SHORT", "40", "60.00").order.order_id
    assert (_locate(desk).free, _locate(desk).pending, _locate(desk).used) == (10, 40, 0)
    desk.fill(order_id, "15", "60.00")
    assert (_locate(desk).free, _locate(desk).pending, _locate(desk).used) == (10, 25, 15)
    desk.canceled(order_id)

    assert (_locate(desk).free, _locate(desk).pending, _locate(desk).used) == (35, 0, 15)
    assert desk.submit("SELL_SHORT", "36", "60.00").code == "BORROW_UNAVAILABLE"
    assert desk.refolded().digest() == desk.ledger.digest()


def test_an_order_may_take_several_locates_the_oldest_first() -> None:
    """30 and 20: an order of 35 takes all of the first, which is gone when it is used up, and 5 of the second."""
    desk = _hard()
    desk.locate("30", command_id="l1")
    desk.locate("20", command_id="l2")

    event = desk.submit("SELL_SHORT", "35", "60.00")

    assert [(use.locate_id, use.quantity) for use in event.locates] == [("l1", 30), ("l2", 5)]
    desk.fill(event.order.order_id, "32", "60.00")
    assert "l1" not in desk.account.locates
    assert (_locate(desk, "l2").pending, _locate(desk, "l2").used) == (3, 2)


def test_an_expired_locate_covers_no_new_order_and_is_forgotten_with_the_next() -> None:
    """Market time decides, as the symbol's mark has it; an order that was accepted before keeps what it has."""
    desk = _hard()
    desk.locate("30", command_id="l1", expires_at_us=START_US + 10)
    desk.locate("30", command_id="l2", expires_at_us=START_US + 10)
    order_id = desk.submit("SELL_SHORT", "10", "60.00").order.order_id
    desk.mark("AAPL", "60.00", START_US + 10)

    assert desk.submit("SELL_SHORT", "1", "60.00").code == "BORROW_UNAVAILABLE"
    assert isinstance(desk.fill(order_id, "5", "60.00"), events.OrderFilled)
    assert desk.locate("1", command_id="l3", expires_at_us=START_US + 20).dropped == ("l2",)
    assert list(desk.account.locates) == ["l1", "l3"]


def test_what_may_not_be_sold_short_is_refused() -> None:
    """By a cash account nothing may, and some instruments by nobody."""
    cash = Desk(instruments=(EASY,))
    cash.mark("AAPL", "60.00")
    assert cash.submit("SELL_SHORT", "1", "60.00").code == "ACCOUNT_NOT_MARGIN"
    assert cash.locate("1").code == "ACCOUNT_NOT_MARGIN"
    desk = _desk(instruments=(Instrument(symbol="AAPL", shortable=False, easy_to_borrow=True),))
    assert desk.submit("SELL_SHORT", "1", "60.00").code == "INSTRUMENT_NOT_SHORTABLE"


# Reduce-only


def test_a_reduce_only_order_closes_and_never_opens() -> None:
    """10 long and 4 short: a reduce-only sale may close 10, a purchase 4, and a short sale nothing."""
    desk = _desk()
    desk.trade("BUY", "10", "60.00")
    desk.trade("SELL_SHORT", "4", "60.00")

    refused = [desk.submit(side, n, "60.00", reduce_only=True) for side, n in (("SELL", "11"), ("BUY", "5"))]
    assert [event.code for event in refused] == ["ORDER_NOT_REDUCING"] * 2
    assert refused[1].details == {"symbol": "AAPL", "side": "BUY", "quantity": "5", "reducible": "4"}
    assert desk.submit("SELL_SHORT", "1", "60.00", reduce_only=True).code == "ORDER_NOT_REDUCING"
    for side, quantity in (("SELL", "10"), ("BUY", "4")):
        assert isinstance(desk.trade(side, quantity, "60.00", reduce_only=True), events.OrderFilled)
    assert desk.account.position("AAPL").net_quantity == 0


def test_two_reduce_only_orders_cannot_close_the_same_units() -> None:
    """Of 4 short units 3 are being bought back; a second order may close the fourth."""
    desk = _desk()
    desk.trade("SELL_SHORT", "4", "60.00")
    desk.submit("BUY", "3", "50.00", reduce_only=True)

    assert desk.submit("BUY", "2", "50.00", reduce_only=True).code == "ORDER_NOT_REDUCING"
    assert isinstance(desk.submit("BUY", "1", "50.00", reduce_only=True), events.OrderAccepted)
