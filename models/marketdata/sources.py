"""The sources of bars there are, by name: `bokeh`, `csv:PATH`, `parquet:PATH`, `synthetic:strength=0.3,…`.

A source is named by one text, so that a command, a model's record and a report can all say which it was. Whatever it
is, its rows go through models.marketdata.reading, and it gives a Reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from domain.errors import InvalidValue
from models.marketdata import bokeh
from models.marketdata.bars import MarketBar
from models.marketdata.csv_file import read_csv, read_text
from models.marketdata.declared import Declared
from models.marketdata.parquet_file import read_parquet
from models.marketdata.reading import read as read_table
from models.marketdata.report import Reading


class Source(NamedTuple):
    """A kind of source. form: how it is named. declared: whether its rows are declared by who reads them.

    read: gives what is named by the text behind the colon.
    """

    form: str
    holds: str
    licence: str
    prices: str
    declared: bool
    read: Callable[[str, Declared], Reading]


def read(name: str, declared: Declared | None = None) -> Reading:
    """The bars of a source, and the report on its rows.

    Raises InvalidValue for a name that is none, a declaration that is missing or not wanted, and columns, rows or
    files that are not usable; UnreadableInput for damaged files; UnavailableError for what is not there.
    """
    kind, _, rest = name.partition(":")
    source = SOURCES.get(kind)
    if source is None or (bool(rest) and ":" not in source.form) or (not rest and source.form.endswith(":PATH")):
        forms = ", ".join(source.form for source in SOURCES.values())
        raise InvalidValue("SOURCE_UNKNOWN", f"expected a source as {forms}; it was {name!r}")
    if source.declared and declared is None:
        raise InvalidValue("SOURCE_DECLARATION", f"{name} needs to be declared: at least how its prices are adjusted")
    if not source.declared and declared is not None:
        raise InvalidValue("SOURCE_DECLARATION", f"{kind} is declared already ({source.prices}); nothing can be added")
    return source.read(rest, declared or bokeh.DECLARED)


def select(bars: Sequence[MarketBar], symbols: Sequence[str], first: date, last: date) -> list[MarketBar]:
    """Of a reading, the bars of `symbols` (all, when there are none) from `first` to `last`, both included.

    Raises InvalidValue for a symbol without a bar.
    """
    known = sorted({bar.symbol for bar in bars})
    unknown = sorted(set(symbols) - set(known))
    if unknown:
        raise InvalidValue(
            "INSTRUMENT_UNKNOWN", f"no market data for {', '.join(unknown)}; there is {', '.join(known)}"
        )
    wanted = frozenset(symbols or known)
    return [bar for bar in bars if bar.symbol in wanted and first <= bar.date <= last]


def _bokeh(_: str, declared: Declared) -> Reading:
    return read_text("bokeh", bokeh.installed_text(), declared)


def _csv(path: str, declared: Declared) -> Reading:
    return read_csv(Path(path), declared)


def _parquet(path: str, declared: Declared) -> Reading:
    return read_parquet(Path(path), declared)


def _synthetic(text: str, _: Declared) -> Reading:
    from models.marketdata import synthetic  # imports scipy and TA-Lib

    market = synthetic.market_of(text)
    heading = ("symbol", "time", "open", "high", "low", "close", "volume")
    rows = (
        (str(bar.symbol), str(bar.date if bar.start_us is None else bar.start_us), *map(str, prices))
        for bar in synthetic.market_bars(market)
        for prices in [(bar.open, bar.high, bar.low, bar.close, bar.volume)]
    )
    declared = Declared(
        prices="adjusted",
        interval_s=market.interval_s,
        time_format="" if market.interval_s is None else "epoch_us",
    )
    name = f"synthetic:{text}" if text else "synthetic"
    return read_table(name, "row", heading, enumerate(rows, start=1), declared)


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "bokeh": Source(
            "bokeh",
            "daily bars of AAPL, IBM and MSFT 2000-2013, GOOG from 2004, FB from 2012, out of the package "
            "bokeh-sampledata",
            "public domain; the package: BSD-3-Clause",
            "adj_close: adjusted for splits and dividends by the file's adjusted close",
            False,
            _bokeh,
        ),
        "csv": Source("csv:PATH", "a CSV file of yours, plain or .gz", "yours", "as declared", True, _csv),
        "parquet": Source("parquet:PATH", "a Parquet file of yours", "yours", "as declared", True, _parquet),
        "synthetic": Source(
            "synthetic[:NAME=VALUE,…]",
            "a market made here, with an edge of a known strength (0: none)",
            "made here",
            "adjusted: there are no splits and no dividends",
            False,
            _synthetic,
        ),
    }
)
