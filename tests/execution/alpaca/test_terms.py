"""Terms in Alpaca's words. Expected words come from its documentation and from alpaca-py's own enumerations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from alpaca.trading import enums
from hypothesis import given
from hypothesis import strategies as st

from domain.terms import OrderTerms, OrderType, Side, TimeInForce
from execution.alpaca.terms import SIDES, TIMES_IN_FORCE, TYPES, body_of, change_of
from execution.venue import Refusal
from tests.execution.examples import terms, working

# docs.alpaca.markets, "Placing Orders", whole quantities: stop and stop limit orders are DAY or GTC only, and so are
# trailing stops by their own section.
TRIGGERED = {"stop", "stop_limit", "trailing_stop"}


def made(**changes: Any) -> OrderTerms:
    return msgspec.structs.replace(terms(quantity="10"), **changes)


def test_all_words_are_alpacas() -> None:
    """Each side, type and time in force of ours has a word that alpaca-py knows; GTD alone has none."""
    assert set(SIDES) == set(get_args(Side))
    assert set(SIDES.values()) == {side.value for side in enums.OrderSide}
    assert set(TYPES) == set(get_args(OrderType))
    assert set(TYPES.values()) == {kind.value for kind in enums.OrderType}
    assert set(get_args(TimeInForce)) - set(TIMES_IN_FORCE) == {"GTD"}
    assert set(TIMES_IN_FORCE.values()) == {force.value for force in enums.TimeInForce}


@pytest.mark.parametrize(
    ("given_terms", "expected"),
    [
        ({}, {"type": "market"}),
        ({"protection_price": Decimal("101.50")}, {"type": "limit", "limit_price": "101.5"}),
        ({"order_type": "LIMIT", "limit_price": Decimal(99)}, {"type": "limit", "limit_price": "99"}),
        (
            {"order_type": "STOP", "stop_price": Decimal("95.25"), "side": "SELL"},
            {"type": "stop", "stop_price": "95.25"},
        ),
        (
            {"order_type": "STOP", "stop_price": Decimal(105), "protection_price": Decimal(107)},
            {"type": "stop_limit", "stop_price": "105", "limit_price": "107"},
        ),
        (
            {"order_type": "STOP_LIMIT", "stop_price": Decimal(105), "limit_price": Decimal(106)},
            {"type": "stop_limit", "stop_price": "105", "limit_price": "106"},
        ),
        (
            {"order_type": "TRAILING_STOP", "trail_amount": Decimal("2.50"), "side": "SELL"},
            {"type": "trailing_stop", "trail_price": "2.5"},
        ),
        (
            {"order_type": "TRAILING_STOP", "trail_bps": Decimal(125), "side": "SELL"},
            {"type": "trailing_stop", "trail_percent": "1.25"},
        ),
    ],
)
def test_types(given_terms: dict[str, Any], expected: dict[str, str]) -> None:
    """Each type by hand; what has no limit but a worst price goes out as a limit, which keeps that price."""
    side = "sell" if given_terms.get("side") == "SELL" else "buy"
    order = made(**given_terms)

    assert body_of(working(order)) == {
        "symbol": "AAPL",
        "qty": "10",
        "side": side,
        "time_in_force": "gtc",
        "client_order_id": order.order_id,
        **expected,
    }


def test_a_short_sale_is_a_sale() -> None:
    """Alpaca knows two sides; it opens a short position when there is nothing to sell."""
    body = body_of(working(made(side="SELL_SHORT")))

    assert isinstance(body, dict)
    assert body["side"] == "sell"


@pytest.mark.parametrize(
    ("given_terms", "code"),
    [
        ({"time_in_force": "GTD", "expire_at_us": 1}, "ORDER_TIME_IN_FORCE_UNSUPPORTED"),
        (
            {"time_in_force": "IOC", "order_type": "STOP", "stop_price": Decimal(5)},
            "ORDER_TIME_IN_FORCE_UNSUPPORTED",
        ),
        ({"post_only": True}, "ORDER_POST_ONLY_UNSUPPORTED"),
        ({"reduce_only": True}, "ORDER_REDUCE_ONLY_UNSUPPORTED"),
        ({"group_id": "grp_1"}, "ORDER_GROUP_UNSUPPORTED"),
        (
            {"order_type": "TRAILING_STOP", "trail_bps": Decimal(5), "protection_price": Decimal(9)},
            "ORDER_PROTECTION_UNSUPPORTED",
        ),
        ({"quantity": Decimal("0.0000000001"), "time_in_force": "DAY"}, "ORDER_QUANTITY_OVER_PRECISE"),
        ({"quantity": Decimal("1.5")}, "ORDER_FRACTION_UNSUPPORTED"),
        ({"order_type": "LIMIT", "limit_price": Decimal("290.123")}, "ORDER_PRICE_OFF_INCREMENT"),
        ({"order_type": "LIMIT", "limit_price": Decimal("0.12345")}, "ORDER_PRICE_OFF_INCREMENT"),
        ({"order_type": "STOP", "stop_price": Decimal("290.123")}, "ORDER_PRICE_OFF_INCREMENT"),
        ({"order_type": "LIMIT"}, "ORDER_PRICE_MISSING"),
        ({"order_type": "STOP_LIMIT", "limit_price": Decimal(5)}, "ORDER_PRICE_MISSING"),
        ({"order_type": "TRAILING_STOP"}, "ORDER_PRICE_MISSING"),
        ({"order_type": "TRAILING_STOP", "trail_bps": Decimal(5), "trail_amount": Decimal(5)}, "ORDER_PRICE_MISSING"),
        ({"order_type": "STOP", "stop_price": Decimal(-5)}, "ORDER_PRICE_INVALID"),
    ],
)
def test_what_alpaca_cannot_have_is_refused_before_it_is_sent(given_terms: dict[str, Any], code: str) -> None:
    """Nothing is left out silently: each has its code and says what was expected."""
    refusal = body_of(working(made(**given_terms)))

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert refusal.text


def test_sub_dollar_prices_have_four_decimals() -> None:
    """docs.alpaca.markets: a limit below one dollar has up to four decimals."""
    body = body_of(working(made(order_type="LIMIT", limit_price=Decimal("0.1234"))))

    assert isinstance(body, dict)
    assert body["limit_price"] == "0.1234"


@st.composite
def any_terms(draw: st.DrawFn) -> OrderTerms:
    """Terms as the ledger lets them through: sound numbers, the prices that the type needs."""
    kind = draw(st.sampled_from(get_args(OrderType)))
    price = st.decimals(min_value=Decimal("0.01"), max_value=9_999, places=2)
    prices: dict[str, Decimal] = {}
    if kind in ("LIMIT", "STOP_LIMIT"):
        prices["limit_price"] = draw(price)
    elif draw(st.booleans()):
        prices["protection_price"] = draw(price)
    if kind in ("STOP", "STOP_LIMIT"):
        prices["stop_price"] = draw(price)
    if kind == "TRAILING_STOP":
        prices[draw(st.sampled_from(["trail_amount", "trail_bps"]))] = draw(price)
    force = draw(st.sampled_from(get_args(TimeInForce)))
    whole = draw(st.booleans())
    quantity = draw(st.integers(1, 10**6) if whole else st.decimals(Decimal("0.001"), 1_000, places=3))
    return made(
        order_type=kind,
        time_in_force=force,
        side=draw(st.sampled_from(get_args(Side))),
        quantity=Decimal(quantity),
        post_only=draw(st.booleans()),
        reduce_only=draw(st.booleans()),
        **prices,
    )


@given(any_terms())
def test_what_is_sent_promises_what_was_asked(order: OrderTerms) -> None:
    """Whatever goes out has the quantity and side asked for, no worse price, and a time in force that fits its type."""
    body = body_of(working(order))
    if isinstance(body, Refusal):
        assert body.code.startswith("ORDER_")
        return

    assert Decimal(body["qty"]) == order.quantity
    assert body["side"] == ("buy" if order.side == "BUY" else "sell")
    assert body["client_order_id"] == order.order_id
    assert not order.post_only
    assert not order.reduce_only
    worst = order.worst_price
    assert (worst is None) == ("limit_price" not in body)
    assert worst is None or Decimal(body["limit_price"]) == worst
    assert order.stop_price is None or Decimal(body["stop_price"]) == order.stop_price
    assert order.trail_bps is None or Decimal(body["trail_percent"]) * 100 == order.trail_bps
    assert (body["type"] in TRIGGERED) == order.has_trigger
    assert body["type"] not in TRIGGERED or body["time_in_force"] in ("day", "gtc")
    assert order.quantity % 1 == 0 or body["time_in_force"] == "day"


def test_a_change_names_what_differs() -> None:
    """A replacement's body has the new numbers only, and Alpaca's name for a trail."""
    old = made(order_type="LIMIT", limit_price=Decimal(99))
    trailing = made(order_type="TRAILING_STOP", trail_amount=Decimal(2), side="SELL")

    assert change_of(old, msgspec.structs.replace(old, limit_price=Decimal("98.5"), quantity=Decimal(12))) == {
        "limit_price": "98.5",
        "qty": "12",
    }
    assert change_of(trailing, msgspec.structs.replace(trailing, trail_amount=Decimal(3))) == {"trail": "3"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "MSFT"}, "ORDER_CHANGE_UNSUPPORTED"),
        ({"side": "SELL"}, "ORDER_CHANGE_UNSUPPORTED"),
        ({"order_type": "MARKET", "limit_price": None}, "ORDER_CHANGE_UNSUPPORTED"),
        ({"quantity": Decimal("1.5"), "time_in_force": "DAY"}, "ORDER_CHANGE_UNSUPPORTED"),
        ({"time_in_force": "GTD", "expire_at_us": 1}, "ORDER_TIME_IN_FORCE_UNSUPPORTED"),
        ({"limit_price": Decimal("98.123")}, "ORDER_PRICE_OFF_INCREMENT"),
        ({}, "ORDER_CHANGE_MISSING"),
    ],
)
def test_a_change_that_alpaca_cannot_make_is_refused(change: dict[str, Any], code: str) -> None:
    """Only quantity, time in force and prices of a working order can change."""
    old = made(order_type="LIMIT", limit_price=Decimal(99))
    refusal = change_of(old, msgspec.structs.replace(old, **change))

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
