"""Goal: a bar is never complete before it was. Method: times as vendors write them, beside what a clock would say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.errors import InvalidValue
from models.marketdata import data_hash, ticks_of
from models.marketdata.bars import MarketBar
from tests.models.marketdata.tables import codes, read

REST = "1.04,1.06,1.03,1.05,8"


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("2011-01-03", {}),
        ("20110103", {}),
        ("2011-01-03 00:00:00", {}),
        ("2011-01-03T00:00:00.000000000", {}),
        ("2011-01-03 00:00:00-05:00", {}),
        ("2011-01-03 05:00:00+00:00", {"zone": "America/New_York"}),
        ("2011-01-03T05:00:00Z", {"zone": "America/New_York"}),
        ("03.01.2011", {"time_format": "%d.%m.%Y"}),
        ("1294012800", {"time_format": "epoch_s"}),
        ("1294012800000", {"time_format": "epoch_ms"}),
    ],
)
def test_the_day_of_a_days_bar(text: str, declared: dict[str, Any]) -> None:
    """The third of January, however it is written; the bar is complete at 21:00 UTC, when its last tick is printed."""
    (bar,) = read(f"X,{text},{REST}", **declared).bars

    assert (bar.date, bar.start_us, bar.end_us) == (date(2011, 1, 3), None, None)
    assert bar.at_us == us("2011-01-03 21:00:00") == ticks_of(bar)[3].market_time_us


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("2011-01-03 14:00:00", {}),
        ("2011-01-03 15:00:00", {"stamped": "end"}),
        ("2011-01-03T14:00:00Z", {"zone": "Asia/Tokyo"}),
        ("2011-01-03 09:00:00-05:00", {}),
        ("2011-01-03 09:00", {"zone": "America/New_York"}),
        ("03.01.2011 14:00", {"time_format": "%d.%m.%Y %H:%M"}),
        ("1294063200", {"time_format": "epoch_s"}),
        ("1294063200000", {"time_format": "epoch_ms"}),
        ("1294063200000000", {"time_format": "epoch_us"}),
        ("1294063200000000000", {"time_format": "epoch_ns"}),
    ],
)
def test_the_hour_of_a_bar_within_a_day(text: str, declared: dict[str, Any]) -> None:
    """From two to three UTC, however it is written, and complete at three."""
    (bar,) = read(f"X,{text},{REST}", interval_s=3600, **declared).bars

    assert (bar.start_us, bar.end_us) == (us("2011-01-03 14:00:00"), us("2011-01-03 15:00:00"))
    assert bar.at_us == bar.end_us
    assert bar.date == date(2011, 1, 3)


def test_the_last_hour_of_a_day_is_of_that_day() -> None:
    """It ends at midnight, which is the next day, and lies in the one before."""
    (bar,) = read(f"X,2011-01-03 23:00,{REST}", interval_s=3600).bars

    assert (bar.date, bar.at_us) == (date(2011, 1, 3), us("2011-01-04 00:00:00"))


@pytest.mark.parametrize("text", ["2011-03-13 02:30", "2011-11-06 01:30"])
def test_a_time_that_the_clocks_skip_or_repeat_is_dropped(text: str) -> None:
    """In New York it does not exist, or it is two moments: which one cannot be told, and a wrong one is an hour off."""
    reading = read(f"X,{text},{REST}", interval_s=1800, zone="America/New_York")

    assert reading.bars == ()
    assert "twice or not at all in America/New_York" in reading.dropped[0].reason


@pytest.mark.parametrize("text", ["9999-12-31 23:30", "epoch", "1e9"])
def test_a_time_beyond_the_calendar_is_dropped(text: str) -> None:
    """No arithmetic on days fails outside a row's own check."""
    reading = read(f"X,{text},{REST}", interval_s=3600)

    assert [row.code for row in reading.dropped] == ["time_unreadable"]


def test_a_wrong_interval_is_refused_or_doubted() -> None:
    """Half-hour bars declared as hours would be known half an hour too early, or too late: that is said."""
    half_hours = [f"X,2011-01-03 {n // 2:02}:{n % 2 * 30:02},{REST}" for n in range(20)]

    with pytest.raises(InvalidValue, match=r"bars of 1:00:00 were declared; those of X are 0:30:00 apart"):
        read(*half_hours, interval_s=3600)
    assert codes(read(*half_hours, interval_s=60)) == {"interval_doubted": 1}
    assert codes(read(*half_hours, interval_s=1800)) == {}


def test_bars_that_overlap_are_flagged() -> None:
    """One bar that begins before the last one has ended is kept, and told of."""
    hours = [f"X,2011-01-03 {hour:02}:00,{REST}" for hour in range(20)]

    reading = read(*hours, f"X,2011-01-03 07:30,{REST}", interval_s=3600)

    assert codes(reading) == {"overlap": 2, "sorted": 1}
    assert len(reading.bars) == 21


def test_bars_are_in_the_order_of_time_over_all_symbols() -> None:
    """Of one moment the symbols come in their own order."""
    reading = read(*(f"{s},2011-01-03 {h:02}:00,{REST}" for h in (10, 9) for s in "BA"), interval_s=3600)

    assert [(bar.symbol, bar.start_us) for bar in reading.bars] == [
        (symbol, us(f"2011-01-03 {hour}:00:00")) for hour in ("09", "10") for symbol in "AB"
    ]


def test_ticks_of_bars_that_follow_each_other_do_not_meet() -> None:
    """Each bar's four ticks lie within it in order, the last at its end; the next bar's first comes after."""
    bars = read(*(f"X,2011-01-03 {hour:02}:00,{REST}" for hour in (9, 10)), interval_s=3600).bars

    ticks = [tick for bar in bars for tick in ticks_of(bar)]

    times = [tick.market_time_us for tick in ticks]
    assert times == sorted(set(times))
    assert (times[3], times[7]) == (us("2011-01-03 10:00:00"), us("2011-01-03 11:00:00"))
    assert [tick.bar is not None for tick in ticks] == [False, False, False, True] * 2
    assert sum(tick.volume for tick in ticks) == 16


def test_the_data_hash_sees_the_span_of_a_bar() -> None:
    """The same prices an hour later, or in half the time, are other data; a day's bar has neither."""
    one = f"X,2011-01-03 09:00,{REST}"

    hashes = {
        data_hash(read(one, interval_s=3600).bars),
        data_hash(read(one, interval_s=1800).bars),
        data_hash(read(one.replace("09", "10"), interval_s=3600).bars),
        data_hash(read(f"X,2011-01-03,{REST}").bars),
    }

    assert len(hashes) == 4


@pytest.mark.parametrize(
    "span", [{"start_us": 0}, {"end_us": 5}, {"start_us": 5, "end_us": 5}, {"start_us": 0, "end_us": 10}]
)
def test_a_bar_whose_span_is_none_is_refused(span: dict[str, int]) -> None:
    """A start without an end, no time between them, or a day that the span does not lie in."""
    (bar,) = read(f"X,2011-01-03,{REST}").bars

    with pytest.raises(InvalidValue, match="bar"):
        MarketBar(**{field: getattr(bar, field) for field in MarketBar.__struct_fields__} | span)
