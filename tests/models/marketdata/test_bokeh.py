"""The real bars: clean, adjusted, in order, the very same in every release, and what happens to rows that are not."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.resources
import sys
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue, UnavailableError
from models.marketdata import MarketBar, bokeh, data_hash, load_bars, read_rows, ticks_of

ALL = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIRST, LAST = date(2000, 1, 1), date(2013, 12, 31)


def row(**changes: str) -> dict[str, str]:
    """A raw row with a 2:1 split still to come: its adjusted close is half its close."""
    good = {
        "Ticker": "AAPL",
        "Date": "2005-02-25",
        "Open": "89.62",
        "High": "89.91",
        "Low": "88.19",
        "Close": "88.99",
        "Volume": "32696800",
        "Adj Close": "44.495",
    }
    return {**good, **changes}


def test_the_installed_file_is_clean_and_has_the_known_rows() -> None:
    """No row of the file is dropped; symbols and counts are those counted in the raw file by other means."""
    file = importlib.resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()[1:]
    expected = Counter(line.split(",", 1)[0] for line in lines)

    reading = bokeh._installed()

    assert reading.dropped == ()
    assert Counter(bar.symbol for bar in reading.bars) == expected
    assert len(reading.bars) == 12_154


SPLITS = [("AAPL", date(2000, 6, 21)), ("AAPL", date(2005, 2, 28)), ("MSFT", date(2003, 2, 18))]
"""Two for one, each."""


def as_traded(bar: MarketBar) -> MarketBar:
    later = sum(bar.symbol == symbol and bar.date < day for symbol, day in SPLITS)
    return msgspec.structs.replace(bar, volume=(bar.volume / 2**later).quantize(Decimal(1)))


def test_the_demos_bars_and_ticks_are_the_very_same_as_ever() -> None:
    """Hashes of all bars and of all their ticks, taken before bars within a day and other sources were there, and
    before volumes were put into later units: here they are put back.

    A change here would give the demo other prices, and every trained model another data hash.
    """
    bars = [as_traded(bar) for bar in load_bars(ALL, FIRST, LAST)]

    assert data_hash(bars) == "714b83b0a189d67328cdec04172291a809b848ae50f0e66f55706202c210e4cc"
    ticks = hashlib.sha256()
    for bar in bars:
        for tick in ticks_of(bar):
            known = msgspec.structs.asdict(tick)
            assert known.pop("split") is None  # a field that came later: it does not change what was there
            ticks.update(msgspec.json.encode(known))
    assert ticks.hexdigest() == "c1534652f5679a8dcca041724211e9d6812e230bda352ddef9b721b4bfa304b8"


def test_bars_are_sorted_bounded_and_of_the_symbols_asked_for() -> None:
    """Bars come by (date, symbol), both days included, and no other symbol's."""
    bars = load_bars(["MSFT", "AAPL"], date(2011, 1, 3), date(2011, 1, 5))

    assert [(bar.date.day, bar.symbol) for bar in bars] == [
        (3, "AAPL"),
        (3, "MSFT"),
        (4, "AAPL"),
        (4, "MSFT"),
        (5, "AAPL"),
        (5, "MSFT"),
    ]


def test_splits_are_adjusted_away() -> None:
    """Over each known 2:1 split the raw close halves, and the adjusted close moves less than on a stormy day."""
    for symbol, before, after in (
        ("AAPL", date(2000, 6, 20), date(2000, 6, 21)),
        ("AAPL", date(2005, 2, 25), date(2005, 2, 28)),
        ("MSFT", date(2003, 2, 14), date(2003, 2, 18)),
    ):
        first, second = load_bars([symbol], before, after)

        assert abs(second.close / first.close - 1) < Decimal("0.12")


def test_adjusted_close_is_the_files_own() -> None:
    """The close is the file's Adj Close at four decimals; the other prices keep their ratio to it. Apple's volumes are
    doubled: it was split two for one in February 2005.
    """
    file = importlib.resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
    raw = {
        (r["Ticker"], r["Date"]): r
        for r in csv.DictReader(gzip.decompress(file.read_bytes()).decode().splitlines())
        if r["Date"].startswith("2004")
    }
    bars = load_bars(ALL, date(2004, 1, 1), date(2004, 12, 31))

    assert len(bars) == len(raw)
    for bar in bars:
        own = raw[bar.symbol, bar.date.isoformat()]
        assert abs(bar.close - Decimal(own["Adj Close"])) <= Decimal("0.00005")
        assert float(bar.high / bar.close) == pytest.approx(float(own["High"]) / float(own["Close"]), abs=1e-3)
        assert bar.volume == Decimal(own["Volume"]) * (2 if bar.symbol == "AAPL" else 1)


def test_every_bar_is_whole() -> None:
    """After rounding, high and low still bound open and close, prices have four decimals, volumes none."""
    for bar in load_bars(ALL, FIRST, LAST):
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert all(price.as_tuple().exponent == -4 for price in (bar.open, bar.high, bar.low, bar.close))
        assert bar.volume == int(bar.volume) > 0


@given(
    prices=st.lists(st.decimals("0.01", "900", places=2), min_size=4, max_size=4).map(sorted),
    adjusted=st.decimals("0.5", "900", places=12),
)
def test_rounding_keeps_the_order_of_prices(prices: list[Decimal], adjusted: Decimal) -> None:
    """Whatever the adjustment, low <= open, close <= high after rounding, or the row says why it is no bar."""
    low, opened, closed, high = prices
    changed = {"Low": low, "Open": opened, "Close": closed, "High": high, "Adj Close": adjusted}

    reading = read_rows([row(**{key: str(value) for key, value in changed.items()})])

    if reading.dropped:
        assert reading.dropped[0].code == "value_out_of_bounds"  # so small that a step is more
    else:
        (bar,) = reading.bars
        assert bar.low <= bar.open <= bar.high
        assert bar.low <= bar.close <= bar.high


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"High": "80"}, "below low"),
        ({"Close": "0"}, "must lie between"),
        ({"Low": "-1"}, "above zero"),
        ({"Volume": "-5"}, "volume"),
        ({"Volume": "1.5"}, "whole units"),
        ({"Open": "nan"}, "finite"),
        ({"Open": "Infinity"}, "finite"),
        ({"Open": ""}, "open is empty"),
        ({"Adj Close": "0"}, "adjusted_close must be above zero"),
        ({"Date": "25/02/2005"}, "ISO 8601"),
        ({"Ticker": ""}, "symbol"),
    ],
)
def test_a_row_that_is_no_bar_is_dropped_with_its_reason(changes: dict[str, str], reason: str) -> None:
    """A bad row is left out and reported with its line and why; the good rows stay."""
    reading = read_rows([row(Date="2005-02-24"), row(**changes)])

    assert [bar.date for bar in reading.bars] == [date(2005, 2, 24)]
    (dropped,) = reading.dropped
    assert dropped.line == 3
    assert reason.lower() in dropped.reason.lower()


def test_a_repeated_day_is_dropped() -> None:
    """Of two rows that say the same the second is left out; of two that differ both are, and reported."""
    assert [bar.close for bar in read_rows([row(), row()]).bars] == [Decimal("44.4950")]

    differing = read_rows([row(), row(Close="89.00")])

    assert differing.bars == ()
    assert [(dropped.line, dropped.code) for dropped in differing.dropped] == [
        (2, "contradiction"),
        (3, "contradiction"),
    ]


def test_a_row_without_a_column_is_dropped() -> None:
    """A mapping that lacks a column is a row that lacks its value."""
    whole = row()
    del whole["Volume"]

    assert [dropped.code for dropped in read_rows([whole]).dropped] == ["value_missing"]


def test_an_unknown_symbol_is_refused_by_name() -> None:
    """The error names the symbol and those there are."""
    with pytest.raises(InvalidValue, match="TSLA; there is AAPL, FB, GOOG, IBM, MSFT"):
        load_bars(["TSLA", "AAPL"], FIRST, LAST)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing bokeh_sampledata is a clear error, raised when the data is needed and not before."""
    monkeypatch.setitem(sys.modules, "bokeh_sampledata", None)
    bokeh._installed.cache_clear()

    with pytest.raises(UnavailableError, match="`demo` extra"):
        load_bars(["AAPL"], FIRST, LAST)


def test_ticks_of_a_bar() -> None:
    """Open, high, low, close at their times, the volume shared out whole, the bar on the last one."""
    bar = MarketBar(
        symbol="IBM",
        date=date(2011, 1, 3),
        open=Decimal("10.0000"),
        high=Decimal("12.5000"),
        low=Decimal("9.7500"),
        close=Decimal("11.0000"),
        volume=Decimal("1003"),
    )

    ticks = ticks_of(bar)

    at = [datetime(2011, 1, 3, hour, minute, tzinfo=UTC) for hour, minute in ((14, 30), (16, 30), (18, 30), (21, 0))]
    assert [tick.market_time_us for tick in ticks] == [int(time.timestamp() * 1e6) for time in at]
    assert [tick.price for tick in ticks] == [Decimal("10"), Decimal("12.5"), Decimal("9.75"), Decimal("11")]
    assert [tick.volume for tick in ticks] == [250, 250, 250, 253]
    assert [tick.bar is None for tick in ticks] == [True, True, True, False]
    assert ticks[3].bar is not None
    assert (ticks[3].bar.open, ticks[3].bar.high, ticks[3].bar.low) == (bar.open, bar.high, bar.low)
    assert {tick.symbol for tick in ticks} == {"IBM"}


def test_the_data_hash_sees_every_field_and_the_order() -> None:
    """The same bars give the same hash; one changed field, or another order, gives another."""
    bars = load_bars(["IBM"], date(2011, 1, 3), date(2011, 1, 7))
    changed = [
        [
            *bars[:-1],
            MarketBar(**{**{f: getattr(bars[-1], f) for f in MarketBar.__struct_fields__}, name: value}),
        ]
        for name, value in (
            ("symbol", "MSFT"),
            ("date", date(2011, 1, 8)),
            ("open", Decimal("1.0000")),
            ("high", Decimal("999.0000")),
            ("low", Decimal("1.0000")),
            ("close", Decimal("1.0000")),
            ("volume", Decimal("1")),
        )
    ]

    hashes = {data_hash(bars), data_hash(bars[::-1]), *(data_hash(other) for other in changed)}

    assert len(hashes) == 9
    assert data_hash(load_bars(["IBM"], date(2011, 1, 3), date(2011, 1, 7))) == data_hash(bars)
