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
    """Those of the short leg below zero."""
    position = desk.account.position("AAPL")
    short = [(-lot.quantity, -lot.cost) for lot in position.short_lots]
    return [(lot.quantity, lot.cost) for lot in position.lots] + short


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
    assert (cover.realized_pnl, cover.lots[0].quantity, cover.lots[0].cost) == (50, 50, 750)
    assert cover.covered_quantity == 50
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
