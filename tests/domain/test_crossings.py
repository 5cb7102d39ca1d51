"""Where short legs, margin, commissions and currencies meet groups, replacements, corrections and corporate actions.

Figures are worked out by hand. Every test ends with the check that lots, state, postings and tape say the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import commands, events
from domain.account_terms import FeeSchedule, MarginTerms
from domain.market import Instrument
from tests.domain.desk import legs
from tests.domain.operators import OperatorDesk

SAP = Instrument(symbol="SAP", currency="EUR")
AAPL, IBM = Instrument(symbol="AAPL"), Instrument(symbol="IBM")


def _desk(**fields: Any) -> OperatorDesk:
    """On margin, with 100 units of AAPL located, and AAPL marked at 60."""
    own: dict[str, Any] = {"margin": MarginTerms(), "instruments": (AAPL, IBM), "cash": "100000"}
    desk = OperatorDesk(**(own | fields))
    desk.mark("AAPL", "60.00")
    desk.locate("100", command_id="loc")
    return desk


def _locate(desk: OperatorDesk) -> tuple[Decimal, Decimal, Decimal]:
    """Of the located units those that are free, pending and used."""
    locate = desk.account.locates["loc"]
    return locate.free, locate.pending, locate.used


# Groups and replacements


def test_a_bracket_around_a_short_sale_covers_it_without_margin() -> None:
    """Ten sold short; the exits buy back what the entry has sold in the same event, so they set nothing aside."""
    desk = _desk()
    entry = desk.terms("entry", "SELL_SHORT", "10", limit_price="60")
    profit = desk.terms("profit", "BUY", "10", limit_price="50")
    loss = desk.terms("loss", "BUY", "10", "STOP", stop_price="70", protection_price="72")
    accepted = desk.group("BRACKET", entry, profit, loss)
    assert (accepted.hold_cash, accepted.locates[0].quantity) == (300, 10)  # half of 10 x 60
    assert _locate(desk) == (90, 10, 0)

    filled = desk.fill(entry.order_id, "10", "60")

    assert [(link.effect, link.hold_cash, link.hold_quantity) for link in filled.linked] == [("ACTIVATED", 0, 0)] * 2
    assert (desk.account.held_cash, _locate(desk)) == (0, (90, 0, 10))
    covered = desk.fill(profit.order_id, "10", "50")
    desk.canceled(loss.order_id)
    assert (covered.covered_quantity, covered.realized_pnl, desk.account.groups) == (10, 100, {})
    desk.check()


def test_short_sales_that_exclude_each_other_share_a_hold_and_what_is_located() -> None:
    """At 62 and at 65: half of 10 x 65 is held once, ten units are pending once, and all comes back at the end."""
    desk = _desk()
    near = desk.terms("near", "SELL_SHORT", "10", limit_price="62")
    far = desk.terms("far", "SELL_SHORT", "10", limit_price="65")

    desk.group("OCO", near, far)

    assert (desk.account.held_cash, _locate(desk)) == (325, (90, 10, 0))
    desk.fill(near.order_id, "4", "62")
    assert (desk.account.held_cash, _locate(desk)) == (195, (90, 6, 4))  # 6 of 10 are left
    desk.canceled(far.order_id)
    desk.canceled(near.order_id)
    assert (desk.account.held_cash, _locate(desk)) == (0, (96, 0, 4))
    desk.check()


def test_two_short_sales_that_wait_for_the_same_order_do_not_take_the_same_units() -> None:
    """100 are located; of two orders of 60 that go out by one event the second finds 40 and is void."""
    desk = _desk()
    desk.mark("IBM", "10.00")
    parent = desk.terms("parent", "BUY", "1", limit_price="10", symbol="IBM")
    waiting = [desk.terms(name, "SELL_SHORT", "60", limit_price="60") for name in ("one", "two")]
    desk.group("OTO", parent, *waiting)

    filled = desk.fill(parent.order_id, "1", "10")

    assert [link.effect for link in filled.linked] == ["ACTIVATED", "CANCELED"]
    assert _locate(desk) == (40, 60, 0)
    desk.check()


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_larger_short_sale_borrows_more_while_the_venue_thinks(is_taken: bool) -> None:
    """From 10 to 30: 20 more units are pending and margin for 30 is held, until the venue has said no."""
    desk = _desk()
    order_id = desk.submit("SELL_SHORT", "10", "60").order.order_id
    desk.acknowledge(order_id)

    asked = desk.replace(order_id, quantity="30")

    assert (asked.hold_cash, desk.account.held_cash, _locate(desk)) == (600, 900, (70, 30, 0))
    if is_taken:
        desk.replaced(order_id)
        assert (desk.account.held_cash, _locate(desk)) == (900, (70, 30, 0))
    else:
        desk.replace_refused(order_id)
        assert (desk.account.held_cash, _locate(desk)) == (300, (90, 10, 0))
    desk.check()


def test_a_cheaper_purchase_on_margin_holds_less_when_the_venue_has_taken_it() -> None:
    """Ten at 60 hold 300; at 40 they hold 200, for which no mark is needed."""
    desk = _desk()
    order_id = desk.submit("BUY", "10", "60").order.order_id
    desk.acknowledge(order_id)
    desk.replace(order_id, limit_price="40")
    assert desk.account.held_cash == 300
    desk.ledger.marks.clear()

    event = desk.replaced(order_id)

    assert (event.released_cash, desk.account.held_cash) == (100, 200)


# Corrections


def test_a_short_sale_at_another_price_was_sold_for_something_else() -> None:
    """Ten sold short at 60, four bought back at 50: 40 earned. At 61 they had earned 44, and 366 are left of 610."""
    desk = _desk(lot_method="LIFO")
    sale = desk.trade("SELL_SHORT", "10", "60")
    desk.trade("BUY", "4", "50")

    event = desk.correct(sale.execution_id, "10", "61")

    assert (event.realized_pnl_change, event.cash_change, event.quantity_change) == (4, 10, 0)
    assert (event.position_quantity, event.position_cost) == (-6, -366)
    assert event.lots[0].quantity == -6
    position = desk.account.position("AAPL")
    assert (position.short_quantity, position.short_proceeds, position.quantity) == (6, 366, 0)
    desk.check()


def test_a_busted_cover_leaves_the_short_leg_as_it_was() -> None:
    """Ten sold short at 60, 15 bought at 50: ten covered, five long. Without the purchase ten are short."""
    desk = _desk(lot_method="HIFO")
    desk.trade("SELL_SHORT", "10", "60")
    cover = desk.trade("BUY", "15", "50", "0.75")
    assert (cover.covered_quantity, cover.realized_pnl) == (10, 100)

    event = desk.bust(cover.execution_id)

    assert (event.realized_pnl_change, event.cash_change, event.fees_change) == (
        -100,
        Decimal("750.75"),
        Decimal("-0.75"),
    )
    position = desk.account.position("AAPL")
    assert (position.quantity, position.short_quantity, position.short_proceeds) == (0, 10, 600)
    desk.check()


def test_hifo_sells_the_lot_that_is_dearest_after_a_correction() -> None:
    """Bought at 10 and at 20, sold one at 30: the one at 20. Was the first bought at 25, it was sold: 5, not 10."""
    desk = OperatorDesk(lot_method="HIFO")
    first = desk.trade("BUY", "1", "10")
    desk.trade("BUY", "1", "20")
    assert desk.trade("SELL", "1", "30").realized_pnl == 10

    event = desk.correct(first.execution_id, "1", "25")

    assert (event.realized_pnl_change, event.position_cost) == (-5, 20)
    desk.check()


def test_a_correction_charges_the_order_anew() -> None:
    """0.10 a unit, at least 2.00: 100 units owe 10.00, ten the least, none nothing. 90 are busted, then ten."""
    schedule = FeeSchedule(per_unit=Decimal("0.10"), order_minimum=Decimal("2.00"))
    desk = OperatorDesk(fee_schedule=schedule)
    order_id = desk.submit("BUY", "100", "10").order.order_id
    first = desk.fill(order_id, "90", "10")
    second = desk.fill(order_id, "10", "10")
    assert (first.commission, second.commission, desk.account.base.commissions) == (9, 1, 10)

    busted = desk.bust(first.execution_id)

    assert (busted.commission_change, busted.cash_change, desk.account.base.commissions) == (-8, 908, 2)
    assert ("commission", "USD", Decimal(-8)) in legs(busted)
    assert desk.bust(second.execution_id).commission_change == -2
    assert (desk.account.cash, desk.account.base.commissions) == (10_000, 0)
    desk.check()


def test_an_open_order_holds_for_the_commission_that_is_owed_after_a_bust() -> None:
    """100 at 10 for 0.10 a unit hold 1,010. 60 fill: 404 are held for 40. Busted: 1,010 again."""
    desk = OperatorDesk(fee_schedule=FeeSchedule(per_unit=Decimal("0.10")))
    order_id = desk.submit("BUY", "100", "10").order.order_id
    fill = desk.fill(order_id, "60", "10")
    assert desk.account.held_cash == 404

    desk.bust(fill.execution_id)

    assert desk.account.held_cash == 1010
    assert desk.account.cash == 10_000 - 1010
    desk.check()


def test_nothing_is_lacking_where_no_mark_says_what() -> None:
    """A bust cannot be refused for want of a mark: the short sale keeps what it holds."""
    desk = _desk()
    order_id = desk.submit("SELL_SHORT", "10", "60").order.order_id
    fill = desk.fill(order_id, "5", "60")
    desk.ledger.marks.clear()

    event = desk.bust(fill.execution_id)

    assert (event.hold_cash, event.leaves_quantity, desk.account.held_cash) == (0, 10, 150)


# Corporate actions


def test_who_is_short_pays_the_dividend_in_whole() -> None:
    """Ten long and four short: 15 % tax of what the ten are paid, and the four cost the full amount."""
    desk = _desk()
    desk.trade("BUY", "10", "60")
    desk.trade("SELL_SHORT", "4", "60")

    event = desk.dividend("0.50", withholding_bps=Decimal(1500))

    assert (event.quantity, event.gross, event.withheld) == (6, 3, Decimal("0.75"))  # 5.00 - 2.00; 15 % of 5.00
    desk.check()


def test_a_reverse_split_pays_for_the_fractions_of_each_leg() -> None:
    """One for ten at 600: 25 long are 2.5, 12 short are 1.2. 0.5 is paid out (300), 0.2 is paid in (120)."""
    desk = _desk()
    desk.trade("BUY", "25", "60")
    desk.trade("SELL_SHORT", "12", "60")

    event = desk.split(1, 10, "600")

    assert (event.old_quantity, event.new_quantity, event.lieu_quantity, event.lieu_cash) == (
        13,
        1,
        Decimal("0.3"),
        180,
    )
    assert event.realized_pnl == 0  # 600 a new unit is what they had cost, and were sold for
    position = desk.account.position("AAPL")
    assert (position.quantity, position.cost, position.short_quantity, position.short_proceeds) == (2, 1200, 1, 600)
    desk.check()


def test_a_delisting_without_value_is_the_short_sellers_gain() -> None:
    """Ten sold short at 60 and delisted at zero: 600 earned, nothing paid."""
    desk = _desk()
    desk.trade("SELL_SHORT", "10", "60")

    event = desk.delist("0")

    assert (event.quantity, event.proceeds, event.realized_pnl) == (-10, 0, 600)
    assert desk.account.position("AAPL").short_quantity == 0
    desk.check()


def test_a_new_symbol_takes_the_short_leg_and_what_is_located() -> None:
    """Ten short at 60 under AAPL are ten short under IBM, and so are the 90 units that may still be borrowed."""
    desk = _desk()
    sale = desk.trade("SELL_SHORT", "10", "60")

    event = desk.rename("IBM")

    assert (event.quantity, event.short_quantity, event.short_proceeds) == (0, 10, 600)
    assert desk.account.position("IBM").short_proceeds == 600
    assert desk.account.locates["loc"].symbol == "IBM"
    desk.check()
    desk.bust(sale.execution_id)
    assert desk.account.position("IBM").short_quantity == 0
    desk.check()


def test_what_is_kept_in_euros_moves_in_euros() -> None:
    """A dividend, a split's fraction, interest and a correction of a position in EUR leave the dollars alone."""
    desk = OperatorDesk(currencies=("EUR",), instruments=(AAPL, SAP))
    desk.deposit("1000.00", currency="EUR")
    fill = desk.trade("BUY", "11", "10.00", symbol="SAP")
    desk.dividend("0.50", "SAP")
    desk.split(1, 2, "20.00", symbol="SAP")
    desk.adjust("INTEREST", "1.00", currency="EUR")
    desk.correct(fill.execution_id, "11", "11.00")

    # 1,000 - 121 + 5.50 + half a new unit at 20 + 1.00
    assert desk.account.funds["EUR"].free == Decimal("895.50")
    assert desk.account.cash == 10_000
    assert desk.rename("AAPL", symbol="SAP").code == "CURRENCY_MISMATCH"
    desk.check()


def test_what_a_margin_account_sends_is_equity_beyond_its_margin() -> None:
    """Of 100,000, 1,000 units at 60: 40,000 are free, and 30,000 can be borrowed on them; not a cent more may go."""
    desk = _desk()
    desk.trade("BUY", "1000", "60")
    sending: dict[str, Any] = {"to_account_id": "other"}

    refused = desk.operate(commands.TransferCash, amount=Decimal("70000.01"), **sending)

    assert refused.code == "BUYING_POWER_INSUFFICIENT"
    sent = desk.operate(commands.TransferCash, amount=Decimal("70000.00"), **sending)
    assert isinstance(sent, events.CashTransferredOut)
    assert desk.account.cash == -30_000
    desk.check()


# Rebalances


def test_a_rebalance_leaves_enough_for_commissions() -> None:
    """1,000 into units of 10 at 1.00 an order and 0.10 a unit: 98 x 10 + 10.80 = 990.80, of 99 it would be 1,000.90."""
    desk = OperatorDesk(cash="1000", fee_schedule=FeeSchedule(per_order=Decimal(1), per_unit=Decimal("0.10")))
    desk.prices(AAPL="10")

    (order,) = desk.rebalance({"AAPL": "1"}, allowance="0").orders

    assert order.quantity == 98
    desk.submit("BUY", "98", protection_price=order.protection_price)
    assert desk.account.held_cash == Decimal("990.80")


def test_a_rebalance_is_of_the_base_currency() -> None:
    """Weights are of one equity, and an instrument in euros is no part of it."""
    desk = OperatorDesk(currencies=("EUR",), instruments=(AAPL, SAP))
    desk.prices(AAPL="10", SAP="10")

    assert desk.rebalance({"SAP": "1"}).code == "CURRENCY_MISMATCH"
