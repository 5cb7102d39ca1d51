"""Lots and costs: FIFO, LIFO, HIFO and average cost, with the figures of a textbook.

The example is the one that introductions to inventory accounting (IAS 2.25 allows both formulas) use: buy 100 at 10,
buy 100 at 12, sell 150 at 15. FIFO: cost 100 x 10 + 50 x 12 = 1,600, profit 650, 600 left. Average: (1,000 + 1,200) /
200 = 11 each, cost 1,650, profit 600, 550 left. LIFO (once IAS 2, now US GAAP only): cost 100 x 12 + 50 x 10 = 1,700,
profit 550, 500 left.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.numbers import cost_share
from tests.domain.desk import Desk


def _textbook(lot_method: str) -> Desk:
    desk = Desk(lot_method=lot_method)
    desk.trade("BUY", "100", "10.00")
    desk.trade("BUY", "100", "12.00")
    return desk


def test_first_in_first_out_sells_the_oldest_lot_first() -> None:
    """150 of 200 units consume the first lot whole and half of the second."""
    desk = _textbook("FIFO")
    first, second = (lot.lot_id for lot in desk.account.position("AAPL").lots)

    event = desk.trade("SELL", "150", "15.00")

    assert event.realized_pnl == 650
    assert [(use.lot_id, use.quantity, use.cost) for use in event.lots] == [(first, 100, 1000), (second, 50, 600)]
    assert [(lot.lot_id, lot.quantity, lot.cost) for lot in desk.account.position("AAPL").lots] == [(second, 50, 600)]
    assert desk.account.position("AAPL").cost == 600


def test_last_in_first_out_sells_the_newest_lot_first() -> None:
    """150 of 200 units consume the second lot whole and half of the first."""
    desk = _textbook("LIFO")
    second, first = (lot.lot_id for lot in desk.account.position("AAPL").lots)

    event = desk.trade("SELL", "150", "15.00")

    assert event.realized_pnl == 550
    assert [(use.lot_id, use.quantity, use.cost) for use in event.lots] == [(second, 100, 1200), (first, 50, 500)]
    assert [(lot.lot_id, lot.cost) for lot in desk.account.position("AAPL").lots] == [(first, 500)]


def test_highest_in_first_out_sells_the_dearest_lot_first() -> None:
    """Bought at 10, 14, 12 and 14 again: both at 14 go first, the older of them before the newer, then 12, then 10.

    All four are sold at 15, one by one: profits of 1, 1, 3 and 5.
    """
    desk = Desk(lot_method="HIFO")
    ids = [desk.trade("BUY", "1", price).execution_id for price in ("10.00", "14.00", "12.00", "14.00")]

    sales = [desk.trade("SELL", "1", "15.00") for _ in range(4)]

    assert [sale.realized_pnl for sale in sales] == [1, 1, 3, 5]
    assert [sale.lots[0].lot_id for sale in sales] == [ids[1], ids[3], ids[2], ids[0]]


def test_highest_in_first_out_weighs_what_a_unit_cost_and_not_a_lot() -> None:
    """100 units at 1.00 cost more together than one at 50.00, which is dearer and goes first."""
    desk = Desk(lot_method="HIFO")
    desk.trade("BUY", "100", "1.00")
    desk.trade("BUY", "1", "50.00")

    assert desk.trade("SELL", "1", "60.00").realized_pnl == 10


def test_average_cost_is_one_pool() -> None:
    """150 of 200 units take three quarters of the pool's cost."""
    desk = _textbook("AVERAGE")

    event = desk.trade("SELL", "150", "15.00")

    assert event.realized_pnl == 600
    assert [(use.lot_id, use.quantity, use.cost) for use in event.lots] == [("average", 150, 1650)]
    assert [(lot.quantity, lot.cost) for lot in desk.account.position("AAPL").lots] == [(50, 550)]


def test_average_cost_moves_with_each_purchase() -> None:
    """After the sale, 50 units at 11 and 50 more at 15 average 13: selling 10 costs 130."""
    desk = _textbook("AVERAGE")
    desk.trade("SELL", "150", "15.00")
    desk.trade("BUY", "50", "15.00")

    assert desk.trade("SELL", "10", "13.00").realized_pnl == 0


def test_a_pool_that_cannot_be_shared_evenly_leaves_the_rest_to_the_last_unit() -> None:
    """Two at 33.00 and one at 34.00 cost 100.00 together; a third is 33.3333, of the rest half is 33.33335.

    Half to even makes that 33.3334, and 33.3333 is left for the last unit: together 100.00 again.
    """
    desk = Desk(lot_method="AVERAGE")
    desk.trade("BUY", "2", "33.00")
    desk.trade("BUY", "1", "34.00")

    costs = [desk.trade("SELL", "1", "40.00").lots[0].cost for _ in range(3)]

    assert costs == [Decimal("33.3333"), Decimal("33.3334"), Decimal("33.3333")]
    assert desk.account.position("AAPL").cost == 0
    assert desk.account.realized_pnl == 20


@pytest.mark.parametrize("lot_method", ["FIFO", "LIFO", "HIFO", "AVERAGE"])
def test_a_position_that_was_closed_opens_anew(lot_method: str) -> None:
    """Nothing of the first round trip's cost is left in the second; profits add up: 5 + 10."""
    desk = Desk(lot_method=lot_method)
    for buy, sell in (("10.00", "15.00"), ("20.00", "30.00")):
        desk.trade("BUY", "1", buy)
        desk.trade("SELL", "1", sell)

    position = desk.account.position("AAPL")
    assert (position.quantity, position.cost, list(position.lots)) == (0, 0, [])
    assert position.realized_pnl == 15


def test_one_symbol_knows_nothing_of_another() -> None:
    """Selling IBM leaves AAPL's lots alone."""
    desk = Desk()
    desk.trade("BUY", "1", "10.00")
    desk.trade("BUY", "1", "50.00", symbol="IBM")

    assert desk.trade("SELL", "1", "60.00", symbol="IBM").realized_pnl == 10
    assert desk.account.position("AAPL").cost == 10


@given(
    cost=st.decimals(min_value=0, max_value=10**9, places=6),
    cuts=st.lists(st.integers(min_value=1, max_value=1000), min_size=1, max_size=20),
)
def test_costs_never_drift_however_they_are_cut(cost: Decimal, cuts: list[int]) -> None:
    """The shares of any sequence of sales sum to the cost exactly, and none is below zero or above what is left."""
    left, units = cost, sum(cuts)
    shares = []
    for cut in cuts:
        share = cost_share(left, Decimal(units), Decimal(cut))
        assert 0 <= share <= left
        shares.append(share)
        left -= share
        units -= cut

    assert left == 0
    assert sum(shares) == cost
