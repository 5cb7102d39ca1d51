"""What an order of each type must have and must not have, and which time in force goes with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import events
from domain.world import Mark
from tests.domain.desk import START_US, Desk, tick

P = {"protection_price": "100"}


def submit(desk: Desk, side: Any, order_type: str, **fields: Any) -> Any:
    """One unit. Prices as texts."""
    prices = {
        name: Decimal(value) if isinstance(value, str) and name != "time_in_force" else value
        for name, value in fields.items()
    }
    return desk.submit(side, "1", order_type=order_type, **({"limit_price": None} | prices))


GOOD: list[tuple[str, str, dict[str, Any], str]] = [
    ("BUY", "MARKET", P, "100"),
    ("BUY", "LIMIT", {"limit_price": "90"}, "90"),
    ("BUY", "STOP", {"stop_price": "95"} | P, "100"),
    ("BUY", "STOP", {"stop_price": "100"} | P, "100"),
    ("BUY", "STOP_LIMIT", {"stop_price": "95", "limit_price": "94"}, "94"),
    ("BUY", "STOP_LIMIT", {"stop_price": "95", "limit_price": "96"}, "96"),
    ("BUY", "TRAILING_STOP", {"trail_amount": "2"} | P, "100"),
    ("BUY", "TRAILING_STOP", {"trail_bps": "50.5"} | P, "100"),
    ("BUY", "LIMIT", {"limit_price": "90", "time_in_force": "GTD", "expire_at_us": START_US + 1}, "90"),
    ("BUY", "LIMIT", {"limit_price": "90", "time_in_force": "IOC"}, "90"),
    ("BUY", "MARKET", {"time_in_force": "FOK"} | P, "100"),
    ("BUY", "MARKET", {"time_in_force": "AT_OPEN"} | P, "100"),
    ("BUY", "LIMIT", {"limit_price": "90", "time_in_force": "AT_CLOSE"}, "90"),
    ("BUY", "LIMIT", {"limit_price": "90", "time_in_force": "DAY", "post_only": True}, "90"),
]


@pytest.mark.parametrize(("side", "order_type", "fields", "hold"), GOOD)
def test_an_order_holds_its_worst_price(side: str, order_type: str, fields: dict[str, Any], hold: str) -> None:
    """One unit of each type is accepted, and the hold is the limit, or else the protection price."""
    event = submit(Desk(), side, order_type, **fields)

    assert isinstance(event, events.OrderAccepted)
    assert event.hold_cash == Decimal(hold)


@pytest.mark.parametrize(
    ("order_type", "fields"),
    [
        ("MARKET", {}),
        ("STOP", {"stop_price": "95"}),
        ("STOP", {"stop_price": "95", "protection_price": "90"}),
        ("TRAILING_STOP", {"trail_amount": "2"}),
        ("STOP_LIMIT", {"stop_price": "95", "limit_price": "94"}),
    ],
)
def test_a_sale_holds_its_units(order_type: str, fields: dict[str, Any]) -> None:
    """At any price it may have: it needs none."""
    desk = Desk()
    desk.trade("BUY", "1", "100")
    event = submit(desk, "SELL", order_type, **fields)

    assert isinstance(event, events.OrderAccepted)
    assert (event.hold_cash, event.hold_quantity) == (0, 1)


BAD: list[tuple[str, str, str, dict[str, Any]]] = [
    ("PRICE_REQUIRED", "BUY", "MARKET", {}),
    ("PRICE_REQUIRED", "BUY", "LIMIT", {}),
    ("PRICE_REQUIRED", "BUY", "STOP", P),
    ("PRICE_REQUIRED", "BUY", "STOP", {"stop_price": "95"}),
    ("PRICE_REQUIRED", "BUY", "STOP_LIMIT", {"stop_price": "95"}),
    ("PRICE_REQUIRED", "SELL", "STOP_LIMIT", {"limit_price": "95"}),
    ("PRICE_REQUIRED", "BUY", "TRAILING_STOP", {"trail_amount": "2"}),
    ("PRICE_NOT_ALLOWED", "BUY", "MARKET", {"stop_price": "95"} | P),
    ("PRICE_NOT_ALLOWED", "BUY", "LIMIT", {"limit_price": "90", "trail_bps": "5"}),
    ("PRICE_NOT_ALLOWED", "BUY", "STOP", {"stop_price": "95", "limit_price": "96"} | P),
    ("PRICE_NOT_ALLOWED", "BUY", "STOP_LIMIT", {"stop_price": "95", "limit_price": "96"} | P),
    ("PRICE_NOT_ALLOWED", "BUY", "TRAILING_STOP", {"trail_amount": "2", "stop_price": "95"} | P),
    ("PRICE_NOT_POSITIVE", "BUY", "STOP", {"stop_price": "0"} | P),
    ("PRICE_NOT_POSITIVE", "BUY", "TRAILING_STOP", {"trail_amount": "-1"} | P),
    ("PRICE_OFF_INCREMENT", "BUY", "STOP", {"stop_price": "95.001"} | P),
    ("PRICE_NOT_FINITE", "BUY", "STOP", {"stop_price": "NaN"} | P),
    ("PRICE_OUT_OF_RANGE", "BUY", "TRAILING_STOP", {"trail_bps": "1E-19"} | P),
    ("TRAIL_INVALID", "BUY", "TRAILING_STOP", P),
    ("TRAIL_INVALID", "BUY", "TRAILING_STOP", {"trail_amount": "2", "trail_bps": "50"} | P),
    ("TRAIL_INVALID", "BUY", "TRAILING_STOP", {"trail_bps": "0"} | P),
    ("TRAIL_INVALID", "BUY", "TRAILING_STOP", {"trail_bps": "10000"} | P),
    ("STOP_WRONG_SIDE", "BUY", "STOP", {"stop_price": "100.01"} | P),
    ("STOP_WRONG_SIDE", "SELL", "STOP", {"stop_price": "99.99"} | P),
    ("EXPIRY_REQUIRED", "BUY", "MARKET", {"time_in_force": "GTD"} | P),
    ("EXPIRY_NOT_ALLOWED", "BUY", "MARKET", {"time_in_force": "DAY", "expire_at_us": START_US + 1} | P),
    ("EXPIRY_PASSED", "BUY", "MARKET", {"time_in_force": "GTD", "expire_at_us": START_US} | P),
    ("TIME_IN_FORCE_NOT_ALLOWED", "BUY", "STOP", {"stop_price": "95", "time_in_force": "IOC"} | P),
    ("TIME_IN_FORCE_NOT_ALLOWED", "BUY", "TRAILING_STOP", {"trail_bps": "50", "time_in_force": "AT_OPEN"} | P),
    ("POST_ONLY_NOT_ALLOWED", "BUY", "MARKET", {"post_only": True} | P),
    ("POST_ONLY_NOT_ALLOWED", "BUY", "LIMIT", {"limit_price": "90", "post_only": True, "time_in_force": "FOK"}),
    ("POST_ONLY_NOT_ALLOWED", "BUY", "STOP_LIMIT", {"stop_price": "95", "limit_price": "96", "post_only": True}),
]


@pytest.mark.parametrize(("code", "side", "order_type", "fields"), BAD)
def test_terms_that_do_not_fit_are_refused(code: str, side: str, order_type: str, fields: dict[str, Any]) -> None:
    """With the code, a text and the values; nothing is held."""
    desk = Desk()
    event = submit(desk, side, order_type, **fields)

    assert event.code == code
    assert event.text.startswith("expected ")
    assert desk.account.held_cash == 0


@pytest.mark.parametrize(
    ("side", "stop", "is_good"),
    [
        ("BUY", "100.01", True),
        ("BUY", "100.00", False),
        ("BUY", "99.99", False),
        ("SELL", "99.99", True),
        ("SELL", "100.00", False),
        ("SELL", "100.01", False),
    ],
)
def test_a_stop_lies_on_its_side_of_the_market(side: str, stop: str, is_good: bool) -> None:
    """A purchase triggers above the mark of 100, a sale below it; on the other side it would trigger at once."""
    desk = Desk()
    desk.trade("BUY", "1", "100")
    desk.ledger.marks["AAPL"] = Mark(price=Decimal(100), market_time_us=1)
    event = submit(desk, side, "STOP_LIMIT", stop_price=stop, limit_price="100")

    assert isinstance(event, events.OrderAccepted) == is_good
    if not is_good:
        assert event.code == "STOP_WRONG_SIDE"
        assert event.details == {"stop_price": stop, "mark": "100"}


@pytest.mark.parametrize(
    ("fields", "mark_us", "passed_us"),
    [
        ({"active_from_us": 50}, 90, 50),
        ({"active_after": tick(7)}, 90, START_US + 7),
        ({}, 90, 90),
        ({}, None, START_US),
    ],
)
def test_the_time_of_expiry_is_market_time(fields: dict[str, Any], mark_us: int | None, passed_us: int) -> None:
    """It must lie after the time the order is active from, else its tick, else the mark, else the ledger's clock."""
    desk = Desk()
    if mark_us is not None:
        desk.ledger.marks["AAPL"] = Mark(price=Decimal(100), market_time_us=mark_us)
    good = {"time_in_force": "GTD", "expire_at_us": passed_us + 1, "limit_price": "1"} | fields
    bad = good | {"expire_at_us": passed_us}

    assert submit(desk, "BUY", "LIMIT", **bad).code == "EXPIRY_PASSED"
    assert isinstance(submit(desk, "BUY", "LIMIT", **good), events.OrderAccepted)


def test_a_trigger_is_taken_once_and_met_again_on_its_tick() -> None:
    """The order may fill on the tick that triggered it, so a new worker begins before that tick."""
    desk = Desk()
    order_id = submit(desk, "BUY", "STOP", stop_price="95", protection_price="100").order.order_id
    event = desk.triggered(order_id, "95", tick=tick(12))

    assert isinstance(event, events.OrderTriggered)
    assert desk.triggered(order_id, "96", tick=tick(13)) is None
    (dispatch,) = desk.ledger.dispatches_of(desk.redispatch(order_id))
    assert dispatch.triggered
    assert dispatch.resume_after is not None
    assert (dispatch.resume_after.partition, dispatch.resume_after.offset) == (0, 11)


def test_an_order_that_expires_gives_back_what_it_held() -> None:
    """Three of ten were filled at 10: seventy are free again; the end is EXPIRED, and known when it is said again."""
    desk = Desk(cash="100")
    order_id = desk.submit("BUY", "10", "10", time_in_force="DAY").order.order_id
    desk.fill(order_id, "3", "10")
    event = desk.expired(order_id)

    assert isinstance(event, events.OrderExpired)
    assert (event.expired_quantity, event.released_cash, event.reason) == (7, 70, "day_over")
    assert (desk.account.cash, desk.account.held_cash, desk.status(order_id)) == (70, 0, "EXPIRED")
    assert desk.expired(order_id) is None
    assert desk.canceled(order_id).code == "ORDER_NOT_OPEN"
