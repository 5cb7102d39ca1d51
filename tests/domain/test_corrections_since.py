"""Corrections of fills after which shares were split, renamed or delisted, worked by hand."""

from __future__ import annotations

from decimal import Decimal

from domain import events
from tests.domain.operators import OperatorDesk


def _lots(desk: OperatorDesk) -> list[tuple[Decimal, Decimal]]:
    return [(lot.quantity, lot.cost) for lot in desk.account.position("AAPL").lots]


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
