"""The preview of an order: every check's verdict, what it would hold, and nothing written.

That it says what submitting then gives, word for word, is held under random trading by tests.domain.risk_rules.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.decide_orders import terms_of
from domain.holds import NO_HOLD
from domain.market import Instrument
from domain.preview import LimitInForce, Preview, preview
from tests.domain.risk_desk import RiskDesk, limits_of


def _preview(desk: RiskDesk, side: Any, quantity: str, price: str | None = None, **fields: Any) -> Preview:
    before = desk.ledger.digest()
    shown = preview(desk.account, terms_of(desk.order(side, quantity, price, **fields)), desk.ledger.world, desk.now_us)
    assert desk.ledger.digest() == before
    return shown


def test_it_says_what_would_be_held_and_left() -> None:
    """5 x 10.00 and a fee of 2 basis points, 0.01: 50.01 of 10000 are held, and that is what it costs at the mark."""
    shown = _preview(RiskDesk(fee_bps="2"), "BUY", "5", "10.00")

    assert shown.is_accepted
    assert (shown.hold.cash, shown.hold.quantity) == (Decimal("50.01"), 0)
    assert shown.estimated_cost == Decimal("50.01")
    assert shown.buying_power_after == Decimal("9949.99")
    assert (shown.limits, shown.limits_version, shown.desk_version) == ((), 0, 0)


@pytest.mark.parametrize(
    ("side", "price", "fields", "cost"),
    [
        ("BUY", "12.00", {}, "50.05"),  # filled at the mark of 10.00, and 10 basis points of fee
        ("BUY", "9.00", {}, "45.05"),  # at its limit, 45.045 rounded up
        ("BUY", None, {"order_type": "STOP", "stop_price": Decimal(11), "protection_price": Decimal(12)}, "55.06"),
        ("SELL", "9.00", {}, "-49.95"),  # proceeds at the mark, less the fee
        ("SELL", "12.00", {}, "-59.94"),
        ("SELL", None, {}, "-49.95"),
    ],
)
def test_the_estimate_is_the_mark_within_the_orders_own_prices(
    side: Any, price: str | None, fields: dict[str, Any], cost: str
) -> None:
    """5 units: no worse than its limit, no better than the mark; where it triggers for a stop."""
    desk = RiskDesk(fee_bps="10")
    desk.trade("BUY", "5", "10.00")

    assert _preview(desk, side, "5", price, **fields).estimated_cost == Decimal(cost)


def test_without_a_mark_the_orders_price_is_the_estimate() -> None:
    """And where any price will do, nothing is known."""
    desk = RiskDesk()
    desk.trade("BUY", "5", "10.00")
    desk.ledger.marks.clear()

    assert _preview(desk, "BUY", "5", "12.00").estimated_cost == Decimal("60.00")
    assert _preview(desk, "SELL", "5").estimated_cost is None


def test_it_lists_every_refusal() -> None:
    """Not only the first, which is the one that submitting gives; halts, limits and cash alike."""
    desk = RiskDesk()
    desk.limit(order_quantity_max="5", order_value_max="50")
    desk.lay_down(version=3, limits=limits_of(open_orders_max=0))
    desk.kill()

    shown = _preview(desk, "BUY", "2000", "10.00")

    assert [refusal.code for refusal in shown.refusals] == [
        "ACCOUNT_HALTED",
        "ORDER_QUANTITY_EXCEEDED",
        "ORDER_VALUE_EXCEEDED",
        "OPEN_ORDERS_EXCEEDED",
        "CASH_INSUFFICIENT",
    ]
    assert not shown.is_accepted
    assert shown.buying_power_after == Decimal("-10000.00")
    assert desk.submit("BUY", "2000", "10.00").code == "ACCOUNT_HALTED"
    assert shown.limits == (
        LimitInForce("order_value_max", "50", "ACCOUNT", 1),
        LimitInForce("order_quantity_max", "5", "ACCOUNT", 1),
        LimitInForce("open_orders_max", "0", "DESK", 3),
    )
    assert (shown.limits_version, shown.desk_version) == (1, 3)


def test_it_shows_which_overrides_would_let_it_pass() -> None:
    """They are not used up by looking."""
    desk = RiskDesk()
    desk.limit(order_quantity_max="5")
    granted = desk.grant("block", "ORDER_QUANTITY_EXCEEDED")

    shown = _preview(desk, "BUY", "6", "10.00", client_order_id="block")

    assert shown.is_accepted
    assert (shown.overridden, shown.overrides) == (("ORDER_QUANTITY_EXCEEDED",), (granted.override_id,))
    assert desk.submit("BUY", "6", "10.00", client_order_id="block").overrides == shown.overrides


def test_of_an_order_that_makes_no_sense_only_that_is_said() -> None:
    """Without an instrument or a price nothing can be computed; the first refusal is the one of submitting."""
    desk = RiskDesk()
    desk.limit(order_quantity_max="1")

    shown = _preview(desk, "BUY", "5", "10.00", symbol="GOOGL")

    assert [refusal.code for refusal in shown.refusals] == ["INSTRUMENT_UNKNOWN"]
    assert (shown.hold, shown.estimated_cost) == (NO_HOLD._replace(currency="USD"), None)


def test_an_instrument_of_a_currency_that_the_account_does_not_have() -> None:
    """The refusal is shown as the order would get it, and the hold, of nothing, in the account's own currency."""
    desk = RiskDesk(instruments=(Instrument(symbol="SAP", currency="EUR"),))
    desk.mark("SAP", "10.00")

    shown = _preview(desk, "BUY", "5", "10.00", symbol="SAP")

    assert shown.refusals[0].code == desk.submit("BUY", "5", "10.00", symbol="SAP").code
    assert (shown.hold.cash, shown.hold.currency, shown.buying_power_after) == (0, "USD", Decimal("10000.00"))
