"""Alpaca's JSON: every digit survives, times are exact, and what is not of the published form is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.alpaca.wire import (
    Unreadable,
    fill_of,
    loads,
    number,
    order_id_of,
    replacement_id,
    status_of,
    text_of,
    text_of_second,
    time_us,
    update_of,
)

# The example of docs.alpaca.markets, "Account Activities".
ACTIVITY = {
    "activity_type": "FILL",
    "cum_qty": "1",
    "id": "20190524113406977::8efc7b9a-8b2b-4000-9955-d36e7db0df74",
    "leaves_qty": "0",
    "price": "1.63",
    "qty": "1",
    "side": "buy",
    "symbol": "LPCN",
    "transaction_time": "2019-05-24T15:34:06.977Z",
    "order_id": "904837e3-3b76-47ec-b432-046db621571b",
    "type": "fill",
}
# From the example of docs.alpaca.markets, "SSE Events", whose trade updates have the form of the stream's.
ORDER = {
    "id": "db04069d-2e5a-48d4-a42f-6a0dea8ea0b8",
    "client_order_id": "be139e2d-8153-4ae8-83ee-7b98b4e17419",
    "created_at": "2023-10-13T13:22:21.887914Z",
    "updated_at": "2023-10-13T13:30:00.661902331Z",
    "submitted_at": "2023-10-13T13:23:05.411141Z",
    "symbol": "AAPL",
    "qty": "0.05513895",
    "notional": None,
    "filled_qty": "0.05513895",
    "filled_avg_price": "181.36",
    "order_class": "",
    "type": "market",
    "side": "buy",
    "time_in_force": "day",
    "limit_price": None,
    "stop_price": None,
    "status": "filled",
    "replaced_by": None,
}
UPDATE = {
    "event": "fill",
    "timestamp": "2023-10-13T13:30:00.658443088Z",
    "order": ORDER,
    "price": "181.36",
    "qty": "0.05513895",
    "position_qty": "0.05513895",
    "execution_id": "a958bb42-b034-4d17-bf07-805cf0820ffe",
}


def test_the_published_activity() -> None:
    """The documented example: the id's last part names the execution, times are in UTC whatever the id begins with."""
    fill = fill_of(ACTIVITY)

    assert fill.execution_id == "8efc7b9a-8b2b-4000-9955-d36e7db0df74"
    assert fill.venue_order_id == "904837e3-3b76-47ec-b432-046db621571b"
    assert (fill.quantity, fill.cumulative, fill.price) == (Decimal(1), Decimal(1), Decimal("1.63"))
    assert fill.market_time_us == 1_558_712_046_977_000  # date -u -d 2019-05-24T15:34:06.977Z +%s%N


def test_the_published_update() -> None:
    """The documented example of a fill: what identifies it, and the order as it is after it."""
    update = update_of(UPDATE)

    assert update.fill is not None
    assert update.fill.execution_id == "a958bb42-b034-4d17-bf07-805cf0820ffe"
    assert update.fill.cumulative == Decimal("0.05513895")
    assert update.fill.market_time_us == 1_697_203_800_658_000  # whole milliseconds, as the activity has them
    assert update.order.status == "filled"


def test_an_execution_looks_the_same_from_both_sources() -> None:
    """The stream's nanoseconds and the activity's milliseconds give the same execution, field by field."""
    activity = {
        **ACTIVITY,
        "id": f"20231013093000658::{UPDATE['execution_id']}",
        "order_id": ORDER["id"],
        "symbol": "AAPL",
        "qty": "0.05513895",
        "cum_qty": "0.05513895",
        "price": "181.36",
        "transaction_time": "2023-10-13T13:30:00.658Z",
    }

    assert fill_of(activity) == update_of(UPDATE).fill


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=0, max_value=10**12))
def test_every_digit_survives(amount: Decimal) -> None:
    """A number written as a JSON string or as a JSON number is read as the number it is, never through a float."""
    text = format(amount, "f")

    assert number(loads(json.dumps({"qty": text}))["qty"], "qty") == amount
    assert number(loads(f'{{"qty": {text}}}')["qty"], "qty") == amount
    assert Decimal(text_of(amount)) == amount
    assert "E" not in text_of(amount)


def test_a_number_that_a_float_would_change() -> None:
    """0.1 + 17 more digits: a float keeps 17 of them at best."""
    assert number(loads('{"price": 0.100000000000000001}')["price"], "price") == Decimal("0.100000000000000001")


@pytest.mark.parametrize("value", [None, True, "", "ten", "NaN", "Infinity", "-Infinity", "1e30", [], {}])
def test_what_is_no_number_is_refused(value: object) -> None:
    """Nothing is guessed where money is concerned."""
    with pytest.raises(Unreadable):
        number(value, "price")


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Broken frames and Python's own constants."""
    with pytest.raises(Unreadable):
        loads(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-10-13T13:28:58.387652Z", 1_697_203_738_387_652),
        ("2023-10-13T13:28:58.37957033Z", 1_697_203_738_379_570),
        ("2023-10-13T09:28:58.387652999-04:00", 1_697_203_738_387_652),
        ("2023-10-13T13:28:58.5+00:00", 1_697_203_738_500_000),
    ],
)
def test_times(text: str, expected: int) -> None:
    """All forms of the documentation: none to nine digits, Z or an offset. Values from `date -d … +%s`."""
    assert time_us(text, "at") == expected


@pytest.mark.parametrize("text", [None, "", "yesterday", "2023-10-13", "2023-13-01T00:00:00Z", 5])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(Unreadable):
        time_us(text, "at")


def test_seconds_for_the_filter() -> None:
    """The form YYYY-MM-DDTHH:MM:SSZ of the API's filter, cut to the second."""
    assert text_of_second(1_697_203_738_999_999) == "2023-10-13T13:28:58Z"


@pytest.mark.parametrize(
    "change",
    [{"qty": "0"}, {"qty": "-1"}, {"price": "0"}, {"cum_qty": "0.5"}, {"id": ""}, {"order_id": None}, {"price": None}],
)
def test_impossible_executions_are_refused(change: dict[str, Any]) -> None:
    """Nothing executed, for nothing, or more than was executed in all: not of the published form."""
    with pytest.raises(Unreadable):
        fill_of({**ACTIVITY, **change})


@pytest.mark.parametrize("missing", ["execution_id", "qty", "price"])
def test_a_fill_that_does_not_identify_itself_is_only_a_hint(missing: str) -> None:
    """Older forms of the stream leave fields out: then the activities are read, and nothing is made up."""
    update = update_of({name: value for name, value in UPDATE.items() if name != missing})

    assert update.fill is None
    assert update.order.filled_quantity == Decimal("0.05513895")


def test_orders_of_others_are_readable() -> None:
    """An order over an amount of money has no quantity, one of several legs no symbol: both stand in lists."""
    status = status_of({**ORDER, "qty": None, "notional": "10", "symbol": "", "side": "", "type": ""})

    assert status.quantity is None
    assert status.symbol == ""


@given(st.from_regex(r"ord_[0-9a-f]{32}", fullmatch=True), st.integers(1, 10_000))
def test_a_replacement_names_its_order(order_id: str, revision: int) -> None:
    """From a replacement's client order id back to the order; Alpaca takes up to 128 characters."""
    name = replacement_id(order_id, revision)

    assert order_id_of(name) == order_id == order_id_of(order_id)
    assert name != order_id
    assert len(name) <= 128
