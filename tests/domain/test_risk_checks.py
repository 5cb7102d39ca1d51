"""Each pre-trade check at its exact boundary: what just passes, and what is refused with which values.

AAPL stands at 10.00 and IBM at 20.00. All figures are worked by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events, risk
from domain.checks import Refusal
from domain.decide_orders import terms_of
from domain.exposures import Exposures
from domain.limits import NO_LIMITS
from domain.lots import Position
from domain.numbers import exact
from domain.risk import CHECKS
from domain.world import Mark
from tests.domain.risk_desk import SECOND_US, RiskDesk, limits_of

Case = Callable[[RiskDesk], Any]


def _second(side: Any, quantity: str, price: str, **fields: Any) -> Case:
    """An order after a purchase of 6 AAPL that works."""

    def case(desk: RiskDesk) -> Any:
        desk.submit("BUY", "6", "10.00")
        return desk.submit(side, quantity, price, **fields)

    return case


def _held(side: Any, quantity: str, price: str, **fields: Any) -> Case:
    """An order on top of 10 AAPL that are held and 4 of them that are being sold."""

    def case(desk: RiskDesk) -> Any:
        wanted = desk.account.risk.limits
        assert wanted is not None
        desk.set_limits(NO_LIMITS)
        desk.trade("BUY", "10", "10.00")
        desk.submit("SELL", "4", "10.00")
        desk.set_limits(wanted)
        return desk.submit(side, quantity, price, **fields)

    return case


def _later(after_us: int, **fields: Any) -> Case:
    """The second of two orders of the same content."""

    def case(desk: RiskDesk) -> Any:
        desk.submit("BUY", "1", "10.00")
        desk.now_us += after_us
        return desk.submit("BUY", "1", "10.00", **fields)

    return case


def _third_message(after_us: int) -> Case:
    """An order after an order and its cancel, of which the order lies `after_us` back."""

    def case(desk: RiskDesk) -> Any:
        first = desk.submit("BUY", "1", "10.00")
        desk.now_us += 10
        desk.cancel(first.order.order_id)
        desk.now_us += after_us - 10
        return desk.submit("BUY", "1", "10.00")

    return case


def _after_refusal(desk: RiskDesk) -> Any:
    desk.submit("BUY", "1", "10.00")
    assert isinstance(desk.submit("BUY", "100000", "10.00"), events.OrderRejected)
    return desk.submit("BUY", "1", "10.00")


def order(side: Any, quantity: str, price: str | None, **fields: Any) -> Case:
    return lambda desk: desk.submit(side, quantity, price, **fields)


PROTECTED = {"protection_price": Decimal("10.00")}

# limits, what passes, what is refused, its code, some of the details
BOUNDARIES: list[tuple[str, dict[str, Any], Case, Case, str, dict[str, str]]] = [
    (
        "a collar of 50 basis points above 10.00 ends at 10.05",
        {"price_collar_bps": "50"},
        order("BUY", "1", "10.05"),
        order("BUY", "1", "10.06"),
        "PRICE_COLLAR_EXCEEDED",
        {"limit_price": "10.06", "mark": "10.00", "limit": "50"},
    ),
    (
        "for a sale it ends at 9.95",
        {"price_collar_bps": "50"},
        _held("SELL", "1", "9.95"),
        _held("SELL", "1", "9.94"),
        "PRICE_COLLAR_EXCEEDED",
        {"limit_price": "9.94"},
    ),
    (
        "a price that costs nothing is never too far",
        {"price_collar_bps": "0"},
        order("BUY", "1", "0.01"),
        order("BUY", "1", None, protection_price=Decimal("10.01")),
        "PRICE_COLLAR_EXCEEDED",
        {"protection_price": "10.01", "limit": "0"},
    ),
    (
        "a sale at any price is beyond every collar",
        {"price_collar_bps": "10000"},
        _held("SELL", "1", "0.01"),
        _held("SELL", "1", None),  # type: ignore[arg-type]  # a market order
        "PRICE_COLLAR_EXCEEDED",
        {"price": "none"},
    ),
    (
        "5 x 10.00 is 50.00",
        {"order_value_max": "50.00"},
        order("BUY", "5", "10.00"),
        order("BUY", "5", "10.01"),
        "ORDER_VALUE_EXCEEDED",
        {"limit": "50.00", "actual": "50.05", "price": "10.01"},
    ),
    (
        "a sale at any price counts at the mark",
        {"order_value_max": "50.00"},
        _held("SELL", "5", None),  # type: ignore[arg-type]  # a market order
        _held("SELL", "6", None),  # type: ignore[arg-type]  # a market order
        "ORDER_VALUE_EXCEEDED",
        {"actual": "60.00", "price": "10.00"},
    ),
    (
        "5 units are 5 units",
        {"order_quantity_max": "5"},
        order("BUY", "5", "10.00"),
        order("BUY", "6", "10.00"),
        "ORDER_QUANTITY_EXCEEDED",
        {"limit": "5", "actual": "6", "symbol": "AAPL", "scope": "ACCOUNT", "version": "1"},
    ),
    (
        "a message exactly one window ago is over",
        {"message_rate_max": 2, "message_rate_window_us": SECOND_US},
        _third_message(SECOND_US),
        _third_message(SECOND_US - 1),
        "MESSAGE_RATE_EXCEEDED",
        {"limit": "2", "window_us": "1000000"},
    ),
    (
        "a refused order is a message",
        {"message_rate_max": 3},
        _after_refusal,
        lambda desk: [_after_refusal(desk), desk.submit("BUY", "1", "10.00")][-1],
        "MESSAGE_RATE_EXCEEDED",
        {"limit": "3"},
    ),
    (
        "the same content exactly one window later is no duplicate",
        {"duplicate_window_us": SECOND_US},
        _later(SECOND_US),
        _later(SECOND_US - 1),
        "ORDER_DUPLICATE",
        {"window_us": "1000000", "since_us": "999999"},
    ),
    (
        "10.0 is the price 10.00, and 10.01 another",
        {"duplicate_window_us": SECOND_US},
        _later(0, limit_price=Decimal("10.01")),
        _later(0, limit_price=Decimal("10.0")),
        "ORDER_DUPLICATE",
        {},
    ),
    (
        "two working orders are two",
        {"open_orders_max": 2},
        _second("BUY", "1", "10.00"),
        lambda desk: [_second("BUY", "1", "10.00")(desk), desk.submit("BUY", "1", "10.00")][-1],
        "OPEN_ORDERS_EXCEEDED",
        {"limit": "2", "actual": "3"},
    ),
    (
        "6 that work and 4 more are 10",
        {"position_quantity_max": "10"},
        _second("BUY", "4", "10.00"),
        _second("BUY", "5", "10.00"),
        "POSITION_LIMIT_EXCEEDED",
        {"limit": "10", "actual": "11"},
    ),
    (
        "a sale that works makes no room for a purchase",
        {"position_quantity_max": "12"},
        _held("BUY", "2", "10.00"),
        _held("BUY", "3", "10.00"),
        "POSITION_LIMIT_EXCEEDED",
        {"actual": "13"},
    ),
    (
        "10 units at the mark of 10.00 are 100.00, whatever the order's price",
        {"position_value_max": "100.00"},
        _second("BUY", "4", "11.00"),
        _second("BUY", "5", "1.00"),
        "POSITION_LIMIT_EXCEEDED",
        {"actual": "110.00", "quantity": "11", "mark": "10.00"},
    ),
    (
        "6 AAPL are 60.00 and 2 IBM are 40.00",
        {"gross_exposure_max": "100.00"},
        _second("BUY", "2", "20.00", symbol="IBM"),
        _second("BUY", "3", "20.00", symbol="IBM"),
        "EXPOSURE_GROSS_EXCEEDED",
        {"before": "60.00", "actual": "120.00"},
    ),
    (
        "net of all that is long",
        {"net_exposure_max": "100.00"},
        _second("BUY", "2", "20.00", symbol="IBM"),
        _second("BUY", "3", "20.00", symbol="IBM"),
        "EXPOSURE_NET_EXCEEDED",
        {"before": "60.00", "actual": "120.00"},
    ),
    (
        "a symbol on the list",
        {"restricted_symbols": ("IBM", "MSFT")},
        order("BUY", "1", "10.00"),
        order("BUY", "1", "20.00", symbol="IBM"),
        "INSTRUMENT_RESTRICTED",
        {"symbol": "IBM"},
    ),
    (
        "a trader on the list",
        {"permitted_traders": ("Ada", "Bob")},
        order("BUY", "1", "10.00", trader_id="Bob"),
        order("BUY", "1", "10.00", trader_id="Eve"),
        "TRADER_NOT_PERMITTED",
        {"trader_id": "Eve"},
    ),
    (
        "nobody is on no list",
        {"permitted_traders": ("Ada",)},
        order("BUY", "1", "10.00", trader_id="Ada"),
        order("BUY", "1", "10.00"),
        "TRADER_NOT_PERMITTED",
        {"trader_id": ""},
    ),
]
NAMES = [name for name, *_ in BOUNDARIES]


def _beyond(limits: dict[str, Any], refused: Case) -> Case:
    def case(desk: RiskDesk) -> Any:
        desk.limit(**limits)
        return refused(desk)

    return case


def _unmarked(desk: RiskDesk) -> Any:
    desk.limit(price_collar_bps="1")
    desk.ledger.marks.clear()
    return desk.submit("BUY", "1", "1.00")


RISK_REJECTED: list[tuple[str, Case]] = [
    *((code, _beyond(limits, refused)) for _, limits, _, refused, code, _ in BOUNDARIES),
    ("MARK_MISSING", _unmarked),
    ("ACCOUNT_HALTED", lambda desk: [desk.kill(), desk.submit("BUY", "1", "1.00")][-1]),
    ("STRATEGY_DISABLED", lambda desk: [desk.kill(strategy_id="s"), desk.submit("BUY", "1", "1", strategy_id="s")][-1]),
    ("TRADING_HALTED", lambda desk: [desk.lay_down(halted="nul\0"), desk.submit("BUY", "1", "1.00")][-1]),
]


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


def test_every_check_has_a_boundary() -> None:
    """No check is without its two tests."""
    assert {check.code for check in CHECKS} == {code for _, _, _, _, code, _ in BOUNDARIES}
