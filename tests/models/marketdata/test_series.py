"""Goal: what is missing or strange is told and left as it is. Method: days of history, and markets made by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.errors import InvalidValue
from models.marketdata.bokeh import installed_text
from models.marketdata.csv_file import read_text
from models.marketdata.declared import Declared
from models.marketdata.report import Reading
from tests.models.marketdata.tables import codes, read

REST = "10,12,9,11,5"


def days(*texts: str, **declared: Any) -> Reading:
    return read(*(f"X,{text},{REST}" for text in texts), **declared)


def hours(first: str, count: int, *, without: tuple[int, ...] = ()) -> list[str]:
    start = datetime.fromisoformat(first)
    return [f"X,{start + timedelta(hours=n)},{REST}" for n in range(count) if n not in without]


def examples(reading: Reading, code: str) -> list[tuple[str, str]]:
    found = reading.report.reason(code)
    return [] if found is None else [(example.at, example.text) for example in found.examples]


def test_the_installed_file_has_a_bar_of_every_session() -> None:
    """Thirteen years of five symbols against the exchange's calendar, its closings of 2001 and 2012 included."""
    found = codes(read_text("bokeh", installed_text(), Declared(prices="adj_close", mic="XNYS")))

    assert found.keys() == {"adjusted", "volume_adjusted"}


def test_days_on_which_the_exchange_was_closed_are_no_gap() -> None:
    """The week of 11 September 2001, hurricane Sandy, Easter, and a weekend."""
    closed = [("2001-09-10", "2001-09-17"), ("2012-10-26", "2012-10-31"), ("2012-04-05", "2012-04-09")]

    for before, after in closed:
        assert codes(days(before, after, mic="XNYS")) == {}


def test_sessions_without_a_bar_are_a_gap() -> None:
    """One gap for each run of missing sessions, at the bar behind it; what lies before the first bar is none."""
    reading = days("2012-10-24", "2012-10-31", "2012-11-01", "2012-11-05", mic="XNYS")

    assert len(reading.bars) == 4
    assert examples(reading, "gap") == [
        ("2012-10-31", "2 sessions without a bar: 2012-10-25 … 2012-10-26"),
        ("2012-11-05", "1 session without a bar: 2012-11-02"),
    ]


def test_a_row_that_was_dropped_leaves_a_gap() -> None:
    """The report shows both: why the row was dropped, and that its day is missing now."""
    reading = read(f"X,2012-10-24,{REST}", "X,2012-10-25,nan,12,9,11,5", f"X,2012-10-26,{REST}", mic="XNYS")

    assert codes(reading) == {"not_finite": 1, "gap": 1}


def test_bars_on_closed_days_are_flagged() -> None:
    """A Saturday and a holiday: kept, and told of, since another calendar may be the right one."""
    reading = days("2012-12-21", "2012-12-22", "2012-12-24", "2012-12-25", "2012-12-26", mic="XNYS")

    assert len(reading.bars) == 5
    assert [at for at, _ in examples(reading, "off_session")] == ["2012-12-22", "2012-12-25"]
    assert codes(reading) == {"off_session": 2}


def test_days_beyond_the_calendar_are_told() -> None:
    """Tokyo's calendar begins in 1997: earlier gaps are not seen, and the report says so.

    The market was closed until Sunday, 5 January.
    """
    reading = days("1996-12-20", "1996-12-30", "1997-01-06", "1997-01-08", mic="XTKS")

    assert [at for at, _ in examples(reading, "calendar_unknown")] == ["1996-12-20", "1996-12-30"]
    assert [text for _, text in examples(reading, "gap")] == ["1 session without a bar: 1997-01-07"]


def test_an_unknown_exchange_is_refused() -> None:
    """Its code is in the error."""
    with pytest.raises(InvalidValue, match="'XXXX'") as caught:
        days("2012-10-24", mic="XXXX")

    assert caught.value.code == "MIC_UNKNOWN"


def test_without_a_calendar_a_gap_is_many_usual_spacings() -> None:
    """A long weekend is none; with a stricter factor it is one."""
    usual = [
        "2012-12-18",
        "2012-12-19",
        "2012-12-20",
        "2012-12-21",
        "2012-12-24",
        "2012-12-26",
        "2012-12-27",
        "2012-12-28",
    ]

    assert codes(days(*usual)) == {}
    assert examples(days(*usual, "2013-01-07"), "gap") == [
        ("2013-01-07", "10 days, 0:00:00 after the bar before, usual are 1 day, 0:00:00")
    ]
    assert examples(days(*usual, gap_factor=2.5), "gap") == [
        ("2012-12-24", "3 days, 0:00:00 after the bar before, usual are 1 day, 0:00:00")
    ]


def test_hours_that_are_missing_while_a_market_is_open() -> None:
    """Currencies trade from Monday to Friday: the weekend is no gap, three hours of a Tuesday are."""
    bars = hours("2012-10-29 00:00", 120, without=(25, 26, 27)) + hours("2012-11-05 00:00", 5)

    reading = read(*bars, interval_s=3600, mic="24/5")

    assert examples(reading, "gap") == [("2012-10-30 04:00:00Z", "3 bars of open time missing")]
    assert codes(reading) == {"gap": 1}


def test_hours_of_an_exchange_with_a_lunch_break() -> None:
    """Tokyo is open from 9 to 11:30 and from 12:30 to 15:00 (UTC+9): nothing is missing at lunch.

    A bar within the break is off the session, one that lacks after it is a gap.
    """
    halves = ["09:00", "09:30", "10:00", "10:30", "11:00", "12:30", "13:00", "13:30", "14:00", "14:30"]

    def bars(times: list[str]) -> Reading:
        rows = [f"X,2012-10-{day} {time},{REST}" for day in (29, 30) for time in times]
        return read(*rows, interval_s=1800, zone="Asia/Tokyo", mic="XTKS")

    assert codes(bars(halves)) == {}
    assert codes(bars([*halves, "12:00"])) == {"off_session": 2, "sorted": 2}
    assert examples(bars([time for time in halves if time != "13:00"]), "gap") == [
        ("2012-10-29 04:30:00Z", "1 bar of open time missing"),
        ("2012-10-30 04:30:00Z", "1 bar of open time missing"),
    ]


def test_runs_without_trades_at_one_price_are_stale() -> None:
    """Zero volume is told of each bar; of unchanged ones in a row, where the run begins and how long it is.

    Quotes that move without a trade are not stale: a bar with a range ends the run.
    """
    reading = read(
        "X,2012-10-01,10,12,9,11,5",
        "X,2012-10-02,11,11,11,11,0",
        "X,2012-10-03,11,11,11,11,0",
        "X,2012-10-04,11,11,11,11,0",
        "X,2012-10-05,11,12,11,12,5",
        "X,2012-10-08,12,12,12,12,0",
        "X,2012-10-09,12,12,12,12,5",
        "X,2012-10-10,12,13,12,13,0",
        "X,2012-10-11,14,14,14,14,0",
        "X,2012-10-12,14,15,13,14,0",
        "X,2012-10-15,14,15,13,14,0",
    )

    assert examples(reading, "stale") == [("2012-10-02", "3 bars in a row")]
    assert codes(reading) == {"zero_volume": 8, "stale": 1}
    assert len(reading.bars) == 11


@pytest.mark.parametrize(
    ("before", "opened", "close", "text"),
    [
        ("100", "50", "51", "2 for 1?"),
        ("100", "33.5", "33", "3 for 1?"),
        ("100", "66.7", "65", "1.5 for 1?"),
        ("100", "10.1", "10", "10 for 1?"),
        ("1.00", "10", "9.8", "1 for 10?"),
        ("100", "80", "79", None),
        ("100", "98", "50", None),
        ("100", "50", "40", None),
        ("100", "44", "50", None),
    ],
)
def test_a_jump_like_a_split_is_suspected(before: str, opened: str, close: str, text: str | None) -> None:
    """Open and close must both stand near the ratio: a crash during the day, or a fall beside a ratio, is none."""
    high, low = max(float(opened), float(close)), min(float(opened), float(close))
    reading = read(
        f"X,2012-10-01,{before},{before},{before},{before},5", f"X,2012-10-02,{opened},{high},{low},{close},5"
    )

    found = examples(reading, "split_suspected")
    assert [at for at, _ in found] == ([] if text is None else ["2012-10-02"])
    assert all(shown.startswith(text or "") for _, shown in found)


def test_symbols_do_not_mix() -> None:
    """A jump or a gap is one of a symbol: two symbols of very different prices, one bar each day in turn, show none."""
    first = date(2012, 10, 1)
    rows = [
        f"{symbol},{first + timedelta(n)},{price},{price},{price},{price},5"
        for n in range(10)
        for symbol, price in (("A", 100), ("B", 50))
    ]

    assert codes(read(*rows)) == {}
