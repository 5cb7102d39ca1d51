"""Orders at the exact boundary of each pre-trade check: what just passes, and what is refused with which values.

AAPL stands at 10.00 and IBM at 20.00. All figures are worked by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from domain import events
from domain.limits import NO_LIMITS
from tests.domain.risk_desk import SECOND_US, RiskDesk

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
