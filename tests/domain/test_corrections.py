"""Corrections and busts of fills, worked by hand.

The trades are those of tests/domain/test_lots.py, from introductions to inventory accounting: buy 100 at 10, buy 100 at
12, sell 150 at 15. What a trade correct (ExecType G) and a trade cancel (H) mean for CumQty, LeavesQty and AvgPx is FIX
4.4, volume 4, appendix D.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events, history
from domain.account import IDS_KEPT_US
from domain.checks import CLOCK_AHEAD_US_MAX
from domain.errors import BooksError
from tests.domain.desk import DAY_US, expected, legs
from tests.domain.operators import OperatorDesk


def _textbook(lot_method: str = "FIFO") -> tuple[OperatorDesk, list[Any]]:
    """10,000 of cash; after it 10,050 and 50 units of cost 600 (FIFO), 550 (average)."""
    desk = OperatorDesk(lot_method=lot_method)
    fills = [desk.trade("BUY", "100", "10.00"), desk.trade("BUY", "100", "12.00"), desk.trade("SELL", "150", "15.00")]
    return desk, fills


def _lots(desk: OperatorDesk) -> list[tuple[Decimal, Decimal]]:
    return [(lot.quantity, lot.cost) for lot in desk.account.position("AAPL").lots]


# What it was


@pytest.mark.parametrize(
    ("lot_method", "pnl", "cost"),
    [
        ("FIFO", 550, 600),  # 150 x 15 - (100 x 11 + 50 x 12); 50 at 12 are left
        ("AVERAGE", 525, 575),  # (1,100 + 1,200) / 200 = 11.50 each
    ],
)
def test_a_dearer_purchase_lowers_the_profit_of_the_sale_after_it(lot_method: str, pnl: int, cost: int) -> None:
    """The first purchase was at 11, not at 10: 100 less cash, and the profit and the cost that follow from it."""
    desk, (first, _, _) = _textbook(lot_method)
    old = desk.account.realized_pnl

    event = desk.send(desk.correcting(first, "100", "11.00"))

    assert isinstance(event, events.FillCorrected)
    assert (event.old_quantity, event.old_price, event.old_fee) == (100, 10, 0)
    assert (event.quantity, event.price, event.fee) == (100, 11, 0)
    assert (event.cash_change, event.realized_pnl_change) == (-100, pnl - old)
    assert (event.position_quantity, event.position_cost, event.position_realized_pnl) == (50, cost, pnl)
    assert (event.reason, event.actor, event.report_id) == ("clearly erroneous", "", f"rep_{desk.sent}")
    assert desk.account.cash == 9950
    assert desk.account.realized_pnl == desk.account.position("AAPL").realized_pnl == pnl
    assert _lots(desk) == [(50, cost)]
    desk.check()


def test_the_postings_are_the_difference() -> None:
    """The first purchase was of 90 at 10 with a fee of 1: 99 more cash, 10 fewer units.

    The sale takes the 90 (900) and 60 at 12 (720): profit 2,250 - 1,620 = 630, and 40 at 12 = 480 are left. So the
    cost falls by 120, the profit by 20.
    """
    desk, (first, _, _) = _textbook()

    event = desk.send(desk.correcting(first, "90", "10.00", "1.00"))

    assert legs(event) == expected(
        ("cash", "USD", "99.00"),
        ("fees", "USD", "1.00"),
        ("inventory:AAPL", "USD", "-120"),
        ("realized_pnl", "USD", "20"),
        ("position:AAPL", "AAPL", "-10"),
        ("market:AAPL", "AAPL", "10"),
    )
    assert _lots(desk) == [(40, 480)]
    assert desk.account.fees == desk.account.position("AAPL").fees == 1
    desk.check()


def test_a_sale_at_another_price_earned_something_else() -> None:
    """150 at 14 instead of 15, and a fee of 0.50 that was missing: 150.50 less cash, 150 less profit."""
    desk, (_, _, sale) = _textbook()

    event = desk.correct(sale.execution_id, "150", "14.00", "0.50")

    assert (event.cash_change, event.realized_pnl_change, event.fees_change) == (
        Decimal("-150.50"),
        -150,
        Decimal("0.50"),
    )
    assert (event.actor, event.report_id, event.reference) == ("ops-anna", "", f"ref-{desk.sent}")
    assert _lots(desk) == [(50, 600)]
    desk.check()


def test_a_smaller_sale_gives_units_back_to_their_lots() -> None:
    """Sold 50, not 150: the first lot is half there again, the second whole, under their own ids and days."""
    desk, (first, second, sale) = _textbook()
    desk.now_us += DAY_US

    desk.correct(sale.execution_id, "50", "15.00")

    lots = [(lot.lot_id, lot.quantity, lot.cost, lot.opened_at_us) for lot in desk.account.position("AAPL").lots]
    assert lots == [
        (first.execution_id, 50, 500, first.market_time_us),
        (second.execution_id, 100, 1200, second.market_time_us),
    ]
    assert desk.account.realized_pnl == 250
    desk.check()


# What never was


def test_a_busted_sale_gives_everything_back() -> None:
    """No sale: 200 units of cost 2,200, no profit, and its 2,250 are gone again; the fee, too."""
    desk, _ = _textbook()
    sale = desk.trade("SELL", "50", "16.00", "0.40")

    event = desk.send(desk.busting(sale))

    assert isinstance(event, events.FillBusted)
    assert (event.cash_change, event.fees_change, event.quantity_change) == (Decimal("-799.60"), Decimal("-0.40"), 50)
    assert (desk.account.cash, desk.account.fees) == (10050, 0)
    assert _lots(desk) == [(50, 600)]
    desk.check()


def test_a_busted_purchase_that_was_sold_leaves_units_that_are_owed() -> None:
    """Without the first purchase 150 were sold and 100 were there: 50 are owed, sold for 750.

    Profit of the 100: 1,500 - 1,200 = 300. The next purchase, 60 at 14, covers the 50 for 700, a profit of 50, and
    leaves 10 at 14.
    """
    desk, (first, _, sale) = _textbook()

    event = desk.bust(first.execution_id)

    assert (event.position_quantity, event.position_cost, event.position_realized_pnl) == (-50, -750, 300)
    assert event.lots == (
        events.LotState(
            lot_id=sale.execution_id,
            quantity=Decimal(-50),
            cost=Decimal(-750),
            opened_at_us=sale.market_time_us,
        ),
    )
    assert desk.account.cash == 11_050
    assert desk.submit("SELL", "1", "15.00").code == "POSITION_INSUFFICIENT"
    desk.check()

    cover = desk.trade("BUY", "60", "14.00")
    assert (cover.realized_pnl, cover.lots[0].quantity, cover.lots[0].cost) == (50, -50, -750)
    assert _lots(desk) == [(10, 140)]
    assert desk.account.position("AAPL").free == 10
    desk.check()


def test_a_sale_that_is_open_while_its_units_are_busted_fills_all_the_same() -> None:
    """10 bought, 6 on offer, the purchase busted: none there, 6 held, -6 free. The venue fills the 6: owed."""
    desk = OperatorDesk()
    purchase = desk.trade("BUY", "10", "10.00")
    order_id = desk.submit("SELL", "6", "11.00").order.order_id
    desk.send(desk.busting(purchase))
    position = desk.account.position("AAPL")
    assert (position.quantity, position.free, position.held) == (0, -6, 6)

    sale = desk.fill(order_id, "6", "11.00")

    assert (sale.realized_pnl, sale.lots) == (0, ())
    assert _lots(desk) == [(-6, -66)]
    desk.check()


def test_the_pool_of_an_average_account_can_be_owed_too() -> None:
    """Without any purchase 150 were sold short at 15; 100 at 12 then cover: 300 earned, 50 owed at 15."""
    desk, (first, second, _) = _textbook("AVERAGE")
    desk.bust(first.execution_id)
    desk.bust(second.execution_id)
    assert _lots(desk) == [(-150, -2250)]

    desk.trade("BUY", "100", "12.00")

    assert desk.account.realized_pnl == 300
    assert _lots(desk) == [(-50, -750)]
    desk.check()


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


# Repeats and refusals


def test_a_report_that_comes_again_is_no_event() -> None:
    """Also when another correction came between: the first must not undo the second."""
    desk, (first, _, _) = _textbook()
    earlier, later = desk.correcting(first, "100", "11.00"), desk.correcting(first, "100", "11.50")
    desk.send(earlier)
    desk.send(later)
    digest = desk.ledger.digest()

    assert desk.send(earlier) is None
    assert desk.send(later) is None
    assert desk.ledger.digest() == digest


def test_a_correction_that_says_what_is_on_record_moves_nothing() -> None:
    """The venue confirms what the operator has put right by hand: on record, without a posting."""
    desk, (first, _, _) = _textbook()
    desk.correct(first.execution_id, "100", "11.00")

    event = desk.send(desk.correcting(first, "100", "11.00"))

    assert isinstance(event, events.FillCorrected)
    assert event.postings == ()
    desk.check()


def test_a_busted_fill_stays_busted_and_known() -> None:
    """It cannot be busted again or corrected, and a copy of the fill itself is still a repeat."""
    desk = OperatorDesk()
    order_id = desk.submit("BUY", "10", "10.00").order.order_id
    message = desk.filling(order_id, "5", "10.00")
    fill = desk.send(message)
    bust = desk.busting(fill)
    desk.send(bust)

    assert desk.send(bust) is None
    assert desk.send(desk.busting(fill)).code == "FILL_ALREADY_BUSTED"
    assert desk.bust(fill.execution_id).code == "FILL_ALREADY_BUSTED"
    assert desk.send(desk.correcting(fill, "5", "10.00")).code == "FILL_ALREADY_BUSTED"
    assert desk.send(message) is None
    desk.check()


def test_a_correction_of_an_unknown_fill_is_refused_and_changes_nothing() -> None:
    """An id that nobody reported, and one that is of another order than the report says."""
    desk, (first, second, _) = _textbook()
    digest = desk.ledger.digest()

    unknown = desk.correct("exe_nobody", "1", "1.00")
    assert (unknown.code, unknown.details) == ("FILL_UNKNOWN", {"execution_id": "exe_nobody"})
    assert desk.bust("exe_nobody").code == "FILL_UNKNOWN"
    foreign = msgspec.structs.replace(desk.busting(first), order_id=second.order_id)
    assert desk.send(foreign).code == "FILL_UNKNOWN"
    assert desk.ledger.digest() == digest


def test_a_fill_is_remembered_for_the_time_for_which_ids_are() -> None:
    """To the microsecond; what has become of it before stays as it is, and the base takes it in."""
    desk, (first, _, _) = _textbook()
    desk.now_us += IDS_KEPT_US + CLOCK_AHEAD_US_MAX
    desk.deposit("1")
    assert isinstance(desk.correct(first.execution_id, "100", "11.00"), events.FillCorrected)

    desk.now_us += 1
    desk.deposit("1")

    assert desk.bust(first.execution_id).code == "FILL_UNKNOWN"
    assert not desk.account.history
    assert desk.account.bases["AAPL"].lots == desk.account.position("AAPL").lots
    desk.check()


def test_a_base_is_what_newer_fills_are_replayed_from() -> None:
    """100 at 10 are forgotten, 100 at 12 and a sale of 150 at 15 are not: the same profit as if all were remembered."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "10.00")
    desk.now_us += 8 * DAY_US
    second = desk.trade("BUY", "100", "12.00")
    desk.trade("SELL", "150", "15.00")
    assert len(desk.account.history) == 2

    desk.correct(second.execution_id, "100", "13.00")

    assert desk.account.realized_pnl == 600  # 2,250 - 1,000 - 50 x 13
    assert _lots(desk) == [(50, 650)]
    desk.check()


# Corporate actions since


def test_a_fill_before_a_split_is_corrected_in_the_terms_of_its_day() -> None:
    """Bought 100 at 10, split two for one, sold 50 of 200 at 6. It was 100 at 11: 1,100 over 200 units, 5.50 each.

    The sale earned 50 x (6 - 5.50) = 25, and 150 units of cost 825 are left.
    """
    desk = OperatorDesk()
    first = desk.trade("BUY", "100", "10.00")
    desk.split(2, 1)
    desk.trade("SELL", "50", "6.00")
    assert desk.account.realized_pnl == 50

    event = desk.send(desk.correcting(first, "100", "11.00"))

    assert (event.cash_change, event.realized_pnl_change, event.actions) == (-100, -25, ())
    assert _lots(desk) == [(150, 825)]
    desk.check()


def test_a_fraction_that_was_paid_in_cash_is_paid_for_what_it_should_have_been() -> None:
    """Bought 25 at 4.00, one for ten: 2 units and 0.5 x 44 = 22.00 in cash. It was 23 at 4.00: 2 units and 0.3.

    0.3 x 44 = 13.20. The cost of the fraction is 92 x 0.3 / 2.3 = 12, so 1.20 are earned instead of 2.00, and the two
    units cost 80. Cash: 8.00 less was paid for the shares, 8.80 less came in for the fraction.
    """
    desk = OperatorDesk()
    first = desk.trade("BUY", "25", "4.00")
    split = desk.split(1, 10, "44.00")

    event = desk.send(desk.correcting(first, "23", "4.00"))

    assert event.actions == (
        events.RestatedAction(
            account_version=split.originator_version,
            market_time_us=split.market_time_us,
            quantity_change=Decimal(2),  # 23 became 2 where 25 became 2
            cash_change=Decimal("-8.80"),
            realized_pnl_change=Decimal("-0.80"),
        ),
    )
    assert (event.quantity_change, event.cash_change) == (0, Decimal("-0.80"))
    assert _lots(desk) == [(2, 80)]
    assert desk.account.realized_pnl == Decimal("1.20")
    desk.check()


def test_a_bust_before_a_delisting_takes_back_what_it_paid() -> None:
    """10 at 10.00 and 5 at 12.00, gone for 11.00 each: 165. Without the second 110, so 60 - 55 = 5 more cash."""
    desk = OperatorDesk()
    desk.trade("BUY", "10", "10.00")
    second = desk.trade("BUY", "5", "12.00")
    desk.delist("11.00")
    assert desk.account.realized_pnl == 5

    event = desk.bust(second.execution_id)

    assert (event.cash_change, event.position_quantity, event.position_realized_pnl) == (5, 0, 10)
    assert desk.account.cash == 10_010
    desk.check()


def test_a_fill_under_the_old_symbol_is_corrected_under_the_new_one() -> None:
    """The history moves with the units."""
    desk = OperatorDesk()
    first = desk.trade("BUY", "10", "10.00")
    desk.rename("IBM")

    event = desk.bust(first.execution_id)

    assert (event.symbol, event.position_quantity) == ("IBM", 0)
    assert desk.account.position("IBM").cost == 0
    desk.check()


def test_a_dividend_stays_as_it_was_paid() -> None:
    """What the issuer paid too much or too little is claimed from it, and booked as an adjustment."""
    desk = OperatorDesk()
    first = desk.trade("BUY", "10", "10.00")
    desk.dividend("1.00")

    desk.bust(first.execution_id)

    assert desk.account.cash == 10_010
    desk.check()


# The guards themselves


def test_a_history_that_does_not_end_at_the_position_stops_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a fold forgot to remember, the difference would be wrong: so the replay must end where the position is."""
    desk, (first, _, _) = _textbook()
    del desk.account.history[1]

    with pytest.raises(BooksError, match="does not end at its lots"):
        desk.bust(first.execution_id)

    monkeypatch.setattr(history.Execution, "apply", lambda *_: history.Effect())
    with pytest.raises(BooksError, match="does not end at its lots"):
        _textbook()[0].bust(first.execution_id)


def test_a_correction_on_the_tape_of_a_fill_that_is_not_there_is_a_contradiction() -> None:
    """It cannot be folded into an account that never had the fill."""
    desk, (first, _, _) = _textbook()
    event = desk.bust(first.execution_id)
    other, _ = _textbook()
    other.account.history.clear()

    with pytest.raises(BooksError, match="unknown"):
        other.ledger.fold(event)


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
