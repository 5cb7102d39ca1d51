"""Rebalances: the plan, worked out by hand; the orders that come of it; what a cancel leaves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events
from domain.decide_orders import command_of
from domain.events import RebalancePlanned
from domain.plans import Plan
from domain.rebalance import digest_of
from tests.domain.desk import SYMBOLS, Desk


def rich(**fields: Any) -> Desk:
    """6,000 USD of cash and 40 AAPL at a mark of 100; IBM at 50. Equity 10,000."""
    desk = Desk(**fields)
    desk.trade("BUY", "40", "100")
    desk.prices(AAPL="100", IBM="50")
    return desk


def lines(event: RebalancePlanned) -> list[tuple[str, str, Decimal, Decimal | None]]:
    return [(order.side, order.symbol, order.quantity, order.protection_price) for order in event.orders]


def send_due(desk: Desk, plan: Plan) -> list[Any]:
    """Submit what is due, as the ledger's worker does; gives the events."""
    answers = []
    for terms in plan.due(desk.account):
        answers.append(desk.send(command_of(terms, **desk._envelope({}))))
    return answers


def test_a_plan_sells_before_it_buys_in_whole_lots() -> None:
    """A quarter AAPL, half IBM: AAPL 4,000 -> 2,500 is 15 units to sell, IBM 0 -> 5,000 is 100 to buy."""
    event = rich().rebalance({"AAPL": "0.25", "IBM": "0.50"}, allowance="0.02")

    assert isinstance(event, RebalancePlanned)
    assert event.equity == 10_000
    assert lines(event) == [("SELL", "AAPL", 15, 98), ("BUY", "IBM", 100, 51)]
    assert event.postings == ()


def test_what_is_within_the_band_is_left_alone() -> None:
    """AAPL is at 40 %: a target of 42 % lies within three points, one of 44 % does not; 400 buy 4 units."""
    assert lines(rich().rebalance({"AAPL": "0.42"}, drift_band="0.03")) == []
    assert lines(rich().rebalance({"AAPL": "0.44"}, drift_band="0.03", allowance="0")) == [("BUY", "AAPL", 4, 100)]


def test_parts_of_a_unit_are_not_traded() -> None:
    """IBM to 10.7 %: 1,070 at 50 are 21.4 units: 21. AAPL to 39.5 %: 50 too much at 100 is half a unit: none."""
    event = rich().rebalance({"AAPL": "0.395", "IBM": "0.107"}, allowance="0")

    assert lines(event) == [("BUY", "IBM", 21, 50)]


def test_what_is_held_and_not_named_is_sold() -> None:
    """All into cash: 40 AAPL go."""
    assert lines(rich().rebalance({}, allowance="0")) == [("SELL", "AAPL", 40, 100)]


def test_purchases_fit_the_cash_at_the_worst_prices() -> None:
    """All into IBM: 200 units at 50 would need 11,000 at 55, and the sale may bring 3,600 besides 6,000: 174 at 55."""
    event = rich().rebalance({"IBM": "1"}, allowance="0.10")

    assert lines(event) == [("SELL", "AAPL", 40, 90), ("BUY", "IBM", 174, 55)]


def test_the_sales_go_out_first_and_the_purchases_when_they_are_done() -> None:
    """Nothing is bought until the last sale has ended; then the plan ends with its last order."""
    desk = rich()
    event = desk.rebalance({"AAPL": "0.25", "IBM": "0.50"}, allowance="0.02")
    plan = desk.account.plans[event.plan_id]

    (sale,) = send_due(desk, plan)
    assert (sale.order.side, plan.due(desk.account)) == ("SELL", [])
    desk.fill(sale.order.order_id, "15", "99")
    (purchase,) = send_due(desk, plan)
    assert (purchase.order.symbol, purchase.hold_cash) == ("IBM", 5100)
    desk.fill(purchase.order.order_id, "100", "50")

    assert desk.account.plans == {}
    assert desk.account.cash == 6000 + 15 * 99 - 5000


def test_an_order_that_is_rejected_counts_as_done() -> None:
    """The cash was withdrawn while the sale was under way: the purchase is rejected, and the plan is over."""
    desk = rich()
    event = desk.rebalance({"AAPL": "0.25", "IBM": "0.50"}, allowance="0.02")
    plan = desk.account.plans[event.plan_id]
    (sale,) = send_due(desk, plan)
    desk.withdraw("6000")
    desk.fill(sale.order.order_id, "15", "99")
    (purchase,) = send_due(desk, plan)

    assert isinstance(purchase, events.OrderRejected)
    assert desk.account.plans == {}


def test_a_cancel_half_way_leaves_a_whole_portfolio() -> None:
    """Five of fifteen are sold: the rest of the sale is to be cancelled, and nothing is bought."""
    desk = rich()
    event = desk.rebalance({"AAPL": "0.25", "IBM": "0.50"}, allowance="0.02")
    plan = desk.account.plans[event.plan_id]
    (sale,) = send_due(desk, plan)
    desk.fill(sale.order.order_id, "5", "99")
    canceled = desk.cancel_rebalance(event.plan_id)

    assert canceled.unsent == (event.orders[1].order_id,)
    assert [(link.order_id, link.effect) for link in canceled.linked] == [(sale.order.order_id, "CANCEL_REQUESTED")]
    assert [dispatch.kind for dispatch in desk.ledger.dispatches_of(canceled)] == ["CANCEL"]
    assert desk.cancel_rebalance(event.plan_id) is None
    desk.canceled(sale.order.order_id)
    assert (desk.account.plans, desk.account.orders) == ({}, {})
    assert (desk.account.position("AAPL").free, desk.account.cash) == (35, 6495)


def test_a_cancel_before_anything_was_sent_ends_the_plan() -> None:
    """Nothing has happened, and another plan may be made."""
    desk = rich()
    event = desk.rebalance({})
    desk.cancel_rebalance(event.plan_id)

    assert desk.account.plans == {}
    assert isinstance(desk.rebalance({}), RebalancePlanned)


@pytest.mark.parametrize(
    ("code", "weights", "fields"),
    [
        ("WEIGHTS_INVALID", {"AAPL": "0.5"}, {"cash_weight": "0.4"}),
        ("WEIGHTS_INVALID", {"AAPL": "0.6", "IBM": "0.5"}, {"cash_weight": "0"}),
        ("WEIGHTS_INVALID", {"AAPL": "1.5"}, {"cash_weight": "-0.5"}),
        ("WEIGHTS_INVALID", {"AAPL": "-0.1"}, {}),
        ("WEIGHTS_INVALID", {"AAPL": "NaN"}, {"cash_weight": "0"}),
        ("WEIGHTS_INVALID", {"AAPL": "1"}, {"drift_band": "1"}),
        ("WEIGHTS_INVALID", {"AAPL": "1"}, {"allowance": "-0.1"}),
        ("INSTRUMENT_UNKNOWN", {"GOOGL": "1"}, {}),
        ("PORTFOLIO_CHANGED", {"AAPL": "1"}, {"expected_version": 3}),
        ("PLAN_UNKNOWN", {"AAPL": "1"}, {"plan_id": "pln_of_somebody_else"}),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(code: str, weights: dict[str, str], fields: dict[str, Any]) -> None:
    """With a clear code, and nothing changes."""
    desk = rich()
    before = desk.account.digest()
    event = desk.rebalance(weights, **fields)

    assert event.code == code
    assert event.text.startswith("expected ")
    assert desk.account.digest() == before


def test_a_plan_needs_marks_an_idle_account_and_the_version_that_was_seen() -> None:
    """Without a mark nobody guesses; open orders, or another plan, would count on the same cash."""
    desk = Desk()
    assert desk.rebalance({"IBM": "1"}).code == "MARK_MISSING"
    desk.prices(IBM="50")
    resting = desk.submit("BUY", "1", "10").order.order_id
    assert desk.rebalance({"IBM": "1"}).code == "PORTFOLIO_ORDERS_OPEN"
    desk.canceled(resting)
    version = desk.account.version
    assert desk.rebalance({"IBM": "1"}, expected_version=version - 1).code == "PORTFOLIO_CHANGED"
    event = desk.rebalance({"IBM": "1"}, expected_version=version)
    assert isinstance(event, RebalancePlanned)
    assert desk.rebalance({"IBM": "1"}).code == "PLAN_ACTIVE"
    assert desk.cancel_rebalance("pln_unknown").code == "PLAN_UNKNOWN"


def test_what_was_shown_is_what_is_done_or_nothing() -> None:
    """The digest of one plan is taken while the marks stand; when IBM has moved, other orders are not made instead."""
    desk = rich()
    shown = rich().rebalance({"IBM": "0.5"})
    desk.prices(IBM="51")
    assert desk.rebalance({"IBM": "0.5"}, expected_orders=digest_of(shown.orders)).code == "PLAN_CHANGED"
    desk.prices(IBM="50")
    event = desk.rebalance({"IBM": "0.5"}, expected_orders=digest_of(shown.orders))

    assert lines(event) == lines(shown)


def test_the_same_wish_again_is_a_repeat() -> None:
    """By its command id; with other weights it is a conflict."""
    desk = rich()
    desk.rebalance({"IBM": "0.5"}, command_id="r", cash_weight="0.5")

    assert desk.rebalance({"IBM": "0.50"}, command_id="r", cash_weight="0.5") is None
    assert desk.rebalance({"IBM": "0.6"}, command_id="r").code == "COMMAND_ID_CONFLICT"


shares = st.integers(min_value=0, max_value=100)
prices = st.integers(min_value=1, max_value=50_000).map(lambda n: Decimal(n) / 100)


@given(
    cash=st.integers(min_value=1, max_value=10**7),
    held=st.tuples(st.integers(0, 300), st.integers(0, 300)),
    marks=st.tuples(prices, prices),
    wish=st.tuples(shares, shares, shares).filter(lambda w: sum(w) > 0),
    band=st.integers(0, 20),
    allowance=st.integers(0, 50),
    fee=st.integers(0, 100),
)
@settings(max_examples=150, deadline=None)
def test_a_plan_can_always_be_carried_out(
    cash: int,
    held: tuple[int, int],
    marks: tuple[Decimal, Decimal],
    wish: tuple[int, int, int],
    band: int,
    allowance: int,
    fee: int,
) -> None:
    """Every order is accepted and fills at its worst price with the account's fee; cash never lacks; nothing is short.

    Afterwards no position lies further from its target than before by more than one unit, and twice the same gives the
    same.
    """
    desk = Desk(cash=None, fee_bps=str(fee))
    for symbol, units in zip(SYMBOLS, held, strict=True):
        if units:
            desk.deposit(str(Decimal(units) * 2))
            desk.trade("BUY", str(units), "1", symbol=symbol)
    desk.deposit(str(Decimal(cash) / 100))
    desk.prices(**dict(zip(SYMBOLS, map(str, marks), strict=True)))
    total = sum(wish)
    weights = {
        symbol: str(Decimal(part * 10_000 // total) / 10_000) for symbol, part in zip(SYMBOLS, wish[:2], strict=True)
    }
    fields = {"drift_band": str(Decimal(band) / 100), "allowance": str(Decimal(allowance) / 100)}
    event = desk.rebalance(weights, **fields)
    assert isinstance(event, RebalancePlanned)

    sides = [order.side for order in event.orders]
    assert sides == sorted(sides, reverse=True)
    plan = desk.account.plans.get(event.plan_id)
    while plan is not None and (due := plan.due(desk.account)):
        answers = send_due(desk, plan)
        assert {order.order_id for order in due} == {answer.order.order_id for answer in answers}
        for answer in answers:
            assert isinstance(answer, events.OrderAccepted), answer
            order = answer.order
            worst = order.protection_price
            assert worst is not None
            charge = (order.quantity * worst * fee / 10_000).quantize(Decimal("0.0001"), rounding="ROUND_FLOOR")
            desk.fill(order.order_id, str(order.quantity), str(worst), str(charge))
            assert desk.account.cash >= 0
    assert desk.account.plans == {}
    for order in event.orders:
        target = Decimal(weights[order.symbol]) * event.equity
        mark = event.marks[order.symbol]
        before = Decimal(dict(zip(SYMBOLS, held, strict=True))[order.symbol]) * mark
        after = desk.account.position(order.symbol).quantity * mark
        assert abs(after - target) < abs(before - target)
        assert (after <= target) if order.side == "BUY" else (after >= target)
