"""Samples of several symbols, pooled, and their split by time: never by row, and never with an interval in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

from models.features import FEATURES, Array, Bars, compute_frame
from models.labels import LabelRule, label, uniqueness
from models.marketdata import MarketBar

Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Samples:
    """Columns of equal length, one row per decision, sorted by (decided, symbol).

    features: one column per feature in the order of FEATURES. decided: day of the decision; ends: last day that the
    label looks at. target: index into CLASSES. earned: see models.labels. weight: uniqueness of the label, in units of
    the mean.
    """

    features: Array
    decided: Days
    ends: Days
    symbol: NDArray[np.str_]
    target: NDArray[np.int64]
    earned: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.target)

    def where(self, mask: NDArray[np.bool_]) -> Samples:
        return Samples(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})

    def ending_before(self, day: date) -> Samples:
        """What may be learned from before `day`: labels that look at `day` or later are purged."""
        return self.where(self.ends < np.datetime64(day))

    def between(self, first: date, last: date) -> Samples:
        """Decisions from `first` on whose labels look no further than `last`."""
        return self.where((self.decided >= np.datetime64(first)) & (self.ends <= np.datetime64(last)))


def build(bars: Iterable[MarketBar], rule: LabelRule) -> Samples:
    """The samples of all symbols in `bars`. A symbol with fewer bars than a window and a horizon gives none."""
    by_symbol: dict[str, list[MarketBar]] = {}
    for bar in bars:
        by_symbol.setdefault(bar.symbol, []).append(bar)
    parts = [_of_symbol(symbol, sorted(own, key=lambda b: b.date), rule) for symbol, own in sorted(by_symbol.items())]
    pooled = _concatenated(parts)
    order = np.lexsort((pooled.symbol, pooled.decided))
    return Samples(**{field.name: getattr(pooled, field.name)[order] for field in fields(pooled)})


def _of_symbol(symbol: str, bars: list[MarketBar], rule: LabelRule) -> Samples:
    columns = Bars.of(bars)
    days = np.array([bar.date for bar in bars], dtype="datetime64[D]")
    index, matrix = compute_frame(columns)
    labels = label(columns, rule)
    rows = index[index < len(labels.decided)]  # label k is that of bar k; the last ones have none
    decided, ends = labels.decided[rows], labels.ends[rows]
    weight = uniqueness(decided, ends)
    return Samples(
        features=matrix[: len(rows)],
        decided=days[decided],
        ends=days[ends],
        symbol=np.full(len(rows), symbol),
        target=labels.target[rows],
        earned=labels.earned[rows],
        weight=weight / weight.mean() if len(weight) else weight,
    )


def _concatenated(parts: list[Samples]) -> Samples:
    if not parts:
        none = np.empty(0, dtype="datetime64[D]")
        number, empty = np.empty(0, dtype=np.int64), np.empty(0)
        return Samples(np.empty((0, len(FEATURES))), none, none, np.empty(0, dtype="U1"), number, empty, empty)
    return Samples(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Samples)})
