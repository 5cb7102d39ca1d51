"""Fee schedules: what a fill is charged, and that what is set aside covers it.

The first figures are those that Interactive Brokers publishes for its fixed plan for US stocks: USD 0.005 a share, at
least USD 1.00 and at most 1 % of the trade's value an order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events
from domain.account_terms import FeeSchedule
from domain.currencies import minor_unit
from domain.market import Instrument
from tests.domain.desk import Desk, expected, legs

FIXED = FeeSchedule(per_unit=Decimal("0.005"), order_minimum=Decimal("1.00"), order_cap_bps=Decimal(100))


@pytest.mark.parametrize(
    ("quantity", "price", "commission"),
    [("100", "25.00", "1.00"), ("1000", "25.00", "5.00"), ("1000", "0.25", "2.50"), ("10", "0.20", "0.02")],
)
def test_a_published_tariff_gives_its_published_examples(quantity: str, price: str, commission: str) -> None:
    """100 shares at 25 cost the minimum, 1,000 cost 5.00; at 0.25 the cap of 1 % is 2.50, and it beats the minimum."""
    desk = Desk(cash="100000", fee_schedule=FIXED)

    assert desk.trade("BUY", quantity, price).commission == Decimal(commission)


def test_a_minimum_is_charged_once_over_partial_fills() -> None:
    """Three times 100 shares at 25.00: the first pays the minimum of 1.00; 200 owe 1.00, so 0; 300 owe 1.50: 0.50."""
    desk = Desk(fee_schedule=FIXED)
    order_id = desk.submit("BUY", "300", "25.00").order.order_id

    assert [desk.fill(order_id, "100", "25.00").commission for _ in range(3)] == [1, 0, Decimal("0.50")]


def test_a_fee_per_order_is_charged_with_its_first_fill() -> None:
    """4.95 an order, whatever it trades, in however many fills."""
    desk = Desk(fee_schedule=FeeSchedule(per_order=Decimal("4.95")))
    order_id = desk.submit("BUY", "3", "10.00").order.order_id

    assert [desk.fill(order_id, "1", "10.00").commission for _ in range(3)] == [Decimal("4.95"), 0, 0]


@pytest.mark.parametrize(("liquidity", "commission"), [("TAKER", "3.50"), (None, "3.50"), ("MAKER", "-1.50")])
def test_makers_and_takers_pay_different_rates(liquidity: Any, commission: str) -> None:
    """Of 1,000.00: 5 bps for all, 30 more for takers, 20 less for makers, who are paid 1.50. Unknown is a taker."""
    schedule = FeeSchedule(bps=Decimal(5), taker_bps=Decimal(30), maker_bps=Decimal(-20))
    desk = Desk(fee_schedule=schedule)

    event = desk.trade("BUY", "100", "10.00", liquidity=liquidity)

    assert event.liquidity == liquidity
    assert event.commission == Decimal(commission)
    assert desk.account.cash == Decimal("9000") - Decimal(commission)


def test_a_commission_is_booked_beside_the_venues_fee() -> None:
    """100 at 10.00 for a venue's fee of 0.30 and a commission of 10 bps, 1.00: cash falls by 1,001.30."""
    desk = Desk(cash="2000", fee_schedule=FeeSchedule(bps=Decimal(10)))

    event = desk.trade("BUY", "100", "10.00", "0.30")

    assert legs(event) == expected(
        ("hold", "USD", "-1001.00"),
        ("cash", "USD", "-0.30"),
        ("inventory:AAPL", "USD", "1000.00"),
        ("fees", "USD", "0.30"),
        ("commission", "USD", "1.00"),
        ("position:AAPL", "AAPL", "100"),
        ("market:AAPL", "AAPL", "-100"),
    )
    assert (desk.account.base.fees, desk.account.base.commissions) == (Decimal("0.30"), Decimal("1.00"))
    assert desk.account.position("AAPL").fees == Decimal("1.30")


def test_commissions_are_whole_units_of_their_currency() -> None:
    """10 bps of 12,345 yen are 12.345, so 12 yen; there is no smaller amount."""
    nikkei = Instrument(symbol="SONY", currency="JPY", price_increment=Decimal(1))
    desk = Desk(cash=None, currency="JPY", instruments=(nikkei,), fee_schedule=FeeSchedule(bps=Decimal(10)))
    desk.deposit("20000", currency="JPY")

    assert desk.trade("BUY", "5", "2469", symbol="SONY").commission == 12


def test_a_purchase_is_held_for_with_all_that_it_may_be_charged() -> None:
    """100 at 10.50 are 1,050.00, and 1.00 an order and 10 bps, 1.05, make 1,052.05: a cent less is refused.

    Filled in three parts at the limit, nothing is left and nothing was lacking.
    """
    schedule = FeeSchedule(per_order=Decimal("1.00"), taker_bps=Decimal(10), maker_bps=Decimal(-10))
    poor = Desk(cash="1052.04", fee_schedule=schedule)
    assert poor.submit("BUY", "100", "10.50").code == "CASH_INSUFFICIENT"

    desk = Desk(cash="1052.05", fee_schedule=schedule)
    order_id = desk.submit("BUY", "100", "10.50").order.order_id
    assert (desk.account.held_cash, desk.account.cash) == (Decimal("1052.05"), 0)
    for quantity in ("33", "33", "34"):
        desk.fill(order_id, quantity, "10.50")
        assert desk.account.cash >= 0
    assert (desk.account.held_cash, desk.account.cash) == (0, 0)


def test_a_sale_is_held_for_when_its_commission_may_outrun_its_proceeds() -> None:
    """One unit at 0.05 brings 0.05 and costs the minimum of 1.00, so 0.95 is set aside; a dear one needs nothing."""
    desk = Desk(cash="100", fee_schedule=FeeSchedule(order_minimum=Decimal("1.00")))
    desk.trade("BUY", "10", "1.00")
    desk.withdraw(str(desk.account.cash - Decimal("0.94")))
    assert desk.submit("SELL", "10", "0.05").code == "CASH_INSUFFICIENT"
    desk.deposit("0.01")
    order_id = desk.submit("SELL", "10", "0.05").order.order_id
    assert (desk.account.held_cash, desk.account.cash) == (Decimal("0.95"), 0)

    fill = desk.fill(order_id, "1", "0.05")

    assert legs(fill) >= expected(("hold", "USD", "-0.95"), ("commission", "USD", "1.00"))
    assert (desk.account.held_cash, desk.account.cash) == (0, 0)
    rich = Desk(cash="11", fee_schedule=FeeSchedule(order_minimum=Decimal("1.00")))
    rich.trade("BUY", "1", "10.00")
    assert rich.submit("SELL", "1", "10.00").hold_cash == 0


def test_a_sale_at_any_price_is_held_for_as_if_it_brought_nothing() -> None:
    """A market sale without a protection price sets the whole minimum aside; with a cap of its value, nothing."""
    desk = Desk(cash="11", fee_schedule=FeeSchedule(order_minimum=Decimal("1.00")))
    desk.trade("BUY", "1", "10.00")
    assert desk.submit("SELL", "1").code == "CASH_INSUFFICIENT"

    capped = Desk(cash="11", fee_schedule=FIXED)
    capped.trade("BUY", "1", "10.00")
    assert capped.submit("SELL", "1").hold_cash == 0


def test_a_changed_schedule_says_who_and_why_and_counts_for_new_orders() -> None:
    """An order keeps the schedule it was accepted under, from which its hold was computed."""
    desk = Desk(fee_schedule=FeeSchedule(per_order=Decimal(1)))
    before = desk.submit("BUY", "1", "10.00").order.order_id

    event = desk.set_fees(FeeSchedule(per_order=Decimal(2)))

    assert isinstance(event, events.FeeScheduleChanged)
    assert (event.changed_by, event.reason) == ("Benedetto Cotrugli", "agreed anew")
    after = desk.submit("BUY", "1", "10.00").order.order_id
    assert [desk.fill(order_id, "1", "10.00").commission for order_id in (before, after)] == [1, 2]
    desk.set_fees(None)
    assert desk.trade("BUY", "1", "10.00").commission == 0
    assert desk.refolded().digest() == desk.ledger.digest()


def test_a_change_of_schedule_that_is_sent_again_counts_once() -> None:
    """The same command gives nothing; its id with another schedule is a conflict."""
    desk = Desk()
    desk.set_fees(FIXED, command_id="fees")

    assert desk.set_fees(FIXED, command_id="fees") is None
    assert desk.set_fees(None, command_id="fees").code == "COMMAND_ID_CONFLICT"


amounts = st.integers(min_value=0, max_value=300).map(lambda n: Decimal(n) / 100)
rates = st.integers(min_value=0, max_value=500).map(Decimal)
SCHEDULES = st.builds(
    FeeSchedule,
    per_order=amounts,
    per_unit=amounts,
    bps=rates,
    maker_bps=st.integers(min_value=-500, max_value=500).map(Decimal),
    taker_bps=rates,
    order_minimum=st.none() | amounts,
    order_cap_bps=st.none() | st.integers(min_value=1, max_value=1000).map(Decimal),
)
FILLS = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=5),
        st.integers(min_value=0, max_value=99),
        st.sampled_from(["MAKER", "TAKER", None]),
    ),
    min_size=1,
    max_size=6,
)


@given(schedule=SCHEDULES, cents=st.integers(min_value=1, max_value=2_000), fills=FILLS, side=st.sampled_from("BS"))
def test_an_accepted_order_never_lacks_cash_for_its_commission(
    schedule: FeeSchedule, cents: int, fills: list[tuple[int, int, Any]], side: str
) -> None:
    """With exactly the cash that its hold asks for, free cash never goes below zero, and never does the hold.

    Fills are at the limit or better, in any parts, of any liquidity.
    """
    price, quantity = Decimal(cents) / 100, sum(fill[0] for fill in fills)
    desk = Desk(cash="1000000", fee_schedule=schedule)
    if side == "S":
        desk.set_fees(None)
        desk.trade("BUY", str(quantity), "1.00")
        desk.set_fees(schedule)
    order_id = desk.submit("BUY" if side == "B" else "SELL", str(quantity), str(price)).order.order_id
    desk.withdraw(str(desk.account.cash))
    assert desk.account.cash == 0

    for units, better, liquidity in fills:
        away = Decimal(better) / 100
        at = max(minor_unit("USD"), price - away) if side == "B" else price + away
        desk.fill(order_id, str(units), str(at), liquidity=liquidity)
        assert desk.account.cash >= 0
        assert desk.account.held_cash >= 0
    assert desk.account.held_cash == 0
    assert desk.refolded().digest() == desk.ledger.digest()
