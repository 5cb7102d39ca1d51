"""Goal: prices are what they are declared to be. Method: hand-made splits, and the real ones of the installed file."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from domain.errors import InvalidValue
from models.marketdata import load_bars
from models.marketdata.bokeh import installed_text
from models.marketdata.csv_file import read_text
from models.marketdata.declared import Declared
from models.marketdata.splits import SPLITS
from tests.models.marketdata.tables import HEADING, codes, read

SPLIT = HEADING + ",Stock Splits"
RAW_SPLITS = [("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("MSFT", "2003-02-18")]
"""Every split of the five symbols between March 2000 and March 2013: 2 for 1 each (exchange notices)."""


def test_prices_before_a_split_are_divided_and_volumes_multiplied() -> None:
    """By hand: 3:2 on the 5th and 2:1 on the 6th; a bar before both by 3, one between by 2, the last by 1."""
    reading = read(
        "X,2011-01-04,30,36,27,33,100,0",
        "X,2011-01-05,20,24,18,22,101,3:2",
        "X,2011-01-06,10,12,9,11,300,2.0",
        "Y,2011-01-04,30,36,27,33,100,",
        heading=SPLIT,
        prices="splits",
    )

    assert [(bar.symbol, *map(str, (bar.open, bar.high, bar.low, bar.close, bar.volume))) for bar in reading.bars] == [
        ("X", "10.0000", "12.0000", "9.0000", "11.0000", "300"),
        ("Y", "30.0000", "36.0000", "27.0000", "33.0000", "100"),
        ("X", "10.0000", "12.0000", "9.0000", "11.0000", "202"),
        ("X", "10.0000", "12.0000", "9.0000", "11.0000", "300"),
    ]
    assert codes(reading) == {"adjusted": 2}


def test_a_consolidation_multiplies_prices() -> None:
    """One new unit for ten old ones is a ratio of a tenth."""
    reading = read("X,2011-01-04,1,1,1,1,100,1", "X,2011-01-05,10,10,10,10,9,0.1", heading=SPLIT, prices="splits")

    assert [(bar.close, bar.volume) for bar in reading.bars] == [(10, 10), (10, 9)]


def test_the_split_of_a_row_that_is_dropped_still_counts() -> None:
    """The day's prices are broken, its split is not: without it all prices before would be double."""
    reading = read("X,2011-01-04,20,20,20,20,1,0", "X,2011-01-05,nan,10,10,10,1,2", heading=SPLIT, prices="splits")

    assert [(bar.date.day, bar.close) for bar in reading.bars] == [(4, 10)]
    assert [row.code for row in reading.dropped] == ["not_finite"]


def test_the_order_of_rows_does_not_change_an_adjustment() -> None:
    """A file with the newest first is adjusted as one with the oldest first."""
    rows = ["X,2011-01-04,30,36,27,33,100,0", "X,2011-01-05,20,24,18,22,101,1.5", "X,2011-01-06,10,12,9,11,300,2"]

    assert read(*rows, heading=SPLIT, prices="splits").bars == read(*rows[::-1], heading=SPLIT, prices="splits").bars


def test_splits_that_contradict_each_other_refuse_the_file() -> None:
    """All prices before depend on the ratio: no row can be dropped for it."""
    with pytest.raises(InvalidValue, match="X is split at 2011-01-05 by 2 and by 3") as caught:
        read("X,2011-01-05,1,1,1,1,1,2", "X,2011-01-05,1,1,1,1,1,3", heading=SPLIT, prices="splits")

    assert caught.value.code == "BARS_SPLIT_CONTRADICTION"


ADJUSTED = HEADING + ",Adj Close"


def test_volumes_are_put_into_the_units_of_adjusted_prices() -> None:
    """By hand: 2:1 on the 6th with a dividend of 1 % on the same day, 1:10 on the 10th. A dividend of a tenth on the
    7th, which lifts the factor as 10:9, is no split.
    """
    reading = read(
        "X,2011-01-04,30,36,27,33,101,1.5",
        "X,2011-01-06,16,18,15,16,200,1.4693",
        "X,2011-01-07,16,18,15,16,300,1.6326",
        "X,2011-01-10,160,180,150,160,30,1.6326",
        "Y,2011-01-04,30,36,27,33,7,33",
        heading=ADJUSTED,
        prices="adj_close",
    )

    assert [(bar.symbol, bar.date.day, str(bar.volume)) for bar in reading.bars] == [
        ("X", 4, "20"),
        ("Y", 4, "7"),
        ("X", 6, "20"),
        ("X", 7, "30"),
        ("X", 10, "30"),
    ]
    assert codes(reading) == {"adjusted": 4, "volume_adjusted": 3}


@pytest.mark.parametrize("ratio", SPLITS)
def test_every_usual_split_is_seen_in_the_factor_and_no_dividend(ratio: float) -> None:
    """Either way round, with an adjusted close of two decimals; the largest usual dividends are none."""
    for one in (ratio, 1 / ratio):
        rows = [f"X,2011-01-04,{50 * one:.6f},{50 * one:.6f},{50 * one:.6f},{50 * one:.6f},3000,48.20"]
        rows += ["X,2011-01-05,50,50,50,50,3000,48.20", "X,2011-01-06,43,43,43,43,3000,48.20"]
        volumes = [bar.volume for bar in read(*rows, heading=ADJUSTED, prices="adj_close").bars]
        assert volumes == [pytest.approx(Decimal(3000 * one), abs=1), 3000, 3000]


def test_the_real_splits_are_the_steps_of_the_real_factor() -> None:
    """Of the installed file: the three of RAW_SPLITS, and not Microsoft's three dollars of November 2004."""
    reading = read_text("bokeh", installed_text(), Declared(prices="adj_close"))
    raw = {
        (bar.symbol, bar.date): bar.volume for bar in read_text("bokeh", installed_text(), Declared(prices="raw")).bars
    }
    by = {(bar.symbol, bar.date): bar.volume / raw[bar.symbol, bar.date] for bar in reading.bars}
    steps = [
        (symbol, day.isoformat())
        for ((before, _), was), ((symbol, day), now) in pairwise(sorted(by.items()))
        if before == symbol and was != now
    ]

    assert steps == RAW_SPLITS
    assert {by["AAPL", date(2000, 6, 20)], by["AAPL", date(2005, 2, 25)], by["MSFT", date(2003, 2, 14)]} == {4, 2}


@pytest.mark.parametrize("text", ["two", "-2", "nan", "1e9", "0:5x", "5:0"])
def test_a_split_that_is_no_ratio_drops_its_row(text: str) -> None:
    """The report says what a split is; the fall that it leaves behind is flagged as a suspected one elsewhere."""
    reading = read(f"X,2011-01-05,1,1,1,1,1,{text}", heading=SPLIT, prices="splits")

    assert [row.code for row in reading.dropped] == ["value_unreadable"]


def test_a_price_that_an_adjustment_leaves_nothing_of_is_dropped() -> None:
    """A penny before a 10000:1 split is no price in steps of 0.0001; told, not rounded to nothing."""
    reading = read("X,2011-01-04,.1,.1,.1,.1,1,0", "X,2011-01-05,1,1,1,1,1,10000", heading=SPLIT, prices="splits")

    assert [(row.line, row.code) for row in reading.dropped] == [(2, "value_out_of_bounds")]


@pytest.mark.parametrize("text", ["", "x", "nan", "0", "-1", "1e15"])
def test_an_adjusted_close_that_is_no_price_drops_its_row(text: str) -> None:
    """A row cannot be adjusted by it."""
    reading = read(f"X,2011-01-05,1,1,1,1,1,{text}", heading=HEADING + ",Adj Close", prices="adj_close")

    assert reading.bars == ()
    assert len(reading.dropped) == 1


def test_prices_declared_adjusted_beside_an_adjusted_close_that_differs_are_doubted() -> None:
    """The bars stay as declared, and the report tells where the file says otherwise."""
    heading = HEADING + ",Adj Close"
    reading = read("X,2011-01-04,1,1,1,1,1,0.5", "X,2011-01-05,1,1,1,1,1,1.0005", heading=heading, prices="adjusted")

    assert [bar.close for bar in reading.bars] == [1, 1]
    assert codes(reading) == {"adjustment_doubted": 1}


@pytest.fixture(scope="module")
def raw_file() -> list[dict[str, str]]:
    return list(csv.DictReader(installed_text().splitlines()))


def test_the_real_splits_are_suspected_in_raw_prices_and_nothing_else_is() -> None:
    """Declared raw, the installed file shows all three splits of its symbols, and no crash is taken for one."""
    text = installed_text().replace("Adj Close", "Other")

    report = read_text("raw", text, Declared(prices="raw")).report

    found = report.reason("split_suspected")
    assert found is not None
    assert [(example.symbol, example.at) for example in found.examples] == RAW_SPLITS
    assert found.count == 3
    assert all(example.text.startswith("2 for 1?") for example in found.examples)


def test_a_split_column_gives_the_ratios_of_the_adjusted_file(raw_file: list[dict[str, str]]) -> None:
    """AAPL paid no dividend until 2012: its splits alone must give the returns that the file's Adj Close gives.

    Within the rounding of the file's adjusted closes, which have two decimals.
    """
    ratios = {day: "2" for symbol, day in RAW_SPLITS if symbol == "AAPL"}
    rows = [row for row in raw_file if row["Ticker"] == "AAPL" and row["Date"] < "2012-01-01"]
    columns = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume")

    reading = read(
        *(",".join([*(row[c] for c in columns), ratios.get(row["Date"], "0")]) for row in rows),
        heading=SPLIT,
        prices="splits",
    )

    other = load_bars(["AAPL"], date(2000, 1, 1), date(2011, 12, 31))
    assert len(reading.bars) == len(other) > 2_900
    scale = reading.bars[-1].close / other[-1].close
    worst = max(abs(bar.close - scale * theirs.close) for bar, theirs in zip(reading.bars, other, strict=True))
    assert worst <= Decimal("0.02")
    assert codes(reading)["adjusted"] == sum(row["Date"] < "2005-02-28" for row in rows)
    assert "split_suspected" not in codes(reading)
