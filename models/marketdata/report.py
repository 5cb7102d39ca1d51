"""What became of a source's rows: how many are bars, and what was dropped, changed or stands out, and why.

Boundaries: the report says what was seen. Nothing is filled in, and nothing that is flagged is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from models.marketdata.bars import MarketBar, data_hash, moment
from models.marketdata.declared import PRICES, Declared

Effect = Literal["dropped", "changed", "flagged"]

EXAMPLES_MAX = 5
"""Examples that a report shows of each reason, the first ones of the file."""

REASONS: Mapping[str, tuple[Effect, str]] = MappingProxyType(
    {
        "row_length": ("dropped", "it has more or fewer fields than the heading"),
        "symbol_unusable": ("dropped", "its symbol is empty or has signs that no symbol has"),
        "time_unreadable": ("dropped", "its day or time cannot be read"),
        "time_of_day": ("dropped", "it has a time of day, and rows were declared to be days"),
        "value_missing": ("dropped", "a number is empty"),
        "value_unreadable": ("dropped", "a number cannot be read"),
        "value_out_of_bounds": ("dropped", "a number is too large, or a price too small for the price step"),
        "not_finite": ("dropped", "a number is NaN or infinite"),
        "not_positive": ("dropped", "a price is not above zero, or the volume is below it"),
        "high_below_low": ("dropped", "high is below low"),
        "out_of_range": ("dropped", "open or close does not lie between low and high"),
        "volume_fraction": ("dropped", "the volume is not whole, and fractions were not declared"),
        "duplicate": ("dropped", "the same bar stands in the file already"),
        "contradiction": (
            "dropped",
            "rows say different things of one symbol and time: none of them is kept",
        ),
        "zero_volume_dropped": ("dropped", "nothing was traded, and such bars were declared to be dropped"),
        "sorted": ("changed", "it stood behind a later bar of its symbol and was moved"),
        "rounded": ("changed", "its prices had more decimals than the price step"),
        "adjusted": ("changed", "its prices were adjusted as declared"),
        "volume_adjusted": ("changed", "its volume was put into the units that later splits made"),
        "gap": ("flagged", "bars are missing before it"),
        "off_session": ("flagged", "the exchange was closed"),
        "calendar_unknown": ("flagged", "the exchange's calendar does not reach that far: gaps there are not seen"),
        "overlap": ("flagged", "it starts before the bar before it has ended"),
        "interval_doubted": ("flagged", "bars are never as close as the declared interval"),
        "zero_volume": ("flagged", "nothing was traded"),
        "stale": ("flagged", "a run of bars without a trade and with an unchanged price begins here"),
        "split_suspected": ("flagged", "its price stands to the last one as after a split that was not adjusted for"),
        "adjustment_doubted": ("flagged", "its adjusted close is not its close, though prices were declared adjusted"),
    }
)
"""Every reason: what it does to the row, and what it means."""


class Dropped(NamedTuple):
    """A row that is no bar. line: in the file, as Report.counted says. reason: the text; code: one of REASONS."""

    line: int
    symbol: str
    date: str
    reason: str
    code: str = ""


class Example(msgspec.Struct, frozen=True):
    """line: as Report.counted says. at: the row's time, as text."""

    line: int
    symbol: str
    at: str
    text: str


class Reason(msgspec.Struct, frozen=True):
    """How often one of REASONS was seen, with the first examples."""

    code: str
    effect: Effect
    meaning: str
    count: int
    examples: tuple[Example, ...]


class Span(msgspec.Struct, frozen=True):
    """The bars of one symbol: how many, and the times of the first and the last."""

    symbol: str
    bars: int
    first: str
    last: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """rows: read from the source; bars: of them kept; the others are dropped: rows == bars + dropped.

    counted: what a line number means, lines of a text file (the heading is line 1) or rows of a table (from 1).
    prices: what declared.prices means for the bars. ignored: columns that were not read.
    """

    source: str
    counted: Literal["line", "row"]
    declared: Declared
    prices: str
    ignored: tuple[str, ...]
    rows: int
    bars: int
    dropped: int
    symbols: tuple[Span, ...]
    data_hash: str
    reasons: tuple[Reason, ...]

    def reason(self, code: str) -> Reason | None:
        """What was seen of one of REASONS; None when nothing was."""
        assert code in REASONS, code
        return next((reason for reason in self.reasons if reason.code == code), None)

    def count(self, code: str) -> int:
        """How often one of REASONS was seen."""
        found = self.reason(code)
        return 0 if found is None else found.count

    def json(self) -> bytes:
        """The report as JSON."""
        return msgspec.json.encode(self)


class Reading(NamedTuple):
    """What a source holds: its bars by (time, symbol), the rows that were dropped by line, and the report."""

    bars: tuple[MarketBar, ...]
    dropped: tuple[Dropped, ...]
    report: Report


class Tally:
    """Counts reasons while rows are read; keeps what was dropped, and the first examples of each."""

    def __init__(self) -> None:
        self.dropped: list[Dropped] = []
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[Example]] = {}

    def drop(self, line: int, symbol: str, at: str, code: str, text: str) -> None:
        """A row that is left out."""
        assert REASONS[code][0] == "dropped", code
        self.dropped.append(Dropped(line, symbol, at, text, code))
        if self._count(code):
            self._examples[code].append(Example(line, symbol, at, text))

    def note(self, line: int, bar: MarketBar, code: str, text: str) -> None:
        """A bar that was changed, or that stands out."""
        assert REASONS[code][0] != "dropped", code
        if self._count(code):
            self._examples[code].append(Example(line, bar.symbol, moment(bar), text))

    def _count(self, code: str) -> bool:
        """Whether another example is wanted."""
        count = self._counts[code] = self._counts.get(code, 0) + 1
        if count == 1:
            self._examples[code] = []
        return count <= EXAMPLES_MAX

    def reasons(self) -> tuple[Reason, ...]:
        """In the order of REASONS."""
        return tuple(
            Reason(code, effect, meaning, self._counts[code], tuple(self._examples[code]))
            for code, (effect, meaning) in REASONS.items()
            if code in self._counts
        )


def reading(
    source: str,
    counted: Literal["line", "row"],
    declared: Declared,
    ignored: Sequence[str],
    rows: int,
    bars: tuple[MarketBar, ...],
    tally: Tally,
) -> Reading:
    """Bars, dropped rows and the report, which account for every row."""
    assert rows == len(bars) + len(tally.dropped), f"{rows} rows became {len(bars)} bars, {len(tally.dropped)} dropped"
    report = Report(
        source=source,
        counted=counted,
        declared=declared,
        prices=PRICES[declared.prices],
        ignored=tuple(ignored),
        rows=rows,
        bars=len(bars),
        dropped=len(tally.dropped),
        symbols=_spans(bars),
        data_hash=data_hash(bars),
        reasons=tally.reasons(),
    )
    return Reading(bars, tuple(sorted(tally.dropped)), report)


def _spans(bars: Sequence[MarketBar]) -> tuple[Span, ...]:
    found: dict[str, list[MarketBar]] = {}
    counts: dict[str, int] = {}
    for bar in bars:
        found.setdefault(bar.symbol, [bar, bar])[1] = bar
        counts[bar.symbol] = counts.get(bar.symbol, 0) + 1
    return tuple(
        Span(symbol, counts[symbol], moment(first), moment(last)) for symbol, (first, last) in sorted(found.items())
    )
