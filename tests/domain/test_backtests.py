"""What a backtest may be asked to do."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backtests import BacktestTerms, is_day
from domain.errors import InvalidValue


@given(st.dates())
def test_every_day_of_the_calendar_is_one(day: date) -> None:
    """Python's own calendar says which days there are."""
    assert is_day(day.isoformat())


@given(st.integers(0, 10_000), st.integers(0, 13), st.integers(0, 32))
def test_nothing_else_is(year: int, month: int, day: int) -> None:
    """The 29th of February of a common year, a thirteenth month, a day 0: what Python's calendar refuses."""
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        expected = date.fromisoformat(text).isoformat() == text
    except ValueError:
        expected = False

    assert is_day(text) == expected


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbols": ()}, "BACKTEST_SYMBOLS"),
        ({"symbols": ("AAPL", "AAPL")}, "BACKTEST_SYMBOLS"),
        ({"first": "2011-02-29"}, "BACKTEST_DAY_INVALID"),
        ({"last": "03.01.2012"}, "BACKTEST_DAY_INVALID"),
        ({"last": "2010-12-31"}, "BACKTEST_RANGE_EMPTY"),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes: dict[str, object], code: str) -> None:
    """Each with a code of its own."""
    terms = {"symbols": ("AAPL",), "first": "2011-01-03", "last": "2011-12-30"}

    with pytest.raises(InvalidValue) as caught:
        BacktestTerms(**{**terms, **changes})  # type: ignore[arg-type]
    assert caught.value.code == code
