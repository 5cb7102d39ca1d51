"""Adjusting for splits: prices before a split are divided by its ratio, volumes multiplied.

A split of ratio 2 on a day says that its bar is the first in new units, two of which came of each old one. A column
tells it, or a step in adjusted close over close does; then prices are adjusted already, and volumes alone are left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from msgspec.structs import replace

from domain.errors import InvalidValue
from models.marketdata.bars import MarketBar
from models.marketdata.declared import Declared
from models.marketdata.report import Tally
from models.marketdata.rows import Refused, number, rounded, units
from models.marketdata.times import When

SPLITS: tuple[float, ...] = (1.5, 2, 3, 4, 5, 7, 10, 15, 20, 25, 50, 100)
"""New units per old one; a consolidation is one over it. 5:4 and 6:5 are left out: markets fall that far overnight, and
special dividends are that large.
"""

_STEP_NEAR = 0.02
"""How near (in logarithms) a step must be to a split's: adjusted closes are rounded, a dividend may come with it."""

_FRACTION = re.compile(r"\s*(\d{1,6})\s*[:/]\s*(\d{1,6})\s*")
_RATIO_MAX = Decimal(10_000)


def ratio_of(text: str) -> Decimal:
    """New units per old one: 2, 1.5, 3:2. 1 for none, which files write as 0, 1 or nothing. Raises Refused."""
    if not text.strip():
        return Decimal(1)
    found = _FRACTION.fullmatch(text)
    try:
        value = Decimal(found[1]) / Decimal(found[2]) if found else number(text, "split")
    except ArithmeticError:
        value = Decimal("nan")
    if value == 0:
        return Decimal(1)
    if not value.is_finite() or not 1 / _RATIO_MAX <= value <= _RATIO_MAX:
        raise Refused(
            "value_unreadable", f"expected a split of 1/10000 to 10000 new units per old one, it was {text!r}"
        )
    return value


class Ratios:
    """The splits of all symbols. A row that is dropped as a bar still tells its split."""

    def __init__(self) -> None:
        self._found: dict[str, dict[When, Decimal]] = {}

    def add(self, symbol: str, when: When, text: str) -> None:
        """Raises Refused for a text that is no ratio, InvalidValue for a second split of another ratio."""
        ratio = ratio_of(text)
        if ratio != 1:
            self.put(symbol, when, ratio)

    def put(self, symbol: str, when: When, ratio: Decimal) -> None:
        known = self._found.setdefault(symbol, {}).setdefault(when, ratio)
        if known != ratio:
            raise InvalidValue(
                "BARS_SPLIT_CONTRADICTION",
                f"{symbol} is split at {when.date} by {known} and by {ratio}: all prices before depend on it",
            )

    def of(self, symbol: str) -> list[tuple[When, Decimal]]:
        """In the order of time."""
        return sorted(self._found.get(symbol, {}).items())


class Factors:
    """Adjusted close over close of each bar. A dividend lifts it a little from then on, a split by its ratio."""

    def __init__(self) -> None:
        self._found: dict[str, dict[When, float]] = {}

    def add(self, symbol: str, when: When, factor: float) -> None:
        self._found.setdefault(symbol, {})[when] = factor

    def ratios(self) -> Ratios:
        """The splits that the steps are."""
        known = [ratio for split in map(Decimal, SPLITS) for ratio in (split, 1 / split)]
        found = Ratios()
        for symbol, own in self._found.items():
            whens = sorted(own)
            steps = np.diff(np.log([own[when] for when in whens]))
            far = np.abs(steps[:, None] - np.log(np.array(known, dtype=np.float64)))
            for place in np.flatnonzero(far.min(axis=1, initial=np.inf) < _STEP_NEAR).tolist():
                found.put(symbol, whens[place + 1], known[far[place].argmin()])
        return found


def adjust(
    bars: Sequence[tuple[int, MarketBar]], ratios: Ratios, declared: Declared, tally: Tally
) -> list[tuple[int, MarketBar]]:
    """Bars of any symbols with their lines, in the order of time, adjusted and rounded."""
    adjusted: list[tuple[int, MarketBar]] = []
    for line, bar, ratio in _with_ratios(bars, ratios):
        before = (bar.open, bar.high, bar.low, bar.close)
        try:
            opened, high, low, close = rounded(before, declared.price_step, over=ratio)
            new = replace(bar, open=opened, high=high, low=low, close=close, volume=_volume(bar, ratio, declared))
        except Refused as error:
            tally.drop(line, bar.symbol, bar.date.isoformat(), error.code, error.text)
            continue
        adjusted.append((line, new))
        if ratio != 1:
            tally.note(line, new, "adjusted", f"divided by {ratio.normalize():f}")
        elif (opened, high, low, close) != before:
            tally.note(line, new, "rounded", "")
    return adjusted


def adjust_volumes(
    bars: Sequence[tuple[int, MarketBar]], ratios: Ratios, declared: Declared, tally: Tally
) -> list[tuple[int, MarketBar]]:
    """The same for bars whose prices are adjusted already."""
    adjusted: list[tuple[int, MarketBar]] = []
    for line, bar, ratio in _with_ratios(bars, ratios):
        if ratio == 1:
            adjusted.append((line, bar))
            continue
        new = replace(bar, volume=_volume(bar, ratio, declared))
        adjusted.append((line, new))
        tally.note(line, new, "volume_adjusted", f"multiplied by {ratio.normalize():f}")
    return adjusted


def _with_ratios(bars: Sequence[tuple[int, MarketBar]], ratios: Ratios) -> Iterator[tuple[int, MarketBar, Decimal]]:
    """Each bar with the product of the splits that come after it."""
    left = {bar.symbol: ratios.of(bar.symbol) for _, bar in bars}
    by = {symbol: _product(own) for symbol, own in left.items()}
    for line, bar in bars:
        own = left[bar.symbol]
        while own and own[0][0] <= (bar.date, bar.start_us, bar.end_us):
            own.pop(0)
            by[bar.symbol] = _product(own)
        yield line, bar, by[bar.symbol]


def _volume(bar: MarketBar, ratio: Decimal, declared: Declared) -> Decimal:
    volume = bar.volume * ratio
    whole = volume if declared.fractional_volume else volume.quantize(Decimal(1), ROUND_HALF_EVEN)
    return units(whole, declared.fractional_volume)


def _product(ratios: Sequence[tuple[When, Decimal]]) -> Decimal:
    product = Decimal(1)
    for _, ratio in ratios:
        product *= ratio
    return product
