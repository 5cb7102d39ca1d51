"""Cursors, decimals, times and derived prices, by properties and by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.fields import DecimalIn, DecimalOut, TimeIn, TimeOut
from api.gateway.prices import protection_price
from api.problems import ProblemError
from api.query import cursors
from api.query.orders_sql import After

TIMES = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.text(alphabet="abcdef0123456789_", min_size=1, max_size=40)


@given(TIMES, IDS)
def test_a_cursor_gives_its_key_back(time: datetime, order_id: str) -> None:
    """What a page ended with is what the next page begins after, to the microsecond."""
    cursor = cursors.encode("orders?{}", (time, order_id))

    assert cursors.decode("orders?{}", cursor, After) == After(time, order_id)


@given(TIMES, IDS, st.data())
def test_a_cursor_with_any_character_changed_is_refused(time: datetime, order_id: str, data: st.DataObject) -> None:
    """Every character counts but the last one's unused bits."""
    cursor = cursors.encode("orders?{}", (time, order_id))
    place = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from([c for c in "ABCabc012-_" if c != cursor[place]]))

    with pytest.raises(ProblemError) as caught:
        cursors.decode("orders?{}", cursor[:place] + other + cursor[place + 1 :], After)

    assert (caught.value.status, caught.value.code) == (400, "CURSOR_INVALID")


def test_a_cursor_belongs_to_its_list_and_filters() -> None:
    """A cursor of another list, or of other filters, would skip rows: it is refused."""
    cursor = cursors.encode(cursors.scope_of("orders", {"symbol": "AAPL"}), ("2011-01-01T00:00:00Z", "ord_1"))

    for scope in (cursors.scope_of("orders", {"symbol": "IBM"}), cursors.scope_of("journal/acc", {"symbol": "AAPL"})):
        with pytest.raises(ProblemError):
            cursors.decode(scope, cursor, After)


@given(st.sampled_from(["", "-"]), st.integers(0, 10**18 - 1), st.text(alphabet="0123456789", max_size=18))
def test_decimals_go_in_and_out_as_they_are(sign: str, whole: int, decimals: str) -> None:
    """No digit is lost or added, and no exponent appears, in either direction."""
    text = f"{sign}{whole}" + (f".{decimals}" if decimals else "")

    read = TypeAdapter(DecimalIn).validate_python(text)

    assert TypeAdapter(DecimalOut).dump_json(read) == f'"{text}"'.encode()


@given(st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.text(max_size=1), max_size=1))
def test_only_strings_are_decimals(value: object) -> None:
    """A JSON number would have been a binary float somewhere on its way."""
    with pytest.raises(ValidationError, match="decimal string"):
        TypeAdapter(DecimalIn).validate_python(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2011-06-30T21:00:00Z", "2011-06-30T21:00:00.000000Z"),
        ("2011-06-30T21:00:00.5Z", "2011-06-30T21:00:00.500000Z"),
        ("2011-06-30T23:00:00.000001+02:00", "2011-06-30T21:00:00.000001Z"),
        ("2011-06-30T15:30:00-05:30", "2011-06-30T21:00:00.000000Z"),
    ],
)
def test_times_come_out_in_utc_with_microseconds(text: str, expected: str) -> None:
    """RFC 3339 in any offset goes in, UTC with six digits comes out (RFC 3339, section 5.6)."""
    time = TypeAdapter(TimeIn).validate_python(text)

    assert TypeAdapter(TimeOut).dump_python(time) == expected
    assert time.utcoffset() == timedelta(0)


def test_times_of_other_zones_are_written_in_utc() -> None:
    """A row's time is written in UTC whatever zone it carries."""
    time = datetime(2011, 6, 30, 23, 0, tzinfo=timezone(timedelta(hours=2)))

    assert TypeAdapter(TimeOut).dump_python(time) == "2011-06-30T21:00:00.000000Z"


@pytest.mark.parametrize(
    ("last", "allowance", "expected"),
    [
        ("100", "0.10", "110.00"),  # exact
        ("45.1234", "0.10", "49.64"),  # 49.63574 rounded up
        ("0.01", "0.10", "0.02"),  # 0.011 rounded up
        ("333.33", "0", "333.33"),
    ],
)
def test_the_derived_price_is_rounded_up_to_the_cent(last: str, allowance: str, expected: str) -> None:
    """Computed by hand: last × (1 + allowance), never rounded below it."""
    assert protection_price(Decimal(last), Decimal(allowance), Decimal("0.01")) == Decimal(expected)
