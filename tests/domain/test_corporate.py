"""What issuers do to positions, worked by hand.

Cost after a split follows IRS Publication 550 (Stock dividends and stock splits): the basis of the old shares is spread
over the new ones, and a fraction that is paid in cash is taken as received and sold. Dates and orders follow what US
exchanges do: good-till-cancelled orders do not survive the ex-date here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events
from domain.events import LinkedOrder
from tests.domain.desk import DAY_US, expected, legs
from tests.domain.operators import OperatorDesk


def _lots(desk: OperatorDesk, symbol: str = "AAPL") -> list[tuple[Decimal, Decimal]]:
    return [(lot.quantity, lot.cost) for lot in desk.account.position(symbol).lots]


# Dividends


def test_a_dividend_pays_gross_less_the_tax_that_is_kept_back() -> None:
    """100 units at 0.24 are 24.00; 15 % of that, 3.60, is kept back, and 20.40 is paid."""
    desk = OperatorDesk(cash="1000")
    desk.trade("BUY", "100", "9.00")

    event = desk.dividend("0.24", withholding_bps=Decimal(1500))

    assert isinstance(event, events.DividendPaid)
    assert (event.quantity, event.gross, event.withheld) == (100, Decimal("24.00"), Decimal("3.60"))
    assert (event.actor, event.reason, event.reference) == ("ops-anna", "notice of the depository", "ref-5")
    assert legs(event) == expected(
        ("cash", "USD", "20.40"), ("withholding_tax", "USD", "3.60"), ("dividends:AAPL", "USD", "-24.00")
    )
    assert desk.account.cash == Decimal("120.40")
    assert desk.account.realized_pnl == 0
    desk.check()


def test_a_dividend_is_paid_on_what_was_held_at_the_ex_date() -> None:
    """Bought 100, sold 60 after the ex-date: the dividend is for 100, as the vendor says, and rounds 0.105 to 0.10."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "9.00")
    desk.trade("SELL", "60", "9.00")

    assert desk.dividend("0.00105", quantity_of_record=Decimal(100)).gross == Decimal("0.10")
    assert desk.dividend("0.5").quantity == 40


def test_a_dividend_on_nothing_is_refused() -> None:
    """Neither a position nor a position of record."""
    event = OperatorDesk().dividend("0.24")

    assert (event.code, event.command_type) == ("POSITION_EMPTY", "PayDividend")


def test_the_same_dividend_counts_once_whoever_tells_of_it() -> None:
    """The feed sends it again under another command id, an operator types it in: one reference, one payment."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "9.00")
    told = {"reference": "CORP-1", "market_time_us": desk.now_us}
    desk.dividend("0.24", **told)
    cash = desk.account.cash

    assert desk.dividend("0.24", **told) is None
    assert desk.dividend("0.240", **told, actor="ops-ben", reason="by hand") is None
    assert desk.dividend("0.25", **told).code == "REFERENCE_CONFLICT"
    desk.now_us += 300 * DAY_US
    assert desk.dividend("0.24", **told) is None
    assert desk.account.cash == cash
    assert desk.refolded().digest() == desk.ledger.digest()


def test_a_reference_is_forgotten_after_a_year_and_more() -> None:
    """400 days on, what is left of it does not grow for ever; the next event forgets it."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "9.00")
    desk.dividend("0.24")
    desk.now_us += 400 * DAY_US + 1
    desk.deposit("1")

    assert not desk.account.references
    assert desk.refolded().digest() == desk.ledger.digest()


# Splits


def test_a_forward_split_spreads_the_cost_over_more_units() -> None:
    """Publication 550's case: 100 at 10, two for one: 200 units with the cost of 1,000, so 5 each."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "10.00")

    event = desk.split(2, 1)

    assert isinstance(event, events.SharesSplit)
    assert (event.old_quantity, event.new_quantity) == (100, 200)
    assert (event.lieu_quantity, event.lieu_cash, event.realized_pnl) == (0, 0, 0)
    assert legs(event) == expected(("position:AAPL", "AAPL", "100"), ("market:AAPL", "AAPL", "-100"))
    assert _lots(desk) == [(200, 1000)]
    assert desk.trade("SELL", "200", "6.00").realized_pnl == 200
    desk.check()


def test_a_reverse_split_pays_the_fraction_in_cash() -> None:
    """25 at 4.00 (lots 15 and 10, cost 100), one for ten: 2.5 units; half a unit at 44.00 is 22.00.

    First in, first out, the half comes from the first lot, now 1.5 units of cost 60: a third of it, 20. So 22 - 20 = 2
    are earned, and 2 units of cost 80 stay.
    """
    desk = OperatorDesk()
    desk.trade("BUY", "15", "4.00")
    desk.trade("BUY", "10", "4.00")

    event = desk.split(1, 10, "44.00")

    assert (event.new_quantity, event.lieu_quantity, event.lieu_cash) == (2, Decimal("0.5"), Decimal("22.00"))
    assert event.realized_pnl == 2
    assert legs(event) == expected(
        ("cash", "USD", "22.00"),
        ("inventory:AAPL", "USD", "-20"),
        ("realized_pnl", "USD", "-2"),
        ("position:AAPL", "AAPL", "-23"),
        ("market:AAPL", "AAPL", "23"),
    )
    assert _lots(desk) == [(1, 40), (1, 40)]
    desk.check()


def test_thirds_of_lots_add_up_to_whole_units() -> None:
    """100 and 50 units, one for three: 33.3... and 16.6... have no end; together they are 50 and nothing is left."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "3.00")
    desk.trade("BUY", "50", "3.00")

    event = desk.split(1, 3, "9.00")

    assert (event.new_quantity, event.lieu_quantity) == (50, 0)
    assert _lots(desk) == [(Decimal("33." + "3" * 18), 300), (Decimal("16." + "6" * 17 + "7"), 150)]
    assert desk.trade("SELL", "50", "9.00").realized_pnl == 0
    desk.check()


def test_a_split_cancels_the_open_orders_of_its_symbol_and_no_others() -> None:
    """Each stays open until the venue answers, with what is set aside for it; the next cancel request is a repeat."""
    desk = OperatorDesk()
    desk.trade("BUY", "100", "10.00")
    selling = desk.submit("SELL", "40", "12.00").order.order_id
    buying = desk.submit("BUY", "5", "9.00").order.order_id
    asked = desk.submit("BUY", "1", "8.00").order.order_id
    desk.cancel(asked)
    other = desk.submit("BUY", "5", "9.00", symbol="IBM").order.order_id

    event = desk.split(1, 10, "90.00")

    assert event.linked == tuple(
        LinkedOrder(order_id=order_id, effect="CANCEL_REQUESTED", quantity=Decimal(quantity))
        for order_id, quantity in ((selling, 40), (buying, 5))
    )
    statuses = {order_id: order.status for order_id, order in desk.account.orders.items()}
    assert statuses == {
        selling: "PENDING_CANCEL",
        buying: "PENDING_CANCEL",
        asked: "PENDING_CANCEL",
        other: "PENDING_NEW",
    }
    position = desk.account.position("AAPL")
    assert (position.quantity, position.held, position.free) == (10, 40, -30)
    assert desk.submit("SELL", "1", "90.00").code == "POSITION_INSUFFICIENT"
    assert desk.cancel(buying) is None
    desk.canceled(selling)
    assert desk.account.position("AAPL").free == 10
    desk.check()


def test_a_split_of_a_symbol_with_orders_but_no_units_cancels_them() -> None:
    """The order to buy at the old price must not meet the new one."""
    desk = OperatorDesk()
    order_id = desk.submit("BUY", "5", "9.00").order.order_id

    event = desk.split(1, 10, "90.00")

    assert (event.postings, event.lots) == ((), ())
    assert desk.account.orders[order_id].status == "PENDING_CANCEL"
    assert OperatorDesk().split(2, 1).code == "POSITION_EMPTY"


def test_a_position_of_too_many_lots_for_one_record_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event lists every lot; a record of the tape has a greatest size."""
    monkeypatch.setattr("domain.operator_checks.LOTS_LISTED_MAX", 2)
    desk = OperatorDesk()
    for _ in range(3):
        desk.trade("BUY", "1", "10.00")

    event = desk.split(2, 1)

    assert (event.code, event.details["lots"]) == ("POSITION_TOO_FRAGMENTED", "3")


# New symbols


def test_a_new_symbol_takes_units_lots_cost_profit_and_orders() -> None:
    """Nothing is left under the old symbol; what was bought as AAPL is sold as IBM."""
    desk = OperatorDesk()
    desk.trade("BUY", "10", "10.00", "0.50")
    desk.trade("SELL", "4", "12.00")
    order_id = desk.submit("SELL", "2", "15.00").order.order_id

    event = desk.rename("IBM")

    assert isinstance(event, events.SymbolChanged)
    assert (event.quantity, event.held_quantity, event.cost) == (6, 2, 60)
    assert (event.realized_pnl, event.fees, event.orders) == (8, Decimal("0.50"), (order_id,))
    assert legs(event) == expected(
        ("position:AAPL", "AAPL", "-4"),
        ("position_hold:AAPL", "AAPL", "-2"),
        ("market:AAPL", "AAPL", "6"),
        ("inventory:AAPL", "USD", "-60"),
        ("position:IBM", "IBM", "4"),
        ("position_hold:IBM", "IBM", "2"),
        ("market:IBM", "IBM", "-6"),
        ("inventory:IBM", "USD", "60"),
    )
    assert "AAPL" not in desk.account.positions
    order = desk.account.orders[order_id]
    assert (order.terms.symbol, order.status) == ("IBM", "PENDING_CANCEL")
    assert desk.fill(order_id, "1", "15.00").symbol == "IBM"
    desk.canceled(order_id)
    assert desk.trade("SELL", "5", "11.00", symbol="IBM").realized_pnl == 5
    assert desk.account.position("IBM").realized_pnl == 18  # 8 + 5 of the fill at 15 + 5
    desk.check()


@pytest.mark.parametrize("kind", ["units", "orders", "fills"])
def test_a_symbol_that_the_account_uses_is_not_taken_over(kind: str) -> None:
    """Units, open orders or remembered fills of another instrument of that name would be mixed up with it."""
    desk = OperatorDesk()
    desk.trade("BUY", "10", "10.00")
    if kind == "orders":
        desk.submit("BUY", "1", "1.00", symbol="IBM")
    else:
        desk.trade("BUY", "1", "1.00", symbol="IBM")
    if kind == "fills":
        desk.trade("SELL", "1", "1.00", symbol="IBM")

    assert desk.rename("IBM").code == "SYMBOL_IN_USE"


def test_a_symbol_is_free_once_its_fills_are_forgotten() -> None:
    """What an earlier instrument of that symbol earned stays on record under it."""
    desk = OperatorDesk()
    desk.trade("BUY", "1", "1.00", symbol="IBM")
    desk.trade("SELL", "1", "4.00", symbol="IBM")
    desk.now_us += 8 * DAY_US
    desk.trade("BUY", "10", "10.00")

    assert isinstance(desk.rename("IBM"), events.SymbolChanged)
    assert desk.account.position("IBM").realized_pnl == 3
    desk.check()


# Delistings


@pytest.mark.parametrize(("price", "proceeds", "pnl"), [("0", 0, -100), ("12.50", 125, 25)])
def test_a_delisting_closes_the_position(price: str, proceeds: int, pnl: int) -> None:
    """10 units of cost 100: worthless, a loss of 100; at 12.50 in cash, 125 and a profit of 25."""
    desk = OperatorDesk(cash="1000")
    desk.trade("BUY", "10", "10.00")
    order_id = desk.submit("SELL", "4", "11.00").order.order_id

    event = desk.delist(price)

    assert isinstance(event, events.InstrumentDelisted)
    assert (event.quantity, event.proceeds, event.realized_pnl) == (10, proceeds, pnl)
    assert desk.account.cash == 900 + proceeds
    position = desk.account.position("AAPL")
    assert (position.quantity, position.held, position.cost, list(position.lots)) == (0, 4, 0, [])
    assert desk.account.orders[order_id].status == "PENDING_CANCEL"
    desk.canceled(order_id)
    assert (position.free, position.held) == (0, 0)
    desk.check()


def test_an_action_that_is_sent_again_counts_once() -> None:
    """The same command is a repeat for a week; the same reference for over a year."""
    desk = OperatorDesk()
    desk.trade("BUY", "10", "10.00")
    fields: dict[str, Any] = {"command_id": "c", "reference": "r", "market_time_us": desk.now_us}
    for act in (
        lambda: desk.split(2, 1, **fields),
        lambda: desk.rename("IBM", **fields | {"command_id": "d"}),
        lambda: desk.delist("1", **fields | {"command_id": "e", "symbol": "IBM"}),
    ):
        assert act() is not None
        digest = desk.ledger.digest()
        assert act() is None
        assert desk.ledger.digest() == digest
    desk.check()


@given(
    lots=st.lists(
        st.tuples(st.integers(min_value=1, max_value=10_000), st.integers(min_value=1, max_value=99_999)),
        min_size=1,
        max_size=6,
    ),
    numerator=st.integers(min_value=1, max_value=40),
    denominator=st.integers(min_value=1, max_value=40),
    method=st.sampled_from(["FIFO", "AVERAGE"]),
)
def test_a_split_makes_nobody_richer(
    lots: list[tuple[int, int]], numerator: int, denominator: int, method: str
) -> None:
    """Valued at a price before and at that price x denominator / numerator after it, units and cash in lieu are worth
    the same, but for the rounding of the cash to the cent; the cost only leaves with the fraction that is sold."""
    if numerator == denominator:
        return
    desk = OperatorDesk(lot_method=method, cash="100000000")
    for quantity, price in lots:
        desk.trade("BUY", str(quantity), str(Decimal(price) / 100))
    position = desk.account.position("AAPL")
    old_price = Decimal(7 * numerator)  # so that the new price, 7 x denominator, is a whole number
    worth, cost, cash = position.quantity * old_price, position.cost, desk.account.cash

    event = desk.split(numerator, denominator, str(7 * denominator))

    position = desk.account.position("AAPL")
    paid = desk.account.cash - cash
    assert abs(position.quantity * 7 * denominator + paid - worth) <= Decimal("0.005")
    assert position.cost == cost - (paid - event.realized_pnl)
    assert position.quantity % 1 == 0
    assert 0 <= event.lieu_quantity < 1
    desk.check()


# Orders of groups, and what the engine is sent


def test_a_split_sends_a_cancel_for_each_order_that_a_venue_has() -> None:
    """A bracket whose entry works: the entry is asked to be cancelled, the exits that wait for it are void at once."""
    desk = OperatorDesk()
    entry, profit, loss = (
        desk.terms("e", "BUY", "10", limit_price="10"),
        desk.terms("p", "SELL", "10", limit_price="12"),
        desk.terms("l", "SELL", "10", "STOP", stop_price="9"),
    )
    desk.group("BRACKET", entry, profit, loss)

    event = desk.split(2, 1)

    effects = {link.order_id: link.effect for link in event.linked}
    assert effects == {
        entry.order_id: "CANCEL_REQUESTED",
        profit.order_id: "CANCELED",
        loss.order_id: "CANCELED",
    }
    sent = desk.ledger.dispatches_of(event)
    assert [(dispatch.kind, dispatch.order.order_id) for dispatch in sent] == [("CANCEL", entry.order_id)]
    desk.canceled(entry.order_id)
    assert desk.account.orders == {}
    assert desk.account.groups == {}
    assert desk.account.held_cash == 0
    desk.check()


def test_a_new_symbol_goes_with_a_replacement_that_is_under_way() -> None:
    """Both the old and the new terms are of the new symbol; the venue may still answer, then the cancel ends it."""
    desk = OperatorDesk()
    desk.trade("BUY", "10", "10.00")
    order_id = desk.submit("SELL", "4", "12.00").order.order_id
    desk.replace(order_id, quantity="6")

    desk.rename("IBM")

    order = desk.account.orders[order_id]
    assert order.replacement is not None
    assert (order.terms.symbol, order.replacement.symbol) == ("IBM", "IBM")
    desk.replaced(order_id)
    desk.canceled(order_id)
    assert desk.account.position("IBM").free == 10
    desk.check()


def test_a_rebalance_that_was_cancelled_is_in_nobodys_way() -> None:
    """Its purchase would have been of old units at the old price; without it the split goes on."""
    desk = OperatorDesk()
    desk.trade("BUY", "1", "100.00")
    desk.prices(AAPL="100")
    plan = desk.rebalance({"AAPL": "0.5"})
    assert desk.split(2, 1).code == "PLAN_IN_THE_WAY"
    assert isinstance(desk.dividend("1.00"), events.DividendPaid)

    desk.cancel_rebalance(plan.plan_id)

    assert desk.split(2, 1).new_quantity == 2
    desk.check()
