"""The one way from rows of text to bars: every source goes through `check`, and every row ends as a bar or dropped.

The bars do not depend on the order of the rows. Of identical rows one is kept; of rows that contradict each other none,
since their order in a file does not say which is right.

Verification: tests/models/marketdata/test_checks.py (each defect; whatever rows in whatever order, none is lost).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from domain.errors import InvalidValue
from models.marketdata import splits, times
from models.marketdata.bars import MarketBar
from models.marketdata.columns import Places
from models.marketdata.declared import Declared, usable_symbol
from models.marketdata.report import Tally
from models.marketdata.rows import Maker, Refused, Row

_Key = tuple[times.When, str]
_Kept = tuple[int, MarketBar, tuple[str, ...]]
"""A line, its bar, and the reasons to tell of it."""

_WHENS_MAX = 50_000


class Checked(NamedTuple):
    """bars: by (time, symbol). lines: where each stands in the source. rows: how many there were."""

    bars: tuple[MarketBar, ...]
    lines: tuple[int, ...]
    rows: int


def check(rows: Iterable[tuple[int, Row]], places: Places, declared: Declared, tally: Tally) -> Checked:
    """Read, adjust and check rows, which come with their line numbers; what is left out or changed goes to `tally`.

    Raises InvalidValue when there are more rows than declared.rows_max, or splits that contradict each other.
    """
    table = _Table(places, declared, tally)
    count = 0
    for line, row in rows:
        count += 1
        if count > declared.rows_max:
            raise InvalidValue(
                "BARS_TOO_MANY",
                f"expected at most {declared.rows_max} rows, there are more; cut the file, or declare more: rows_max=N",
            )
        table.take(line, row)
    bars = table.bars()
    return Checked(tuple(bar for _, bar in bars), tuple(line for line, _ in bars), count)


class _Table:
    """The bars found so far, by symbol and time."""

    def __init__(self, places: Places, declared: Declared, tally: Tally) -> None:
        self._places = places
        self._declared = declared
        self._tally = tally
        self._read_time = times.reader(declared)
        self._make = Maker(places, declared).make
        self._split_at = places.split if declared.prices == "splits" else -1
        self._ratios = splits.Ratios()
        self._factor_of = (places.adjusted_close, places.close) if declared.prices == "adj_close" else None
        self._factors = splits.Factors()
        self._symbols: set[str] = set()
        self._whens: dict[str, times.When] = {}
        self._found: dict[_Key, _Kept] = {}
        self._contradicted: set[_Key] = set()

    def take(self, line: int, row: Row) -> None:
        symbol, at = self._declared.symbol, ""
        places = self._places
        try:
            if len(row) != places.width:
                raise Refused("row_length", f"expected {places.width} fields, there were {len(row)}")
            at = row[places.time].strip()
            if places.symbol >= 0:
                symbol = row[places.symbol].strip()
                if symbol not in self._symbols:
                    self._know(symbol)
            when = self._when(at)
            if self._split_at >= 0:
                self._ratios.add(symbol, when, row[self._split_at])
            bar, notes = self._make(row, symbol, when)
        except Refused as error:
            self._tally.drop(line, symbol[:40], at[:40], error.code, error.text)
            return
        if self._factor_of is not None:
            adjusted, close = self._factor_of
            self._factors.add(symbol, when, float(row[adjusted]) / float(row[close]))
        self._keep((when, symbol), (line, bar, notes), at)

    def _know(self, symbol: str) -> None:
        if not usable_symbol(symbol):
            raise Refused("symbol_unusable", f"expected a symbol, it was {symbol[:40]!r}")
        self._symbols.add(symbol)

    def _when(self, at: str) -> times.When:
        """Symbols share their times: each is read once, mostly."""
        known = self._whens.get(at)
        if known is not None:
            return known
        try:
            when = self._read_time(at)
        except times.TimeOfDay as error:
            raise Refused("time_of_day", str(error)) from None
        except (ValueError, OverflowError) as error:
            raise Refused("time_unreadable", str(error)) from None
        if len(self._whens) < _WHENS_MAX:
            self._whens[at] = when
        return when

    def _keep(self, key: _Key, new: _Kept, at: str) -> None:
        old = self._found.setdefault(key, new)
        if old is new and key not in self._contradicted:
            return
        if old is not new and old[1] == new[1]:
            self._tally.drop(new[0], key[1], at, "duplicate", f"the same bar stands in {old[0]}")
            return
        del self._found[key]
        self._contradicted.add(key)
        if old is not new:
            self._contradict(old, at)
        self._contradict(new, at)

    def _contradict(self, row: _Kept, at: str) -> None:
        line, bar, _ = row
        said = f"it says {bar.open} {bar.high} {bar.low} {bar.close}, volume {bar.volume}; another row says otherwise"
        self._tally.drop(line, bar.symbol, at, "contradiction", said)

    def bars(self) -> list[tuple[int, MarketBar]]:
        """In the order of (time, symbol), adjusted for splits, with their lines."""
        latest: dict[str, times.When] = {}
        for (when, symbol), (line, bar, notes) in self._found.items():  # in the order of lines
            for code in notes:
                self._tally.note(line, bar, code, "")
            if when < latest.setdefault(symbol, when):
                self._tally.note(line, bar, "sorted", f"a bar of {latest[symbol].date} stands before it")
            else:
                latest[symbol] = when
        bars = [(line, bar) for _, (line, bar, _) in sorted(self._found.items())]  # no key is there twice
        if self._factor_of is not None:
            return splits.adjust_volumes(bars, self._factors.ratios(), self._declared, self._tally)
        if self._split_at < 0:
            return bars
        return splits.adjust(bars, self._ratios, self._declared, self._tally)
