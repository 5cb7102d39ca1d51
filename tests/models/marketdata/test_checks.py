"""Goal: every row ends as a bar or is dropped for a reason that is told. Method: each defect alone, then all mixed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue
from domain.market import Bar
from models.marketdata.rows import Refused, _require_bar
from tests.models.marketdata.tables import codes, read

GOOD = "IBM,2011-01-03,10,12,9,11,100"
NEXT = "IBM,2011-01-04,11,13,10,12,100"


@pytest.mark.parametrize(
    ("row", "code", "text"),
    [
        ("IBM,2011-01-04,11,13,10,12", "row_length", "expected 7 fields, there were 6"),
        ("IBM,2011-01-04,11,13,10,12,100,7", "row_length", "expected 7 fields, there were 8"),
        (",2011-01-04,11,13,10,12,100", "symbol_unusable", "''"),
        ("I BM,2011-01-04,11,13,10,12,100", "symbol_unusable", "'I BM'"),
        ('"I,B",2011-01-04,11,13,10,12,100', "symbol_unusable", "'I,B'"),
        ("IBM,,11,13,10,12,100", "time_unreadable", "ISO 8601"),
        ("IBM,04/01/2011,11,13,10,12,100", "time_unreadable", "'04/01/2011'"),
        ("IBM,2011-02-29,11,13,10,12,100", "time_unreadable", "'2011-02-29'"),
        ("IBM,2011-01-04 09:30:00,11,13,10,12,100", "time_of_day", "declare the interval"),
        ("IBM,2011-01-04,,13,10,12,100", "value_missing", "open is empty"),
        ("IBM,2011-01-04,11,13,10,12,", "value_missing", "volume is empty"),
        ("IBM,2011-01-04,11,n/a,10,12,100", "value_unreadable", "high, it was 'n/a'"),
        ('IBM,2011-01-04,11,13,10,12,"1,000"', "value_unreadable", "thousands by nothing"),
        ("IBM,2011-01-04,11,13,10,1_2,100", "value_unreadable", "'1_2'"),
        ("IBM,2011-01-04,11,NaN,10,12,100", "not_finite", "NaN"),
        ("IBM,2011-01-04,11,inf,10,12,100", "not_finite", "Infinity"),
        ("IBM,2011-01-04,11,13,10,-inf,100", "not_finite", "-Infinity"),
        ("IBM,2011-01-04,11,13,10,12,nan", "not_finite", "NaN"),
        ("IBM,2011-01-04,11,13,0,12,100", "not_positive", "low 0"),
        ("IBM,2011-01-04,11,13,-10,12,100", "not_positive", "low -10"),
        ("IBM,2011-01-04,11,13,10,12,-1", "not_positive", "volume -1"),
        ("IBM,2011-01-04,11,10,13,12,100", "high_below_low", "high 10 is below low 13"),
        ("IBM,2011-01-04,14,13,10,12,100", "out_of_range", "open 14"),
        ("IBM,2011-01-04,11,13,10,9,100", "out_of_range", "close 9"),
        ("IBM,2011-01-04,11,1e15,10,12,100", "value_out_of_bounds", "below 1E+15"),
        ("IBM,2011-01-04,11,13,10,12,1e999", "value_out_of_bounds", "below 1E+15"),
        ("IBM,2011-01-04,1e-9,13,1e-9,12,100", "value_out_of_bounds", "steps of 0.0001"),
        ("IBM,2011-01-04,11,13,10,12,1.5", "volume_fraction", "fractional_volume=yes"),
    ],
)
def test_a_row_that_is_no_bar_is_dropped_and_told_of(row: str, code: str, text: str) -> None:
    """The good rows around it stay; the report names its line, its reason, and what was expected."""
    reading = read(GOOD, row, "IBM,2011-01-05,11,13,10,12,100")

    assert [bar.date.day for bar in reading.bars] == [3, 5]
    (dropped,) = reading.dropped
    assert (dropped.line, dropped.code) == (3, code)
    assert text in dropped.reason
    reason = reading.report.reason(code)
    assert reason is not None
    assert (reason.effect, reason.count, reason.examples[0].line) == ("dropped", 1, 3)


def test_identical_rows_are_one_bar() -> None:
    """The second of two rows that say the same, in whatever digits, is dropped and names the first."""
    reading = read(GOOD, NEXT, "IBM,2011-01-03,10.0,12.00,9,11,1e2")

    assert [bar.date.day for bar in reading.bars] == [3, 4]
    (dropped,) = reading.dropped
    assert (dropped.line, dropped.code) == (4, "duplicate")
    assert "stands in 2" in dropped.reason


def test_of_rows_that_contradict_each_other_none_is_kept() -> None:
    """Which of two different bars of a day is right cannot be told: all rows of that day are dropped."""
    other = GOOD.replace(",11,", ",11.5,")
    reading = read(GOOD, NEXT, other, GOOD)

    assert [bar.date.day for bar in reading.bars] == [4]
    assert [(row.line, row.code) for row in reading.dropped] == [(n, "contradiction") for n in (2, 4, 5)]


def test_a_row_that_cannot_be_read_contradicts_nothing() -> None:
    """A good bar stays although a broken row claims the same day."""
    reading = read("IBM,2011-01-03,10,12,9,oops,100", GOOD)

    assert [bar.close for bar in reading.bars] == [Decimal(11)]


def test_rows_are_sorted_and_the_report_says_so() -> None:
    """A file with the newest first gives bars in order; each row but the newest stood behind a later one."""
    days = [date(2011, 1, 3) + timedelta(n) for n in range(5)]
    reading = read(*(f"IBM,{day},10,12,9,11,100" for day in reversed(days)))

    assert [bar.date for bar in reading.bars] == days
    assert codes(reading) == {"sorted": 4}
    assert reading.dropped == ()


def test_symbols_one_after_another_are_not_unsorted() -> None:
    """Whether a file goes by symbol or by day, nothing was moved within a symbol."""
    by_symbol = read("A,2011-01-03,1,1,1,1,1", "A,2011-01-04,1,1,1,1,1", "B,2011-01-03,1,1,1,1,1")

    assert codes(by_symbol) == {}
    assert [(bar.date.day, bar.symbol) for bar in by_symbol.bars] == [(3, "A"), (3, "B"), (4, "A")]


def test_prices_are_rounded_to_the_declared_step_and_counted() -> None:
    """Half goes to even; a row that has no more decimals than the step is not counted."""
    fraction = "X,2011-01-03,1.00005,1.20025,1.00005,1.00015,7"
    reading = read(fraction, "X,2011-01-04,1,1.2,1,1.1,7")
    fine = read(fraction, price_step=Decimal("0.00001"))

    bar = reading.bars[0]
    assert [str(price) for price in (bar.open, bar.high, bar.low, bar.close)] == [
        "1.0000",
        "1.2002",
        "1.0000",
        "1.0002",
    ]
    assert codes(reading) == {"rounded": 1}
    assert (fine.bars[0].open, fine.bars[0].close) == (Decimal("1.00005"), Decimal("1.00015"))
    assert codes(fine) == {}


def test_volumes_are_written_in_one_way() -> None:
    """The same volume in other digits gives the same text, so that the data hash does not depend on the file's."""
    volumes = [str(read(f"X,2011-01-03,1,1,1,1,{text}").bars[0].volume) for text in ("3000", "3000.0", "3e3", "0.3E+4")]

    assert volumes == ["3000"] * 4


def test_fractions_of_a_unit_where_they_are_declared() -> None:
    """Volumes of currencies come in fractions: they are taken as they are once that is declared."""
    reading = read("EURUSD,2011-01-03,1,1,1,1,1234.5600", "EURUSD,2011-01-04,1,1,1,1,12.0", fractional_volume=True)

    assert [str(bar.volume) for bar in reading.bars] == ["1234.56", "12"]


@pytest.mark.parametrize(("policy", "kept", "code"), [("keep", 2, "zero_volume"), ("drop", 1, "zero_volume_dropped")])
def test_bars_without_a_trade_are_kept_or_dropped_as_declared(policy: str, kept: int, code: str) -> None:
    """Either way the report tells of them."""
    reading = read(GOOD, "IBM,2011-01-04,11,13,10,12,0", zero_volume=policy)

    assert len(reading.bars) == kept
    assert codes(reading) == {code: 1}


def test_more_rows_than_declared_are_refused() -> None:
    """The bound is said, and how to raise it."""
    with pytest.raises(InvalidValue, match=r"at most 1 rows.*rows_max=N") as caught:
        read(GOOD, NEXT, rows_max=1)

    assert caught.value.code == "BARS_TOO_MANY"


def test_the_report_counts_all_and_shows_the_first() -> None:
    """Of many rows with one defect five are shown, the first ones, and all are counted and listed as dropped."""
    reading = read(*(f"IBM,2011-01-{day:02},x,12,9,11,100" for day in range(1, 31)))

    reason = reading.report.reason("value_unreadable")
    assert reason is not None
    assert reason.count == len(reading.dropped) == 30
    assert [example.line for example in reason.examples] == [2, 3, 4, 5, 6]


PRICES = st.sampled_from(["-1", "0", "NaN", "sNaN", "Infinity", "-Infinity", "1", "2", "3", "1e15", "0.5"])


@given(st.tuples(PRICES, PRICES, PRICES, PRICES, PRICES))
def test_the_quick_check_agrees_with_the_domain(values: tuple[str, str, str, str, str]) -> None:
    """What is a bar is for domain.market.Bar to say; here only numbers from 1E+15 on are refused beyond that."""
    opened, high, low, close, volume = map(Decimal, values)
    try:
        Bar(open=opened, high=high, low=low, close=close, volume=volume)
        expected = high < 10**15 and volume < 10**15
    except InvalidValue:
        expected = False
    try:
        _require_bar(opened, high, low, close, volume)
        found = True
    except Refused:
        found = False

    assert found == expected


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[str, str, str, bool]]:
    """Rows (symbol, day, the rest, whether it is a bar): few symbols and days, so that many meet."""
    symbols, days = st.sampled_from(["A", "B"]), st.integers(1, 6).map(lambda day: f"2011-01-{day:02}")
    good = st.tuples(
        symbols, days, st.sampled_from(["10,12,9,11,5", "10,12,9,10,5", "10.0,12,9,11,5.0"]), st.just(True)
    )
    bad = st.tuples(
        symbols,
        days,
        st.sampled_from(["10,12,9,11", "NaN,12,9,11,5", "10,8,9,11,5", ",,,,", "10,12,9,11,0.5"]),
        st.just(False),
    )
    no_day = st.tuples(symbols, st.sampled_from(["", "soon", "2011-13-01"]), st.just("10,12,9,11,5"), st.just(False))
    return draw(st.lists(st.one_of(good, good, bad, no_day), max_size=25))


@given(tables(), st.randoms(use_true_random=False))
def test_no_row_is_lost_whatever_rows_in_whatever_order(
    rows: list[tuple[str, str, str, bool]], shuffled: random.Random
) -> None:
    """Bars and dropped rows make up all rows; bars are unique, in order, and the same for every order of the rows.

    Expected are the days whose good rows all say the same.
    """
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for symbol, day, rest, good in rows:
        if good:
            said[day, symbol].add(rest.replace(".0", ""))
    expected = sorted(key for key, values in said.items() if len(values) == 1)

    reading = read(*(f"{symbol},{day},{rest}" for symbol, day, rest, _ in rows))

    assert [(bar.date.isoformat(), bar.symbol) for bar in reading.bars] == expected
    assert len(reading.bars) + len(reading.dropped) == len(rows) == reading.report.rows
    lines = Counter(row.line for row in reading.dropped)
    assert set(lines.values()) <= {1}
    assert set(lines) <= set(range(2, len(rows) + 2))
    bad = {line for line, (*_, good) in enumerate(rows, start=2) if not good}
    assert bad <= set(lines)
    again = list(rows)
    shuffled.shuffle(again)
    assert read(*(f"{symbol},{day},{rest}" for symbol, day, rest, _ in again)).bars == reading.bars
