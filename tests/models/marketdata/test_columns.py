"""Goal: the right column is read, or none. Method: headings as vendors write them, and those that cannot be right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import InvalidValue
from models.marketdata.declared import Declared, declaration
from tests.models.marketdata.tables import read


@pytest.mark.parametrize(
    ("heading", "declared"),
    [
        ("Ticker,Date,Open,High,Low,Close,Volume", {}),
        ("SYMBOL;TIMESTAMP;O;H;L;C;V", {}),
        ("<TICKER>\t<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>", {}),
        ("\ufeffsym,day,open_price,high price,Low-Price,close.price,vol", {}),
        ("name,Date,Open,High,Low,Close,Volume", {"columns": {"symbol": "name"}}),
        ("Date,Symbol,High,Low,Open,Volume,Last", {"columns": {"close": "Last"}}),
    ],
)
def test_columns_are_found_by_their_usual_names_or_as_declared(heading: str, declared: dict[str, Any]) -> None:
    """Whatever the names, their order and what sets them off, the bar is the same."""
    cells = {
        **dict.fromkeys(("Ticker", "SYMBOL", "<TICKER>", "\ufeffsym", "name", "Symbol"), "IBM"),
        **dict.fromkeys(("Date", "TIMESTAMP", "<DATE>", "day"), "2011-01-03"),
        **dict.fromkeys(("Open", "O", "<OPEN>", "open_price"), "10"),
        **dict.fromkeys(("High", "H", "<HIGH>", "high price"), "12"),
        **dict.fromkeys(("Low", "L", "<LOW>", "Low-Price"), "9"),
        **dict.fromkeys(("Close", "C", "<CLOSE>", "close.price", "Last"), "11"),
        **dict.fromkeys(("Volume", "V", "<VOL>", "vol"), "100"),
    }
    (delimiter,) = {sign for sign in ",;\t" if sign in heading}

    row = delimiter.join(cells[name] for name in heading.split(delimiter))
    (bar,) = read(row, heading=heading, **declared).bars

    assert (bar.symbol, bar.date.isoformat()) == ("IBM", "2011-01-03")
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == tuple(map(Decimal, (10, 12, 9, 11, 100)))


def test_a_file_of_one_symbol_declares_it() -> None:
    """Without a column for it the symbol is declared, and all bars have it."""
    reading = read("2011-01-03,10,12,9,11,100", heading="Date,Open,High,Low,Close,Volume", symbol="EUR/USD")

    assert reading.bars[0].symbol == "EUR/USD"


def test_columns_that_are_not_read_are_named() -> None:
    """The report says what was left aside, so that a column with another meaning is noticed."""
    heading = "symbol,date,open,high,low,close,volume,vwap,Adj Close"

    assert read(heading=heading).report.ignored == ("vwap", "Adj Close")


@pytest.mark.parametrize(
    ("heading", "declared", "text"),
    [
        ("symbol,date,open,high,low,volume", {}, r"close \(such as close.*found 'symbol', 'date'"),
        ("date,open,high,low,close,volume", {}, "symbol.*in a file of one symbol declare it: symbol=NAME"),
        ("symbol,date,open,high,low,close,volume", {"prices": "adj_close"}, "adj close.*declared as adj_close"),
        ("symbol,date,open,high,low,close,volume", {"prices": "splits"}, "stock splits.*declared as splits"),
        ("symbol,date,time,open,high,low,close,volume", {}, "time may be any of the columns 'date', 'time'"),
        ("symbol,date,open,high,low,close,close,volume", {}, "close may be any of the columns 'close', 'close'"),
        ("symbol,date,open,high,low,close,volume", {"symbol": "IBM"}, "expected one of both"),
        ("symbol,date,open,high,low,close,volume", {"columns": {"close": "Last"}}, "'Last'; found 'symbol'"),
        ("symbol,date,open,high,low,close,volume", {"columns": {"close": "open"}}, "one column was declared to be two"),
        ("symbol,date,open,high,low,close,volume,s", {"columns": {"split": "s"}}, "prices=raw does not look at"),
        ("2011-01-03,10,12,9,11,100", {}, "expected columns for"),
    ],
)
def test_columns_that_cannot_be_right_are_refused(heading: str, declared: dict[str, Any], text: str) -> None:
    """The error says which column was expected under which names, and what the file has."""
    with pytest.raises(InvalidValue, match=text) as caught:
        read(heading=heading, **declared)

    assert caught.value.code == "BARS_COLUMNS"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["prices=raw"], Declared(prices="raw")),
        (
            [
                "prices=adjusted",
                "interval=5min",
                "time=%d.%m.%Y %H:%M",
                "fractional_volume=yes",
                "column.close=Last Px",
            ],
            Declared(
                prices="adjusted",
                interval_s=300,
                time_format="%d.%m.%Y %H:%M",
                fractional_volume=True,
                columns={"close": "Last Px"},
            ),
        ),
        (
            ["prices=raw", "price_step=0.00001", "gap_factor=3", "rows_max=10", "zone=Asia/Tokyo", "stamped=end"],
            Declared(
                prices="raw",
                price_step=Decimal("0.00001"),
                gap_factor=3.0,
                rows_max=10,
                zone="Asia/Tokyo",
                stamped="end",
            ),
        ),
    ],
)
def test_a_declaration_in_words(words: list[str], expected: Declared | None) -> None:
    """What a command line declares is what a program would."""
    assert declaration(words) == expected


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["symbol=IBM"], "prices must be declared: prices=adjusted: .*; prices=raw: "),
        (["prices=good"], "one of adjusted, raw, adj_close, splits, it was 'good'"),
        (["prices"], "expected NAME=VALUE"),
        (["prices=raw", "colour=red"], "it was 'colour=red'"),
        (["prices=raw", "prices=adjusted"], "prices is declared twice"),
        (["prices=raw", "interval=1 day"], "like 30s, 5min or 1h, it was '1 day'"),
        (["prices=raw", "interval=24h"], "1 to 86399 seconds"),
        (["prices=raw", "price_step=0.05"], "a power of ten"),
        (["prices=raw", "price_step=NaN"], "a power of ten"),
        (["prices=raw", "price_step=small"], "it was 'small'"),
        (["prices=raw", "zone=Mars/Olympus"], "IANA name"),
        (["prices=raw", "time=stardate"], "strptime pattern"),
        (["prices=raw", "zero_volume=ignore"], "keep or drop"),
        (["prices=raw", "fractional_volume=perhaps"], "yes or no"),
        (["prices=raw", "stamped=middle"], "start or end"),
        (["prices=raw", "gap_factor=nan"], "at least one median"),
        (["prices=raw", "rows_max=0"], "at least one row"),
        (["prices=raw", "symbol=I B M"], "no symbol"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(words: list[str], text: str) -> None:
    """Each error says what can be declared and what it was."""
    with pytest.raises(InvalidValue, match=text) as caught:
        declaration(words)

    assert caught.value.code == "BARS_DECLARATION"
