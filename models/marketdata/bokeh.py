"""The demo's real market data: daily bars of five US equities, 2000 to 2013, out of the `bokeh_sampledata` package.

Source: bokeh_sampledata/_data/stocks.csv.gz (public domain), columns Ticker, Date, Open, High, Low, Close, Volume and
Adj Close. Prices are adjusted for splits and dividends by Adj Close / Close, volumes for splits. The file is read from
the installed package and never copied.
"""

from __future__ import annotations

import csv
import gzip
import importlib.resources
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from domain.errors import InvalidValue, UnavailableError
from models.marketdata.bars import MarketBar
from models.marketdata.checks import check
from models.marketdata.columns import places
from models.marketdata.declared import Declared
from models.marketdata.report import Dropped, Tally

DECLARED = Declared(prices="adj_close", mic="XNYS")
COLUMNS = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume", "Adj Close")
_logger = logging.getLogger(__name__)


class Rows(NamedTuple):
    """What rows hold: their bars by (date, symbol), and the rows that were dropped with the reason for each."""

    bars: tuple[MarketBar, ...]
    dropped: tuple[Dropped, ...]


def load_bars(symbols: Sequence[str], first: date, last: date) -> list[MarketBar]:
    """The bars of `symbols` from `first` to `last`, both included, sorted by (date, symbol).

    Raises UnavailableError when the package is not installed, InvalidValue for a symbol that the file does not have.
    """
    bars = _installed().bars
    known = sorted({bar.symbol for bar in bars})
    unknown = sorted(set(symbols) - set(known))
    if unknown:
        raise InvalidValue(
            "INSTRUMENT_UNKNOWN", f"no market data for {', '.join(unknown)}; there is {', '.join(known)}"
        )
    wanted = frozenset(symbols)
    return [bar for bar in bars if bar.symbol in wanted and first <= bar.date <= last]


def read_rows(rows: Iterable[Mapping[str, str]]) -> Rows:
    """Adjust and check rows of COLUMNS, numbered from 2: the heading is line 1. See models.marketdata.checks."""
    return _checked((line, [row.get(column) or "" for column in COLUMNS]) for line, row in enumerate(rows, start=2))


def installed_text() -> str:
    """The file, unpacked. Raises UnavailableError when it is not installed, or not as it was."""
    try:
        file = importlib.resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
        text = gzip.decompress(file.read_bytes()).decode()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise UnavailableError(
            "the demo's market data is not installed: install the `demo` extra (pip install 'tapeledger[demo]'), "
            f"which brings bokeh-sampledata ({error})"
        ) from error
    heading = tuple(text.split("\n", 1)[0].strip().split(","))
    if heading != COLUMNS:
        raise UnavailableError(f"bokeh_sampledata's stocks.csv.gz has columns {heading}; expected {COLUMNS}")
    return text


@lru_cache(maxsize=1)
def _installed() -> Rows:
    lines = csv.reader(installed_text().splitlines()[1:])
    reading = _checked(enumerate(lines, start=2))
    for row in reading.dropped:
        _logger.warning("dropped market data line %d (%s %s): %s (%s)", *row)
    return reading


def _checked(rows: Iterable[tuple[int, Sequence[str]]]) -> Rows:
    """Without the report, and what only stands out: the feed's start is not the place for either."""
    tally = Tally()
    bars = check(rows, places(COLUMNS, DECLARED), DECLARED, tally).bars
    return Rows(bars, tuple(sorted(tally.dropped)))
