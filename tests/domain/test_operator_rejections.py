"""Each code with which an operator's command, a correction or a bust is refused has a case here that gives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import commands, events, schema
from tests.domain.operators import OperatorDesk

Case = Callable[[OperatorDesk], Any]


def _busted(desk: OperatorDesk) -> Any:
    fill = desk.trade("BUY", "1", "10.00")
    desk.bust(fill.execution_id)
    return fill


def _planned(desk: OperatorDesk) -> OperatorDesk:
    """Half of 10,000 in AAPL, of which a hundredth is there: a purchase that nobody has sent yet."""
    desk.trade("BUY", "1", "100.00")
    desk.prices(AAPL="100")
    desk.rebalance({"AAPL": "0.5"})
    return desk


def _transfer(desk: OperatorDesk, **fields: Any) -> Any:
    own = {"to_account_id": "other", "amount": Decimal(1)}
    return desk.operate(commands.TransferCash, **(own | fields))


OPERATORS_REFUSED: list[tuple[str, Case]] = [
    ("TEXT_INVALID", lambda desk: desk.dividend("1", actor="")),
    ("TEXT_INVALID", lambda desk: desk.split(2, 1, reason="x" * 129)),
    ("TEXT_INVALID", lambda desk: desk.delist(reference="a\x1fb")),
    ("TEXT_INVALID", lambda desk: desk.rename("")),
    ("TEXT_INVALID", lambda desk: desk.bust("")),
    ("QUANTITY_NOT_FINITE", lambda desk: desk.dividend("1", quantity_of_record=Decimal("NaN"))),
    ("QUANTITY_OUT_OF_RANGE", lambda desk: desk.correct("exe_1", "1E-19", "1")),
    ("PRICE_NOT_FINITE", lambda desk: desk.dividend("Infinity")),
    ("PRICE_OUT_OF_RANGE", lambda desk: desk.split(1, 2, "1E+15")),
    ("PRICE_NOT_POSITIVE", lambda desk: desk.dividend("0")),
    ("PRICE_NOT_POSITIVE", lambda desk: desk.split(1, 2, "-1")),
    ("PRICE_REQUIRED", lambda desk: desk.split(3, 2)),
    ("PRICE_NEGATIVE", lambda desk: desk.delist("-0.01")),
    ("AMOUNT_NOT_FINITE", lambda desk: desk.adjust("FEE", "sNaN")),
    ("AMOUNT_ZERO", lambda desk: desk.adjust("FEE", "0")),
    ("AMOUNT_OVER_PRECISE", lambda desk: desk.adjust("FEE", "-0.001")),
    ("AMOUNT_NOT_POSITIVE", lambda desk: _transfer(desk, amount=Decimal(-1))),
    ("TIME_INVALID", lambda desk: desk.dividend("1", market_time_us=-1)),
    ("TIME_INVALID", lambda desk: desk.delist(market_time_us=2**60)),
    ("RATE_INVALID", lambda desk: desk.dividend("1", withholding_bps=Decimal(10_001))),
    ("RATE_INVALID", lambda desk: desk.dividend("1", withholding_bps=Decimal("0.00001"))),
    ("RATIO_INVALID", lambda desk: desk.split(0, 1)),
    ("RATIO_INVALID", lambda desk: desk.split(2, 2)),
    ("RATIO_INVALID", lambda desk: desk.split(1, 1_000_001, "1")),
    ("SYMBOL_UNCHANGED", lambda desk: desk.rename("AAPL")),
    (
        "SYMBOL_IN_USE",
        lambda desk: [desk.trade("BUY", "1", "1.00", symbol=s) for s in ("AAPL", "IBM")] and desk.rename(),
    ),
    ("INSTRUMENT_UNKNOWN", lambda desk: desk.rename("GOOGL")),
    ("INSTRUMENT_UNKNOWN", lambda desk: desk.split(2, 1, symbol="GOOGL")),
    ("POSITION_EMPTY", lambda desk: desk.dividend("1")),
    ("POSITION_EMPTY", lambda desk: desk.split(2, 1)),
    ("POSITION_EMPTY", lambda desk: desk.rename()),
    ("POSITION_EMPTY", lambda desk: desk.delist()),
    ("PLAN_IN_THE_WAY", lambda desk: _planned(desk).split(2, 1)),
    ("PLAN_IN_THE_WAY", lambda desk: _planned(desk).rename("IBM")),
    ("PLAN_IN_THE_WAY", lambda desk: _planned(desk).delist()),
    ("CURRENCY_MISMATCH", lambda desk: desk.adjust("FEE", "-1", currency="EUR")),
    ("CASH_INSUFFICIENT", lambda desk: _transfer(desk, amount=Decimal("10000.01"))),
    ("TRANSFER_TO_ITSELF", lambda desk: _transfer(desk, to_account_id="acc")),
    (
        "TRANSFER_UNKNOWN",
        lambda desk: desk.operate(commands.ReturnTransfer, to_account_id="other", amount=Decimal(1)),
    ),
    (
        "TRANSFER_PROBED",
        lambda desk: desk.operate(commands.ReceiveTransfer, from_account_id="o", amount=Decimal(1), is_probe=True),
    ),
    ("REFERENCE_CONFLICT", lambda desk: [desk.adjust("FEE", n, reference="r") for n in ("-1", "-2")][-1]),
    ("COMMAND_ID_CONFLICT", lambda desk: [desk.adjust("FEE", n, command_id="c") for n in ("-1", "-2")][-1]),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.adjust("FEE", "-1", account_id="nobody")),
    ("FILL_UNKNOWN", lambda desk: desk.correct("exe_nobody", "1", "1")),
    ("FILL_ALREADY_BUSTED", lambda desk: desk.bust(_busted(desk).execution_id)),
    ("FILL_NOT_POSITIVE", lambda desk: desk.correct(desk.trade("BUY", "1", "1.00").execution_id, "0", "1")),
    ("FILL_OVER_PRECISE", lambda desk: desk.correct(desk.trade("BUY", "1", "1.00").execution_id, "0.5", "1")),
    ("FILL_EXCEEDS_LEAVES", lambda desk: desk.correct(desk.trade("BUY", "1", "1.00").execution_id, "2", "1")),
]

RESTATEMENTS_REFUSED: list[tuple[str, Case]] = [
    ("FILL_UNKNOWN", lambda desk: desk.send(desk.busting(_Fill("exe_nobody", "ord_1")))),
    ("FILL_ALREADY_BUSTED", lambda desk: desk.send(desk.busting(_busted(desk)))),
    ("FILL_NOT_FINITE", lambda desk: desk.send(desk.correcting(desk.trade("BUY", "1", "1.00"), "NaN", "1"))),
    ("FILL_OUT_OF_RANGE", lambda desk: desk.send(desk.correcting(desk.trade("BUY", "1", "1.00"), "1", "1E+15"))),
    ("ACCOUNT_UNKNOWN", lambda desk: desk.send(desk.busting(_Fill("exe_1", "ord_1"), account_id="nobody"))),
]


@dataclasses.dataclass
class _Fill:
    """As much of a fill as a report names."""

    execution_id: str
    order_id: str


@pytest.mark.parametrize(
    ("code", "case"), OPERATORS_REFUSED, ids=[f"{n}-{c[0]}" for n, c in enumerate(OPERATORS_REFUSED)]
)
def test_an_operators_command_is_refused(code: str, case: Case) -> None:
    """The answer is a CommandRejected of version 0 with this code; the books stay whole."""
    desk = OperatorDesk()

    event = case(desk)

    assert isinstance(event, events.CommandRejected)
    assert (event.code, event.originator_version) == (code, 0)
    assert schema.decode(*schema.encode(event)) == event
    desk.check()


@pytest.mark.parametrize(
    ("code", "case"), RESTATEMENTS_REFUSED, ids=[f"{n}-{c[0]}" for n, c in enumerate(RESTATEMENTS_REFUSED)]
)
def test_a_venues_correction_is_refused(code: str, case: Case) -> None:
    """The answer is a ReportRejected of version 0 with this code; the books stay whole."""
    desk = OperatorDesk()

    event = case(desk)

    assert isinstance(event, events.ReportRejected)
    assert (event.code, event.originator_version) == (code, 0)
    desk.check()


ANY_NUMBER = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from([Decimal(text) for text in ("sNaN", "-0", "0E+999999", "0E-999999", "1E+999999", "1E-18")]),
)


@given(number=ANY_NUMBER, other=ANY_NUMBER, text=st.text(max_size=200), whole=st.integers())
@settings(max_examples=150, deadline=None)
def test_no_number_and_no_text_makes_the_ledger_raise(number: Decimal, other: Decimal, text: str, whole: int) -> None:
    """Whatever stands in a field, the answer is an event that can be written and read, and the books stay whole."""
    desk = OperatorDesk()
    fill = desk.trade("BUY", "5", "10.00")

    answers = [
        desk.dividend(str(number), withholding_bps=other, reference=text),
        desk.dividend("1", quantity_of_record=number, market_time_us=whole),
        desk.split(whole, 3, str(number)),
        desk.split(2, whole, str(other), symbol=text),
        desk.adjust("REBATE", str(number), currency=text),
        desk.correct(fill.execution_id, str(number), str(other)),
        desk.correct(fill.execution_id, "1", str(number), str(other)),
        desk.send(desk.correcting(fill, "4", str(number), str(other), reason=text)),
        desk.send(desk.busting(fill, reason=text)),
        desk.rename(text),
        desk.delist(str(number), reason=text),
    ]

    for answer in answers:
        if answer is not None:
            assert schema.decode(*schema.encode(answer)) == answer
    desk.check()
