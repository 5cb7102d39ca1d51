"""Each rejection code has a case here that gives it, and every code in the program is in the table of codes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain
from domain import events, schema
from domain.account import IDS_KEPT_US
from domain.account_terms import FeeSchedule, MarginTerms
from domain.codes import CODES
from domain.limits import NO_LIMITS, Limits
from domain.market import Instrument
from domain.world import MarkedPrice
from tests.domain import test_kill_switch, test_overrides, test_throttle
from tests.domain.desk import START_US, Desk
from tests.domain.officer import halt, limit, mark, priced, resume
from tests.domain.risk_boundaries import RISK_REJECTED
from tests.domain.risk_desk import RiskDesk
from tests.domain.test_actions import ACTIONS_REFUSED
from tests.domain.test_desk import REFUSED as DESK_REFUSED
from tests.domain.test_operator_rejections import OPERATORS_REFUSED, RESTATEMENTS_REFUSED

Case = Callable[[Desk], Any]


def _fees(**fields: str) -> FeeSchedule:
    return FeeSchedule(**{name: Decimal(text) for name, text in fields.items()})


def _margin(**fields: str) -> MarginTerms:
    return MarginTerms(**{name: Decimal(text) for name, text in fields.items()})


def _on_margin(desk: Desk, symbol: str = "AAPL", **fields: Any) -> dict[str, str]:
    """A second account, on margin, with 100 USD; the fields that name it and the symbol, which is marked at 10."""
    desk.open(account_id="margin", margin=MarginTerms(), **fields)
    desk.deposit("100", account_id="margin")
    desk.mark(symbol, "10.00")
    return {"account_id": "margin", "symbol": symbol}


def _short(desk: Desk) -> Any:
    own = _on_margin(desk)
    desk.locate("1", account_id="margin")
    accepted = desk.submit("SELL_SHORT", "1", "10.00", **own)
    return desk.fill(accepted.order.order_id, "1", "10.00", account_id="margin")


def _closed(desk: Desk) -> str:
    fill = desk.trade("BUY", "1", "10.00")
    return str(fill.order_id)


def _open(desk: Desk) -> str:
    accepted = desk.submit("BUY", "2", "10.00")
    return str(accepted.order.order_id)


def _last(desk: Desk) -> str:
    """The id of the newest open order."""
    return next(reversed(desk.account.orders))


def _chain(desk: Desk, quantity: str = "1", **fields: Any) -> Any:
    """One order that triggers another, which waits."""
    first = desk.terms("first", "BUY", quantity, limit_price="1")
    return desk.group("OTO", first, desk.terms("second", "BUY", quantity, limit_price="1"), **fields)


def _planned(desk: Desk) -> Any:
    desk.prices(IBM="10")
    return desk.rebalance({"IBM": "1"})


def _oco(desk: Desk, stop_price: str, quantity: str = "1") -> Any:
    desk.trade("BUY", "1", "10.00")
    profit = desk.terms("profit", "SELL", "1", limit_price="12")
    return desk.group("OCO", profit, desk.terms("loss", "SELL", quantity, "STOP", stop_price=stop_price))


COMMANDS_REFUSED: list[tuple[str, Case]] = [
    ("COMMAND_ID_INVALID", lambda desk: desk.deposit("1", command_id="")),
    ("COMMAND_ID_INVALID", lambda desk: desk.deposit("1", command_id="x" * 129)),
    ("COMMAND_ID_INVALID", lambda desk: desk.deposit("1", command_id="nul\0")),
    ("COMMAND_ID_CONFLICT", lambda desk: desk.deposit("1", command_id="cmd_2")),
    ("COMMAND_ID_CONFLICT", lambda desk: desk.withdraw("10000", command_id="cmd_2")),
    ("COMMAND_EXPIRED", lambda desk: desk.deposit("1", issued_at_us=START_US - IDS_KEPT_US - 1)),
    ("COMMAND_EXPIRED", lambda desk: desk.submit("BUY", "1", "1.00", issued_at_us=START_US - IDS_KEPT_US - 1)),
    ("COMMAND_AHEAD", lambda desk: desk.deposit("1", issued_at_us=START_US + 300_000_001)),
    ("CLIENT_ORDER_ID_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", client_order_id="")),
    ("CLIENT_ORDER_ID_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", client_order_id="x" * 49)),
    ("CLIENT_ORDER_ID_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", client_order_id="a\nb")),
    ("CLIENT_ORDER_ID_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", order_id="ord_of_somebody_else")),
    ("TEXT_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", symbol="A\0")),
    ("TEXT_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", signal_id="s" * 129)),
    ("TEXT_INVALID", lambda desk: desk.cancel("")),
    ("QUANTITY_NOT_FINITE", lambda desk: desk.submit("BUY", "NaN", "1.00")),
    ("QUANTITY_NOT_FINITE", lambda desk: desk.submit("BUY", "sNaN", "1.00")),
    ("QUANTITY_NOT_FINITE", lambda desk: desk.submit("BUY", "Infinity", "1.00")),
    ("QUANTITY_OUT_OF_RANGE", lambda desk: desk.submit("BUY", "1E+999999", "1.00")),
    ("QUANTITY_OUT_OF_RANGE", lambda desk: desk.submit("BUY", "1E-19", "1.00")),
    ("PRICE_NOT_FINITE", lambda desk: desk.submit("BUY", "1", "NaN")),
    ("PRICE_NOT_FINITE", lambda desk: desk.submit("BUY", "1", protection_price=Decimal("-Infinity"))),
    ("PRICE_OUT_OF_RANGE", lambda desk: desk.submit("BUY", "1", "1E+15")),
    ("AMOUNT_NOT_FINITE", lambda desk: desk.deposit("NaN")),
    ("AMOUNT_NOT_FINITE", lambda desk: desk.withdraw("-Infinity")),
    ("AMOUNT_OUT_OF_RANGE", lambda desk: desk.deposit("1E+999999")),
    ("AMOUNT_OUT_OF_RANGE", lambda desk: desk.deposit("1E-999999")),
    ("AMOUNT_NOT_POSITIVE", lambda desk: desk.deposit("0")),
    ("AMOUNT_NOT_POSITIVE", lambda desk: desk.withdraw("-0.01")),
    ("AMOUNT_OVER_PRECISE", lambda desk: desk.deposit("0.001")),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.deposit("1", account_id="nobody")),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.submit("BUY", "1", "1.00", account_id="nobody")),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.cancel("ord_1", account_id="nobody")),
    ("ACCOUNT_ALREADY_OPEN", lambda desk: desk.open()),
    ("ACCOUNT_ID_INVALID", lambda desk: desk.open(account_id="")),
    ("ACCOUNT_ID_INVALID", lambda desk: desk.open(account_id="a\0")),
    ("OWNER_INVALID", lambda desk: desk.open(account_id="other", owner="")),
    ("CURRENCY_INVALID", lambda desk: desk.open(account_id="other", currency="DOLLAR")),
    ("FEE_INVALID", lambda desk: desk.open(account_id="other", fee_bps="-1")),
    ("FEE_INVALID", lambda desk: desk.open(account_id="other", fee_bps="10000.0001")),
    ("FEE_INVALID", lambda desk: desk.open(account_id="other", fee_bps="0.00001")),
    ("FEE_INVALID", lambda desk: desk.open(account_id="other", fee_bps="NaN")),
    ("CURRENCY_INVALID", lambda desk: desk.open(account_id="other", currencies=("euro",))),
    ("CURRENCY_INVALID", lambda desk: desk.open(account_id="other", currencies=("EUR", "USD"))),
    ("FEE_SCHEDULE_INVALID", lambda desk: desk.open(account_id="other", fee_schedule=_fees(per_order="-0.01"))),
    ("FEE_SCHEDULE_INVALID", lambda desk: desk.open(account_id="other", fee_schedule=_fees(order_minimum="NaN"))),
    ("FEE_SCHEDULE_INVALID", lambda desk: desk.set_fees(_fees(bps="-1"))),
    ("FEE_SCHEDULE_INVALID", lambda desk: desk.set_fees(_fees(taker_bps="0.00001"))),
    ("FEE_SCHEDULE_INVALID", lambda desk: desk.set_fees(_fees(bps="1", taker_bps="10000"))),
    ("FEE_SCHEDULE_INVALID", lambda desk: desk.set_fees(_fees(order_cap_bps="0"))),
    ("TEXT_INVALID", lambda desk: desk.set_fees(None, changed_by="")),
    ("MARGIN_INVALID", lambda desk: desk.open(account_id="other", margin=_margin(long_initial="1.0001"))),
    ("MARGIN_INVALID", lambda desk: desk.open(account_id="other", margin=_margin(short_initial="0"))),
    ("MARGIN_INVALID", lambda desk: desk.open(account_id="other", margin=_margin(short_maintenance="sNaN"))),
    ("MARGIN_INVALID", lambda desk: desk.open(account_id="other", margin=_margin(long_maintenance="0.51"))),
    ("RATE_NOT_FINITE", lambda desk: desk.convert("1", "USD", "EUR", "Infinity")),
    ("RATE_OUT_OF_RANGE", lambda desk: desk.convert("1", "USD", "EUR", "1E+15")),
    ("RATE_NOT_POSITIVE", lambda desk: desk.convert("1", "USD", "EUR", "-1")),
    ("CONVERSION_SAME_CURRENCY", lambda desk: desk.convert("1", "USD", "USD", "1")),
    ("TEXT_INVALID", lambda desk: desk.convert("1", "USD", "EUR", "1", source="a\nb")),
    ("CURRENCY_MISMATCH", lambda desk: desk.convert("1", "USD", "EUR", "1")),
    ("ACCOUNT_NOT_MARGIN", lambda desk: desk.locate("1")),
    ("INSTRUMENT_UNKNOWN", lambda desk: desk.locate("1", **(_on_margin(desk) | {"symbol": "GOOGL"}))),
    ("QUANTITY_NOT_POSITIVE", lambda desk: desk.locate("0")),
    ("FEE_INVALID", lambda desk: desk.locate("1", fee_bps_per_year=Decimal(-1))),
    ("TEXT_INVALID", lambda desk: desk.locate("1", granted_by="")),
    ("BUYING_POWER_INSUFFICIENT", lambda desk: desk.withdraw("100.01", account_id=_on_margin(desk)["account_id"])),
    ("CURRENCY_MISMATCH", lambda desk: desk.deposit("1", currency="EUR")),
    ("CASH_INSUFFICIENT", lambda desk: desk.withdraw("10000.01")),
    ("CLIENT_ORDER_ID_CONFLICT", lambda desk: [desk.submit("BUY", n, "1.00", client_order_id="c") for n in "12"][-1]),
    ("ORDER_UNKNOWN", lambda desk: desk.cancel("ord_unknown")),
    ("ORDER_NOT_OPEN", lambda desk: desk.cancel(_closed(desk))),
    ("TEXT_INVALID", lambda desk: desk.submit("BUY", "1", "1.00", trader_id="t\0")),
    ("TEXT_INVALID", lambda desk: desk.replace("", quantity="1")),
    ("PRICE_NOT_FINITE", lambda desk: desk.replace(_open(desk), trail_bps="NaN")),
    ("ORDER_UNKNOWN", lambda desk: desk.replace("ord_unknown", quantity="1")),
    ("ORDER_NOT_OPEN", lambda desk: desk.replace(_closed(desk), quantity="2")),
    (
        "ORDER_PENDING",
        lambda desk: [desk.replace(_open(desk), quantity="3"), desk.replace(_last(desk), quantity="4")][-1],
    ),
    ("ORDER_SUSPENDED", lambda desk: [_chain(desk), desk.replace(_last(desk), quantity="4")][-1]),
    ("REPLACE_CHANGES_NOTHING", lambda desk: desk.replace(_open(desk), quantity="2")),
    (
        "QUANTITY_BELOW_FILLED",
        lambda desk: [desk.fill(_open(desk), "1", "10.00"), desk.replace(_last(desk), quantity="1")][-1],
    ),
    ("GROUP_INVALID", lambda desk: desk.group("OCO", desk.terms("a", "BUY", "1", limit_price="1"))),
    ("GROUP_INVALID", lambda desk: desk.group("OCO", *[desk.terms("a", "BUY", "1", limit_price="1")] * 2)),
    ("GROUP_INVALID", lambda desk: _chain(desk, client_group_id="")),
    ("GROUP_INVALID", lambda desk: _chain(desk, client_group_id="g" * 49)),
    ("GROUP_INVALID", lambda desk: _chain(desk, group_id="grp_of_somebody_else")),
    ("WEIGHTS_INVALID", lambda desk: desk.rebalance({"AAPL": "0.5"}, cash_weight="0.4")),
    ("PORTFOLIO_CHANGED", lambda desk: desk.rebalance({}, expected_version=1)),
    ("POSITION_SHORT", lambda desk: [_short(desk), desk.rebalance({}, account_id="margin")][-1]),
    ("PORTFOLIO_ORDERS_OPEN", lambda desk: [_open(desk), desk.rebalance({})][-1]),
    ("PLAN_CHANGED", lambda desk: desk.rebalance({}, expected_orders="0" * 32)),
    ("PLAN_ACTIVE", lambda desk: [_planned(desk), desk.rebalance({})][-1]),
    ("PLAN_UNKNOWN", lambda desk: desk.cancel_rebalance("pln_unknown")),
    ("MARK_MISSING", lambda desk: desk.rebalance({"IBM": "1"})),
    ("TEXT_INVALID", lambda desk: desk.cancel_rebalance("")),
    ("GROUP_ID_CONFLICT", lambda desk: [_chain(desk), desk.now_us, _chain(desk, quantity="2")][-1]),
]

ORDERS_REJECTED: list[tuple[str, Case]] = [
    ("CASH_INSUFFICIENT", lambda desk: desk.submit("BUY", "1001", "10.00")),
    ("INSTRUMENT_UNKNOWN", lambda desk: desk.submit("BUY", "1", "10.00", symbol="GOOGL")),
    ("INSTRUMENT_UNKNOWN", lambda desk: desk.submit("SELL", "1", "10.00", symbol="")),
    ("QUANTITY_NOT_POSITIVE", lambda desk: desk.submit("BUY", "0", "10.00")),
    ("QUANTITY_NOT_POSITIVE", lambda desk: desk.submit("SELL", "-1", "10.00")),
    ("QUANTITY_OVER_PRECISE", lambda desk: desk.submit("BUY", "1.5", "10.00")),
    ("PRICE_REQUIRED", lambda desk: desk.submit("BUY", "1")),
    ("PRICE_REQUIRED", lambda desk: desk.submit("SELL", "1", order_type="LIMIT")),
    ("PRICE_NOT_ALLOWED", lambda desk: desk.submit("BUY", "1", "10.00", protection_price=Decimal(11))),
    ("PRICE_NOT_ALLOWED", lambda desk: desk.submit("BUY", "1", "10.00", order_type="MARKET")),
    ("PRICE_NOT_POSITIVE", lambda desk: desk.submit("BUY", "1", "0.00")),
    ("PRICE_NOT_POSITIVE", lambda desk: desk.submit("BUY", "1", protection_price=Decimal(-1))),
    ("PRICE_OFF_INCREMENT", lambda desk: desk.submit("BUY", "1", "10.001")),
    ("POSITION_INSUFFICIENT", lambda desk: desk.submit("SELL", "1", "10.00")),
    ("ORDER_NOT_REDUCING", lambda desk: desk.submit("SELL", "1", "10.00", reduce_only=True)),
    ("ORDER_NOT_REDUCING", lambda desk: desk.submit("BUY", "1", "10.00", reduce_only=True)),
    ("ACCOUNT_NOT_MARGIN", lambda desk: desk.submit("SELL_SHORT", "1", "10.00")),
    ("BORROW_UNAVAILABLE", lambda desk: desk.submit("SELL_SHORT", "1", "10.00", **_on_margin(desk))),
    ("INSTRUMENT_NOT_SHORTABLE", lambda desk: desk.submit("SELL_SHORT", "1", "10.00", **_on_margin(desk, "HARD"))),
    ("BUYING_POWER_INSUFFICIENT", lambda desk: desk.submit("BUY", "21", "10.00", **_on_margin(desk))),
    ("MARK_MISSING", lambda desk: desk.submit("SELL_SHORT", "1", "10.00", **(_on_margin(desk) | {"symbol": "IBM"}))),
    ("STOP_WRONG_SIDE", lambda desk: _stop(desk, stop_price=Decimal(11), protection_price=Decimal(10))),
    ("TRAIL_INVALID", lambda desk: _stop(desk, order_type="TRAILING_STOP", protection_price=Decimal(10))),
    ("TIME_IN_FORCE_NOT_ALLOWED", lambda desk: _stop(desk, **STOP, time_in_force="IOC")),
    ("EXPIRY_REQUIRED", lambda desk: desk.submit("BUY", "1", "10.00", time_in_force="GTD")),
    ("EXPIRY_NOT_ALLOWED", lambda desk: desk.submit("BUY", "1", "10.00", expire_at_us=START_US + 1)),
    ("EXPIRY_PASSED", lambda desk: desk.submit("BUY", "1", "10.00", time_in_force="GTD", expire_at_us=START_US)),
    ("POST_ONLY_NOT_ALLOWED", lambda desk: _stop(desk, **STOP, post_only=True)),
]

STOP: dict[str, Any] = {"stop_price": Decimal(11), "protection_price": Decimal(12)}


def _stop(desk: Desk, **fields: Any) -> Any:
    return desk.submit("BUY", "1", **({"order_type": "STOP"} | fields))


GROUPS_REJECTED: list[tuple[str, Case]] = [
    ("GROUP_INVALID", lambda desk: desk.group("BRACKET", *[desk.terms(n, "BUY", "1", limit_price="1") for n in "ab"])),
    ("GROUP_LEGS_DIFFER", lambda desk: desk.group("OCO", *[desk.terms(n, "BUY", n, limit_price="1") for n in "12"])),
    ("GROUP_LEGS_CROSS", lambda desk: _oco(desk, "12")),
]

REPORTS_REFUSED: list[tuple[str, Case]] = [
    ("ACCOUNT_UNKNOWN", lambda desk: desk.fill("ord_1", "1", "10.00", account_id="nobody")),
    ("ORDER_UNKNOWN", lambda desk: desk.acknowledge("ord_unknown")),
    ("ORDER_NOT_OPEN", lambda desk: desk.fill(_closed(desk), "1", "10.00")),
    ("ORDER_NOT_OPEN", lambda desk: desk.redispatch(_closed(desk))),
    ("EPOCH_UNKNOWN", lambda desk: desk.acknowledge(_open(desk), dispatch_epoch=2)),
    ("EPOCH_STALE", lambda desk: desk.canceled(_open(desk), dispatch_epoch=0)),
    ("FILL_NOT_FINITE", lambda desk: desk.fill(_open(desk), "NaN", "10.00")),
    ("FILL_NOT_FINITE", lambda desk: desk.fill(_open(desk), "1", "Infinity")),
    ("FILL_NOT_FINITE", lambda desk: desk.fill(_open(desk), "1", "10.00", "sNaN")),
    ("FILL_OUT_OF_RANGE", lambda desk: desk.fill(_open(desk), "1", "1E+15")),
    ("FILL_NOT_POSITIVE", lambda desk: desk.fill(_open(desk), "0", "10.00")),
    ("FILL_NOT_POSITIVE", lambda desk: desk.fill(_open(desk), "1", "0")),
    ("FILL_OVER_PRECISE", lambda desk: desk.fill(_open(desk), "0.5", "10.00")),
    ("FILL_EXCEEDS_LEAVES", lambda desk: desk.fill(_open(desk), "3", "10.00")),
    ("TRIGGER_INVALID", lambda desk: desk.triggered(_open(desk))),
    ("TRIGGER_INVALID", lambda desk: desk.triggered(_stop(desk, **STOP).order.order_id, "sNaN")),
    ("TRIGGER_INVALID", lambda desk: desk.triggered(_stop(desk, **STOP).order.order_id, "0")),
    ("REVISION_UNKNOWN", lambda desk: desk.replaced(_open(desk), 1)),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.found("ORDER_UNKNOWN_TO_LEDGER", "ord_1", account_id="nobody")),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.resolved("brk_1", account_id="nobody")),
    ("BREAK_INVALID", lambda desk: desk.found("ORDER_UNKNOWN_TO_LEDGER", "ord_1", break_id="brk_of_another")),
    ("BREAK_INVALID", lambda desk: desk.found("ORDER_UNKNOWN_TO_LEDGER", "ord_1", "exe_1")),
    ("BREAK_INVALID", lambda desk: desk.found("EXECUTION_MISSING_IN_LEDGER", "ord_1")),
    ("BREAK_INVALID", lambda desk: desk.found("ORDER_UNKNOWN_TO_LEDGER", "")),
    ("BREAK_INVALID", lambda desk: desk.found("ORDER_UNKNOWN_TO_LEDGER", "ord_1", actual="a\0")),
    ("BREAK_INVALID", lambda desk: desk.resolved(desk.found("ORDER_UNKNOWN_TO_LEDGER", "o").break_id, reason="")),
    ("BREAK_OUTDATED", lambda desk: desk.found("ORDER_UNKNOWN_TO_LEDGER", _open(desk))),
    ("BREAK_UNKNOWN", lambda desk: desk.resolved("brk_unknown")),
    ("BREAKS_TOO_MANY", lambda desk: [desk.found("ORDER_UNKNOWN_TO_LEDGER", f"o{n}") for n in range(1001)][-1]),
    ("REVISION_UNKNOWN", lambda desk: desk.replace_refused(_open(desk), 0)),
]


@pytest.mark.parametrize(
    ("code", "case"), COMMANDS_REFUSED, ids=[f"{n}-{c[0]}" for n, c in enumerate(COMMANDS_REFUSED)]
)
def test_a_command_is_refused(code: str, case: Case) -> None:
    """The answer is a CommandRejected of version 0 with this code, and it can be written and read."""
    desk = Desk()

    event = case(desk)

    assert isinstance(event, events.CommandRejected)
    assert event.code == code
    assert event.originator_version == 0
    _check_storable(event)


@pytest.mark.parametrize(("code", "case"), ORDERS_REJECTED, ids=[f"{n}-{c[0]}" for n, c in enumerate(ORDERS_REJECTED)])
def test_an_order_is_rejected(code: str, case: Case) -> None:
    """The answer is an OrderRejected with this code and the order's terms; nothing is held."""
    desk = Desk(instruments=(Instrument(symbol="HARD", shortable=False),))

    event = case(desk)

    assert isinstance(event, events.OrderRejected)
    assert event.code == code
    assert event.postings == ()
    assert desk.account.held_cash == 0
    assert desk.account.orders == {}
    _check_storable(event)


@pytest.mark.parametrize(("code", "case"), GROUPS_REJECTED, ids=[code for code, _ in GROUPS_REJECTED])
def test_a_group_is_rejected(code: str, case: Case) -> None:
    """The answer is an OrderGroupRejected with this code; nothing is held, and every order of it is rejected."""
    desk = Desk()

    event = case(desk)

    assert isinstance(event, events.OrderGroupRejected)
    assert event.code == code
    assert event.postings == ()
    assert desk.account.orders == {}
    assert {desk.status(terms.order_id) for terms in event.orders} == {"REJECTED"}
    _check_storable(event)


@pytest.mark.parametrize(("code", "case"), REPORTS_REFUSED, ids=[f"{n}-{c[0]}" for n, c in enumerate(REPORTS_REFUSED)])
def test_a_report_is_refused(code: str, case: Case) -> None:
    """The answer is a ReportRejected of version 0 with this code."""
    desk = Desk()

    event = case(desk)

    assert isinstance(event, events.ReportRejected)
    assert event.code == code
    assert event.originator_version == 0
    _check_storable(event)


RISK_REFUSED: list[tuple[str, Case]] = [
    *test_overrides.REFUSED,
    *test_throttle.REFUSED,
    *test_kill_switch.REFUSED,
    ("LIMIT_INVALID", lambda desk: desk.limit(order_quantity_max="NaN")),
    ("LIMIT_INVALID", lambda desk: desk.limit(permitted_traders=("nul\0",))),
    ("SCOPE_INVALID", lambda desk: desk.set_limits(NO_LIMITS, scope="STRATEGY")),
    ("SCOPE_INVALID", lambda desk: desk.set_limits(NO_LIMITS, "nul\0", scope="STRATEGY")),
    ("PERSON_INVALID", lambda desk: desk.set_limits(NO_LIMITS, set_by="")),
    ("REASON_INVALID", lambda desk: desk.set_limits(NO_LIMITS, reason="x" * 501)),
]


@pytest.mark.parametrize(("code", "case"), RISK_REFUSED, ids=[f"{n}-{c[0]}" for n, c in enumerate(RISK_REFUSED)])
def test_what_a_risk_officer_asks_is_refused(code: str, case: Case) -> None:
    """The answer is a CommandRejected of version 0 with this code, and it can be written and read."""
    event = case(RiskDesk())

    assert isinstance(event, events.CommandRejected)
    assert event.code == code
    assert event.originator_version == 0
    _check_storable(event)


@pytest.mark.parametrize(("code", "case"), RISK_REJECTED, ids=[f"{n}-{c[0]}" for n, c in enumerate(RISK_REJECTED)])
def test_an_order_is_rejected_under_limits(code: str, case: Case) -> None:
    """The answer is an OrderRejected with this code; it can be written and read, and nothing more is held."""
    desk = RiskDesk()

    event = case(desk)

    assert isinstance(event, events.OrderRejected)
    assert event.code == code
    assert event.postings == ()
    _check_storable(event)


def _check_storable(event: Any) -> None:
    """What PostgreSQL's text and Kafka's record size allow: no control characters, no endless values."""
    for text in (event.text, *event.details, *event.details.values(), event.originator_id):
        assert text.isprintable()
        assert len(text) <= 500
    assert event.text
    type_, value = schema.encode(event)
    assert b"\\u0000" not in value
    assert schema.decode(type_, value) == event


ANY_NUMBER = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from([Decimal(text) for text in ("sNaN", "-0", "0E+999999", "0E-999999", "1E+999999", "-1E-999999")]),
)


@given(number=ANY_NUMBER, other=ANY_NUMBER, text=st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_number_and_no_text_makes_the_ledger_raise(number: Decimal, other: Decimal, text: str) -> None:
    """Whatever stands in a field, the answer is an event that can be written and read, and the books stay whole."""
    desk = Desk(cash="1000")
    desk.trade("BUY", "5", "10.00")
    open_id = _open(desk)

    answers = [
        desk.deposit(str(number), currency=text),
        desk.withdraw(str(number), command_id=text),
        desk.submit("BUY", str(number), str(other)),
        desk.submit("SELL", str(number), symbol=text),
        desk.submit("BUY", "1", None, protection_price=number, client_order_id=text),
        desk.submit("BUY", "1", "1.00", signal_id=text, order_id=text),
        desk.open(account_id=text, owner=text, currency=text, fee_bps=str(other)),
        desk.fill(open_id, str(number), str(other)),
        desk.fill(open_id, "1", str(number), str(other)),
        desk.cancel(text),
        desk.submit("BUY", "1", order_type="STOP", stop_price=number, protection_price=other),
        desk.submit("SELL", "1", order_type="TRAILING_STOP", trail_bps=number, trail_amount=None),
        desk.submit("SELL", "1", order_type="TRAILING_STOP", trail_amount=number, trader_id=text),
        desk.replace(open_id, quantity=str(number), limit_price=str(other)),
        desk.group("OTO", *(desk.terms(text, "BUY", str(number), limit_price=str(other)) for _ in "ab")),
        desk.triggered(open_id, str(number)),
        desk.rebalance({"AAPL": str(number), text: str(other)}, cash_weight=str(other), plan_id=text),
        mark(desk, priced(text, "1", 1)),
        mark(desk, MarkedPrice(symbol="IBM", price=number, market_time_us=1)),
        limit(desk, Limits(order_value_max=number, restricted_symbols=(text,)), text, set_by=text, reason=text),
        limit(desk, Limits(price_collar_bps=number)),
        halt(desk, text, account_id=text),
        resume(desk, text),
        halt(desk, by=text),
        halt(desk, reason=text),
        desk.submit("BUY", "1", "1.00"),
    ]

    for answer in answers:
        schema.decode(*schema.encode(answer))
        for value in (getattr(answer, "text", ""), *getattr(answer, "details", {}).values()):
            assert value == "" or value.isprintable()
    assert desk.refolded().digest() == desk.ledger.digest()


def test_every_code_has_a_case() -> None:
    """The table of codes and the cases of this module, of test_actions and of test_desk name the same codes."""
    cases = {code for code, _ in (*COMMANDS_REFUSED, *ORDERS_REJECTED, *GROUPS_REJECTED, *REPORTS_REFUSED)}
    cases |= {code for code, _ in (*RISK_REFUSED, *RISK_REJECTED)}
    cases |= {code for code, *_ in (*ACTIONS_REFUSED, *DESK_REFUSED)}
    cases |= {code for code, *_ in (*ACTIONS_REFUSED, *OPERATORS_REFUSED, *RESTATEMENTS_REFUSED)}
    cases |= {"POSITION_TOO_FRAGMENTED"}  # tests/domain/test_corporate.py

    assert cases == set(CODES)


def test_every_code_in_the_program_is_in_the_table() -> None:
    """Each literal that is handed to `refuse` is a known code."""
    used = set()
    for path in Path(domain.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("refuse") and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    used.add(code.value)

    assert len(used) > 20
    assert used <= set(CODES)
