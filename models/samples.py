"""Samples of several symbols, pooled, and their split by time: never by row, and never with an interval in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models.features import FEATURES, Array, Bars, compute_frame
from models.labels import LabelRule, label, uniqueness
from models.marketdata import MarketBar

Times = NDArray[np.datetime64]
"""Days (datetime64[D]), or for bars within a day the last microsecond of a bar (datetime64[us]), which lies in its day.

What is said of days elsewhere in models/validation holds for both: they are the bars' own clock.
"""


@dataclass(frozen=True)
class Samples:
    """Columns of equal length, one entry per decision, sorted by (decided, symbol).

    decided: day (or moment) of the decision; ends: the last one that the label looks at. target: index into CLASSES.
    earned: see models.labels. weight: uniqueness of the label, in units of the mean. row: of the decision, in `frame`.
    frame: (all rows, features), every symbol's feature rows together, each symbol's in the order of time; it is not cut
    by `where`, so a sequence may reach back before the first decision that is left. first_row: the symbol's first row.
    """

    decided: Times
    ends: Times
    symbol: NDArray[np.str_]
    target: NDArray[np.int64]
    earned: Array
    weight: Array
    row: NDArray[np.int64]
    first_row: NDArray[np.int64]
    frame: Array

    def __len__(self) -> int:
        return len(self.target)

    @property
    def features(self) -> Array:
        """(samples, features), columns in the order of FEATURES."""
        return self.frame[self.row]

    def rows(self, steps: int) -> Array:
        """(samples, steps, features): the rows of the last `steps` bars, oldest first. See models.learners.base.

        Raises InvalidValue when a sample has fewer bars before it: take `with_steps(steps)` first.
        """
        if len(self) and int((self.row - self.first_row).min()) < steps - 1:
            raise InvalidValue("SAMPLES_TOO_SHORT", f"a sample has fewer than {steps} feature rows of its symbol")
        rows: Array = self.frame[self.row[:, None] + np.arange(1 - steps, 1)]
        return rows

    def with_steps(self, steps: int) -> Samples:
        """The samples that have `steps` feature rows of their symbol."""
        return self.where(self.row - self.first_row >= steps - 1)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Samples:
        """Those that a mask or an array of positions chooses."""
        return Samples(
            **{f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "frame"}, frame=self.frame
        )

    def ending_before(self, day: date) -> Samples:
        """What may be learned from before `day`: labels that look at `day` or later are purged."""
        return self.where(self.ends < np.datetime64(day))

    def between(self, first: date, last: date) -> Samples:
        """Decisions from `first` on whose labels look no further than `last`."""
        looked_to = self.ends.astype("datetime64[D]")
        return self.where((self.decided >= np.datetime64(first)) & (looked_to <= np.datetime64(last)))


def build_samples(bars: Iterable[MarketBar], rule: LabelRule) -> Samples:
    """The samples of all symbols in `bars`. A symbol with fewer bars than a window and a horizon gives none.

    Raises InvalidValue for days and bars within a day together: they have no clock in common.
    """
    by_symbol: dict[str, list[MarketBar]] = {}
    are_days: bool | None = None
    for bar in bars:
        if are_days is None:
            are_days = bar.start_us is None
        if are_days != (bar.start_us is None):
            kinds = ("a day", "within a day") if are_days else ("within a day", "a day")
            text = (
                f"expected bars of one kind; the first is {kinds[0]}, that of {bar.symbol} on {bar.date} is {kinds[1]}"
            )
            raise InvalidValue("SAMPLES_MIXED", text)
        by_symbol.setdefault(bar.symbol, []).append(bar)
    parts: list[Samples] = []
    rows = 0
    for symbol, own in sorted(by_symbol.items()):
        parts.append(_of_symbol(symbol, sorted(own, key=lambda b: b.at_us), rule, rows))
        rows += len(parts[-1].frame)
    pooled = _concatenated(parts)
    return pooled.where(np.lexsort((pooled.symbol, pooled.decided)))


def times(bars: Sequence[MarketBar]) -> Times:
    """When each of some bars of one kind was complete."""
    if not bars or bars[0].end_us is None:
        return np.array([bar.date for bar in bars], dtype="datetime64[D]")
    return np.array([bar.at_us - 1 for bar in bars], dtype=np.int64).astype("datetime64[us]")


def _of_symbol(symbol: str, bars: list[MarketBar], rule: LabelRule, first_row: int) -> Samples:
    columns = Bars.of(bars)
    clock = times(bars)
    index, frame = compute_frame(columns)
    labels = label(columns, rule)
    place = np.full(len(bars), -1, dtype=np.int64)
    place[index] = np.arange(len(index))
    chosen = place[labels.decided] >= 0  # labelled bars that have features
    decided, ends = labels.decided[chosen], labels.ends[chosen]
    weight = uniqueness(decided, ends)
    return Samples(
        decided=clock[decided],
        ends=clock[ends],
        symbol=np.full(len(decided), symbol),
        target=labels.target[chosen],
        earned=labels.earned[chosen],
        weight=weight / weight.mean() if len(weight) else weight,
        row=first_row + place[decided],
        first_row=np.full(len(decided), first_row),
        frame=frame,
    )


def _concatenated(parts: list[Samples]) -> Samples:
    if not parts:
        days, number = np.empty(0, dtype="datetime64[D]"), np.empty(0, dtype=np.int64)
        none, symbols = np.empty(0), np.empty(0, dtype="U1")
        return Samples(days, days, symbols, number, none, none, number, number, np.empty((0, len(FEATURES))))
    return Samples(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Samples)})
