"""Each pre-trade check at its exact boundary: what just passes, and what is refused with which values.

AAPL stands at 10.00 and IBM at 20.00. All figures are worked by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import events, risk
from domain.checks import Refusal
from domain.decide_orders import terms_of
from domain.lots import Position
from domain.numbers import exact
from domain.risk import CHECKS
from domain.world import Mark
from tests.domain.risk_boundaries import BOUNDARIES, PROTECTED, Case
from tests.domain.risk_desk import RiskDesk, limits_of

NAMES = [name for name, *_ in BOUNDARIES]


@pytest.mark.parametrize(("limits", "passing"), [(limits, passing) for _, limits, passing, *_ in BOUNDARIES], ids=NAMES)
def test_what_is_within_the_limit_passes(limits: dict[str, Any], passing: Case) -> None:
    """At the boundary an order is accepted, and its event names the limits under which it passed."""
    desk = RiskDesk()
    laid_down = desk.limit(**limits)

    event = passing(desk)

    assert isinstance(event, events.OrderAccepted), event
    assert event.limits_version == desk.account.risk.limits_version >= laid_down.version == 1
    assert event.overrides == ()
    assert desk.refolded().digest() == desk.ledger.digest()


@pytest.mark.parametrize(
    ("limits", "refused", "code", "details"), [case[1:2] + case[3:] for case in BOUNDARIES], ids=NAMES
)
def test_what_is_beyond_the_limit_is_refused(
    limits: dict[str, Any], refused: Case, code: str, details: dict[str, str]
) -> None:
    """One step further it is refused with the check's own code and the values; nothing is held for it."""
    desk = RiskDesk()
    desk.limit(**limits)

    event = refused(desk)

    assert isinstance(event, events.OrderRejected), event
    assert event.code == code
    assert event.details.items() >= details.items()
    assert event.details["scope"] == "ACCOUNT"
    assert desk.refolded().digest() == desk.ledger.digest()


@pytest.mark.parametrize(
    ("limits", "code", "fields"),
    [
        ({"price_collar_bps": "50"}, "PRICE_COLLAR_EXCEEDED", {}),
        ({"position_value_max": "1000000"}, "POSITION_LIMIT_EXCEEDED", {}),
        ({"gross_exposure_max": "1000000"}, "EXPOSURE_GROSS_EXCEEDED", {}),
        ({"net_exposure_max": "1000000"}, "EXPOSURE_NET_EXCEEDED", {}),
    ],
)
def test_a_check_without_its_mark_refuses(limits: dict[str, Any], code: str, fields: dict[str, Any]) -> None:
    """A price that is not known is never guessed, and the refusal names the check that wanted it."""
    desk = RiskDesk()
    desk.limit(**limits)
    del desk.ledger.marks["AAPL"]

    event = desk.submit("BUY", "1", "10.00", **fields)

    assert event.code == "MARK_MISSING"
    assert event.details.items() >= {"symbol": "AAPL", "check": code, "scope": "ACCOUNT"}.items()


def test_an_order_value_needs_a_mark_only_without_a_price() -> None:
    """A market sale without a mark is refused; one with a protection price is worth that."""
    desk = RiskDesk()
    desk.trade("BUY", "10", "10.00")
    desk.limit(order_value_max="50")
    del desk.ledger.marks["AAPL"]

    assert desk.submit("SELL", "5").code == "MARK_MISSING"
    assert isinstance(desk.submit("SELL", "5", **PROTECTED), events.OrderAccepted)


@pytest.mark.parametrize("figure", ["gross_exposure_max", "net_exposure_max"])
def test_an_exposure_needs_the_marks_of_all_that_is_held(figure: str) -> None:
    """With IBM held and unpriced nothing can be said of the sum, so a purchase of AAPL is refused, too."""
    desk = RiskDesk()
    desk.trade("BUY", "1", "20.00", symbol="IBM")
    desk.limit(**{figure: "1000000"})
    del desk.ledger.marks["IBM"]

    event = desk.submit("BUY", "1", "10.00")

    assert (event.code, event.details["symbol"]) == ("MARK_MISSING", "IBM")


@pytest.mark.parametrize("figure", ["gross_exposure_max", "net_exposure_max"])
def test_of_several_marks_that_are_missing_the_same_is_named_by_every_ledger(figure: str) -> None:
    """The first by name, in whatever order the positions came: one that was restored says the same to the byte."""
    desk = RiskDesk()
    desk.limit(**{figure: "1000000"})
    for symbol, price in (("IBM", "20.00"), ("AAPL", "10.00")):
        desk.trade("BUY", "1", price, symbol=symbol)
    desk.ledger.marks.clear()

    assert desk.submit("BUY", "1", "10.00").details["symbol"] == "AAPL"
    desk.account.exposures = None  # as after a restore
    assert desk.submit("BUY", "1", "10.00").details["symbol"] == "AAPL"


@pytest.mark.parametrize(
    "figure", ["position_quantity_max", "position_value_max", "gross_exposure_max", "net_exposure_max"]
)
def test_what_makes_a_position_smaller_always_passes(figure: str) -> None:
    """Above a limit that was lowered, sales that reduce go through and purchases do not."""
    desk = RiskDesk()
    desk.trade("BUY", "10", "10.00")
    desk.limit(**{figure: "1"})

    assert isinstance(desk.submit("SELL", "4", "10.00"), events.OrderAccepted)
    assert desk.submit("BUY", "1", "10.00").code.startswith(("POSITION", "EXPOSURE"))


def test_a_strategy_counts_its_own_messages_and_orders() -> None:
    """Limits of a strategy look at its own flow: another one's orders use up nothing of it."""
    desk = RiskDesk()
    desk.limit("slow", message_rate_max=2, open_orders_max=1)
    for _ in range(3):
        desk.submit("BUY", "1", "10.00", strategy_id="fast")

    first = desk.submit("BUY", "1", "10.00", strategy_id="slow")
    assert isinstance(first, events.OrderAccepted)
    assert desk.submit("BUY", "1", "10.00", strategy_id="slow").code == "OPEN_ORDERS_EXCEEDED"
    assert desk.submit("BUY", "1", "10.00", strategy_id="slow").code == "MESSAGE_RATE_EXCEEDED"
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="fast"), events.OrderAccepted)


@pytest.mark.parametrize(
    ("tight", "scope", "version"),
    [("account", "ACCOUNT", "2"), ("strategy", "STRATEGY", "2"), ("desk", "DESK", "7"), ("ours", "DESK_STRATEGY", "7")],
)
def test_the_tightest_of_several_limits_counts(tight: str, scope: str, version: str) -> None:
    """Whoever laid the smallest figure down, it holds, and the refusal says whose it is and of which version."""
    desk = RiskDesk()
    figure = {name: "3" if name == tight else "4" for name in ("account", "strategy", "desk", "ours")}
    desk.limit(order_quantity_max=figure["account"])
    desk.limit("momentum", order_quantity_max=figure["strategy"])
    desk.lay_down(
        version=7,
        limits=limits_of(order_quantity_max=figure["desk"]),
        strategy_limits={"momentum": limits_of(order_quantity_max=figure["ours"])},
    )

    passed = desk.submit("BUY", "3", "10.00", strategy_id="momentum")
    assert (passed.limits_version, passed.desk_version) == (2, 7)
    refused = desk.submit("BUY", "4", "10.00", strategy_id="momentum")

    assert refused.code == "ORDER_QUANTITY_EXCEEDED"
    assert (refused.details["scope"], refused.details["version"]) == (scope, version)
    assert (refused.limits_version, refused.desk_version) == (2, 7)


def test_a_limit_of_the_desk_counts_messages_though_the_account_has_none() -> None:
    """From the desk's first version on messages are remembered, and by another reader of the tape alike."""
    desk = RiskDesk()
    desk.submit("BUY", "1", "10.00")
    desk.lay_down(limits=limits_of(message_rate_max=1))

    assert isinstance(desk.submit("BUY", "1", "10.00"), events.OrderAccepted)
    assert desk.submit("BUY", "1", "10.00").code == "MESSAGE_RATE_EXCEEDED"
    assert desk.refolded().digest() == desk.ledger.digest()


def test_without_limits_nothing_is_remembered() -> None:
    """An account for which nothing is laid down carries nothing along for its checks."""
    desk = RiskDesk()
    desk.trade("BUY", "1", "10.00", strategy_id="s")
    desk.cancel(desk.submit("BUY", "1", "10.00", strategy_id="s").order.order_id)

    book = desk.account.risk
    assert (len(book.messages), len(book.executions), len(book.recent_orders)) == (0, 0, 0)
    assert desk.account.exposures is None


def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    """At most a thousand times are kept, and none of an hour ago; the newest are those that limits look at."""
    desk = RiskDesk(cash="1000000000")
    desk.limit(message_rate_max=1000, message_rate_window_us=3_600_000_000)
    for _ in range(1000):
        desk.submit("BUY", "1", "10.00", strategy_id="s")
        desk.now_us += 1

    assert desk.submit("BUY", "1", "10.00").code == "MESSAGE_RATE_EXCEEDED"
    assert len(desk.account.risk.messages[""]) == 1000
    desk.now_us += 3_600_000_001
    for _ in range(600):
        assert isinstance(desk.submit("BUY", "1", "10.00"), events.OrderAccepted)
        desk.now_us += 1

    assert len(desk.account.risk.messages[""]) == 600
    assert "s" not in desk.account.risk.messages
    assert len(desk.account.risk.recent_orders) == 1


def test_exposures_are_in_the_accounts_currency() -> None:
    """An instrument in euros counts at the mark of the pair; without that mark the sum is not known."""
    desk = RiskDesk()
    desk.trade("BUY", "5", "20.00", symbol="IBM")
    catalog = dict(desk.ledger.catalog)
    catalog["IBM"] = type(catalog["IBM"])(symbol="IBM", currency="EUR")
    desk.ledger.catalog = catalog
    desk.limit(gross_exposure_max="120.00")

    assert desk.submit("BUY", "1", "10.00").code == "MARK_MISSING"
    desk.ledger.marks["EUR/USD"] = Mark(price=Decimal("1.10"), market_time_us=0)
    assert isinstance(desk.submit("BUY", "1", "10.00"), events.OrderAccepted)
    refused = desk.submit("BUY", "1", "10.00")

    assert (refused.code, refused.details["actual"]) == ("EXPOSURE_GROSS_EXCEEDED", "130.0000")


@pytest.mark.parametrize(
    ("figure", "limit"),
    [
        ("position_quantity_max", "10"),
        ("position_value_max", "100.00"),
        ("gross_exposure_max", "100.00"),
        ("net_exposure_max", "100.00"),
    ],
)
def test_a_short_position_is_bounded_like_a_long_one(figure: str, limit: str) -> None:
    """6 AAPL short and 4 more are 10, 100.00 at the mark; a purchase that covers passes however large the limit is."""
    desk = RiskDesk()
    desk.account.positions["AAPL"] = Position(free=Decimal(-6))
    desk.limit(**{figure: limit})

    def verdict(side: Any, quantity: str) -> Any:
        terms = terms_of(desk.order(side, quantity, "10.00"))
        with exact():
            return risk.limits(desk.account, terms, desk.ledger.world, desk.now_us)

    assert verdict("SELL_SHORT", "4") == ()
    assert isinstance(verdict("SELL_SHORT", "5"), Refusal)
    assert verdict("BUY", "16") == ()
    assert isinstance(verdict("BUY", "17"), Refusal)


def test_every_check_has_a_boundary() -> None:
    """No check is without its two tests."""
    assert {check.code for check in CHECKS} == {code for _, _, _, _, code, _ in BOUNDARIES}
