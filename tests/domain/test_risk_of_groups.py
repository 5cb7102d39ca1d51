"""Pre-trade checks of what is more than one order: groups as a whole, and replacements beside what they replace.

AAPL stands at 10.00 and IBM at 20.00. All figures are worked by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events, risk
from domain.decide_orders import terms_of
from domain.exposures import Exposures
from domain.numbers import exact
from tests.domain.risk_desk import SECOND_US, RiskDesk


def test_a_replacement_adds_what_it_is_larger_by() -> None:
    """6 that work become 10: 4 more. They become 2: the venue may still fill 6, so nothing is freed, nor refused."""
    desk = RiskDesk()
    accepted = desk.submit("BUY", "6", "10.00")
    desk.limit(position_quantity_max="10", open_orders_max=1, duplicate_window_us=SECOND_US)
    working = desk.account.orders[accepted.order.order_id]

    def verdict(quantity: str) -> Any:
        terms = msgspec.structs.replace(working.terms, quantity=Decimal(quantity))
        with exact():
            return risk.limits(desk.account, terms, desk.ledger.world, desk.now_us, replacing=working)

    assert verdict("10") == ()
    assert verdict("11").code == "POSITION_LIMIT_EXCEEDED"
    desk.limit(position_quantity_max="1")
    assert verdict("2") == ()
    assert verdict("7").code == "POSITION_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("figure", "limit", "code"),
    [
        ("position_quantity_max", "9", "POSITION_LIMIT_EXCEEDED"),
        ("open_orders_max", 2, "OPEN_ORDERS_EXCEEDED"),
        ("gross_exposure_max", "189.99", "EXPOSURE_GROSS_EXCEEDED"),
        ("net_exposure_max", "189.99", "EXPOSURE_NET_EXCEEDED"),
    ],
)
def test_the_legs_of_a_group_count_together(figure: str, limit: Any, code: str) -> None:
    """6 AAPL beside 4 AAPL and 4 IBM beside them: 10 units, 3 orders, 60 + 40 + 90 at the marks."""
    desk = RiskDesk()
    desk.mark("IBM", "22.50")
    beside = [terms_of(desk.order("BUY", "4", "10.00")), terms_of(desk.order("BUY", "4", "22.50", symbol="IBM"))]
    terms = terms_of(desk.order("BUY", "6", "10.00"))

    def verdict() -> Any:
        with exact():
            return risk.limits(desk.account, terms, desk.ledger.world, desk.now_us, beside=beside)

    desk.limit(**{figure: limit})
    assert verdict().code == code
    step = {"189.99": "190.00", "9": "10", 2: 3}[limit]
    desk.limit(**{figure: step})
    assert verdict() == ()


def _bracket(desk: RiskDesk, quantity: str = "6") -> Any:
    return desk.group(
        "BRACKET",
        desk.terms("entry", "BUY", quantity, limit_price="10"),
        desk.terms("profit", "SELL", quantity, limit_price="12"),
        desk.terms("loss", "SELL", quantity, "STOP", stop_price="8", protection_price="7.50"),
    )


@pytest.mark.parametrize(
    ("figure", "passes", "refuses", "code"),
    [
        ("position_quantity_max", "6", "5", "POSITION_LIMIT_EXCEEDED"),
        ("gross_exposure_max", "60", "59", "EXPOSURE_GROSS_EXCEEDED"),
        ("net_exposure_max", "60", "59", "EXPOSURE_NET_EXCEEDED"),
        ("open_orders_max", 3, 2, "OPEN_ORDERS_EXCEEDED"),
        ("message_rate_max", 3, 2, "MESSAGE_RATE_EXCEEDED"),
        ("order_value_max", "72", "71", "ORDER_VALUE_EXCEEDED"),
    ],
)
def test_a_bracket_is_checked_as_a_whole(figure: str, passes: Any, refuses: Any, code: str) -> None:
    """Its exits close what its entry opens and are no position of their own; as orders and messages all three count."""
    desk = RiskDesk()
    desk.limit(**{figure: passes})
    accepted = _bracket(desk)
    assert isinstance(accepted, events.OrderGroupAccepted)
    assert (accepted.limits_version, accepted.desk_version, accepted.overrides) == (1, 0, ())

    desk = RiskDesk()
    desk.limit(**{figure: refuses})
    refused = _bracket(desk)

    assert isinstance(refused, events.OrderGroupRejected)
    assert (refused.code, refused.limits_version) == (code, 1)
    assert desk.refolded().digest() == desk.ledger.digest()


def test_exits_that_went_out_count_once() -> None:
    """6 held, two exits of 6 of which one excludes the other: selling may end at zero, not at 6 short."""
    desk = RiskDesk()
    _bracket(desk)
    desk.limit(position_quantity_max="12")
    entry = next(iter(desk.account.orders))
    desk.submit("BUY", "1", "1.00")  # so that exposures are made, and follow

    desk.fill(entry, "6", "10.00")

    followed = desk.account.exposures
    assert followed is not None
    assert (followed.longest["AAPL"], followed.shortest["AAPL"]) == (7, 0)
    anew = Exposures(desk.account)
    assert (anew.longest, anew.shortest, anew.largest) == (followed.longest, followed.shortest, followed.largest)


def test_overrides_of_several_legs_are_recorded_on_the_group() -> None:
    """Each leg passes by its own override, and the group's event names both."""
    desk = RiskDesk()
    desk.limit(order_quantity_max="5")
    legs = [desk.terms("a", "BUY", "6", limit_price="10"), desk.terms("b", "BUY", "6", limit_price="9")]
    ids = tuple(desk.grant(name, "ORDER_QUANTITY_EXCEEDED").override_id for name in "ab")

    event = desk.group("OTO", *legs)

    assert event.overrides == ids
    assert desk.account.risk.overrides == {}


def test_legs_of_one_content_are_duplicates() -> None:
    """A group cannot send the same order twice where a single sender could not."""
    desk = RiskDesk()
    desk.limit(duplicate_window_us=1)

    event = desk.group("OTO", *(desk.terms(name, "BUY", "1", limit_price="10") for name in "ab"))

    assert (event.code, event.details["since_us"]) == ("ORDER_DUPLICATE", "0")


def test_a_replacement_is_refused_and_let_pass_like_an_order() -> None:
    """Refused with the check's code as a CommandRejected; with an override for its order it passes, and says so."""
    desk = RiskDesk()
    order_id = desk.submit("BUY", "5", "10.00", client_order_id="a").order.order_id
    desk.acknowledge(order_id)
    desk.limit(order_quantity_max="5", message_rate_max=2)

    refused = desk.replace(order_id, quantity="6")
    assert isinstance(refused, events.CommandRejected)
    assert refused.code == "ORDER_QUANTITY_EXCEEDED"

    granted = desk.grant("a", "ORDER_QUANTITY_EXCEEDED")
    asked = desk.replace(order_id, quantity="6")
    assert isinstance(asked, events.OrderReplaceRequested)
    assert (asked.limits_version, asked.overrides) == (1, (granted.override_id,))
    desk.replaced(order_id)
    desk.replace(order_id, quantity="4")
    desk.replace_refused(order_id, 2)

    assert desk.replace(order_id, quantity="3").code == "MESSAGE_RATE_EXCEEDED"
    assert desk.refolded().digest() == desk.ledger.digest()


def test_while_a_replacement_is_under_way_the_larger_terms_count() -> None:
    """6 that may become 9 are 9, until the venue has refused it."""
    desk = RiskDesk()
    order_id = desk.submit("BUY", "6", "10.00").order.order_id
    desk.acknowledge(order_id)
    desk.limit(position_quantity_max="10")
    desk.replace(order_id, quantity="9")

    assert desk.submit("BUY", "2", "10.00").code == "POSITION_LIMIT_EXCEEDED"
    desk.replace_refused(order_id)
    assert isinstance(desk.submit("BUY", "2", "10.00"), events.OrderAccepted)
