"""The demo's real market data: daily bars of five US equities, 2000 to 2013, out of the `bokeh_sampledata` package.

Source: bokeh_sampledata/_data/stocks.csv.gz (public domain), columns Ticker, Date, Open, High, Low, Close, Volume and
Adj Close. Prices are adjusted for splits and dividends by Adj Close / Close, volume is as traded. The file is read from
the installed package and never copied.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.resources
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

import msgspec

from domain.errors import InvalidValue, UnavailableError
from domain.market import Bar, Tick

PRICE_STEP = Decimal("0.0001")
TICK_TIMES: tuple[time, time, time, time] = (time(14, 30), time(16, 30), time(18, 30), time(21, 0))  # UTC
_COLUMNS = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume", "Adj Close")
_logger = logging.getLogger(__name__)


class MarketBar(msgspec.Struct, frozen=True, kw_only=True):
    """One trading day of one symbol. Prices: adjusted USD, four decimals; volume: whole shares as traded."""

    symbol: str
    date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def bar(self) -> Bar:
        """The bar as `market.ticks` carries it. Raises InvalidValue when it contradicts itself."""
        return Bar(open=self.open, high=self.high, low=self.low, close=self.close, volume=self.volume)


class Dropped(NamedTuple):
    """A row that is no usable bar. line: in the file, the heading is line 1."""

    line: int
    symbol: str
    date: str
    reason: str


class Reading(NamedTuple):
    """What a file holds: its bars by (date, symbol), and the rows that were dropped with the reason for each."""

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


def read_rows(rows: Iterable[Mapping[str, str]]) -> Reading:
    """Adjust and check raw rows. A row that is no bar, or repeats a day of its symbol, is dropped with its reason."""
    bars: dict[tuple[date, str], MarketBar] = {}
    dropped: list[Dropped] = []
    for line, row in enumerate(rows, start=2):
        try:
            bar = _adjusted(row)
            if (bar.date, bar.symbol) in bars:
                raise InvalidValue("BAR_REPEATED", f"{bar.symbol} has a bar of {bar.date} already")
        except (InvalidValue, InvalidOperation, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            reason = f"{type(error).__name__}: {error}"
            dropped.append(Dropped(line, str(row.get("Ticker")), str(row.get("Date")), reason))
            continue
        bars[bar.date, bar.symbol] = bar
    return Reading(tuple(bars[key] for key in sorted(bars)), tuple(dropped))


def ticks_of(bar: MarketBar) -> tuple[Tick, Tick, Tick, Tick]:
    """Open, high, low and close as prints at 14:30, 16:30, 18:30 and 21:00 UTC; the close carries the bar.

    Each has a quarter of the volume in whole shares, the last one the remainder too.
    """
    quarter = bar.volume // 4
    opened, high, low, closed = (_time_us(bar.date, at) for at in TICK_TIMES)
    return (
        Tick(symbol=bar.symbol, market_time_us=opened, price=bar.open, volume=quarter),
        Tick(symbol=bar.symbol, market_time_us=high, price=bar.high, volume=quarter),
        Tick(symbol=bar.symbol, market_time_us=low, price=bar.low, volume=quarter),
        Tick(
            symbol=bar.symbol,
            market_time_us=closed,
            price=bar.close,
            volume=bar.volume - 3 * quarter,
            bar=bar.bar(),
        ),
    )


def data_hash(bars: Iterable[MarketBar]) -> str:
    """SHA-256 (hex) over the bars in their order, one comma separated line each."""
    digest = hashlib.sha256()
    for bar in bars:
        fields = (bar.symbol, bar.date.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume)
        digest.update((",".join(map(str, fields)) + "\n").encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _installed() -> Reading:
    reading = read_rows(csv.DictReader(_installed_text().splitlines()))
    for row in reading.dropped:
        _logger.warning("dropped market data line %d (%s %s): %s", *row)
    return reading


def _installed_text() -> str:
    try:
        file = importlib.resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
        text = gzip.decompress(file.read_bytes()).decode()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise UnavailableError(
            "the demo's market data is not installed: install the `demo` extra (pip install 'tapeledger[demo]'), "
            f"which brings bokeh-sampledata ({error})"
        ) from error
    heading = tuple(text.split("\n", 1)[0].strip().split(","))
    if heading != _COLUMNS:
        raise UnavailableError(f"bokeh_sampledata's stocks.csv.gz has columns {heading}; expected {_COLUMNS}")
    return text


def _adjusted(row: Mapping[str, str]) -> MarketBar:
    """Each price times adjusted / close, rounded. All steps are monotone, so the order of the prices stays."""
    close, adjusted = Decimal(row["Close"]), Decimal(row["Adj Close"])

    def price(column: str) -> Decimal:
        return (Decimal(row[column]) * adjusted / close).quantize(PRICE_STEP, ROUND_HALF_EVEN)

    volume = Decimal(row["Volume"])
    if volume != volume.to_integral_value():
        raise InvalidValue("BAR_VOLUME_FRACTION", f"volume {volume} is not in whole shares")
    bar = MarketBar(
        symbol=row["Ticker"],
        date=date.fromisoformat(row["Date"]),
        open=price("Open"),
        high=price("High"),
        low=price("Low"),
        close=price("Close"),
        volume=volume,
    )
    if not bar.symbol:
        raise InvalidValue("BAR_SYMBOL_MISSING", "a bar needs a symbol, it was empty")
    bar.bar()  # checks the prices against each other
    return bar


def _time_us(day: date, at: time) -> int:
    return int(datetime.combine(day, at, tzinfo=UTC).timestamp()) * 1_000_000
