"""Consecutive bars of one symbol as numbers, and what the features ask of them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue

Array = NDArray[np.float64]

WINDOW = 128
"""Bars in a window. The seed of the slowest average (RSI and ATR, 1/14 a bar) weighs (13/14)^113 = 0.02 % by then."""

_AT_ONCE = 65_536  # bars looked at together


def warm_up(steps: int) -> int:
    """Bars of a symbol before the first one that has `steps` feature rows, its own included."""
    return WINDOW - 1 + steps - 1


class Priced(Protocol):
    """A completed bar: domain.market.Bar or models.marketdata.MarketBar."""

    @property
    def open(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...
    @property
    def low(self) -> Decimal: ...
    @property
    def close(self) -> Decimal: ...
    @property
    def volume(self) -> Decimal: ...


class Bars(NamedTuple):
    """Consecutive bars of one symbol, oldest first: five float64 arrays of one length."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array

    @classmethod
    def of(cls, bars: Iterable[Priced]) -> Bars:
        columns = np.array([numbers(bar) for bar in bars], dtype=np.float64).reshape(-1, 5).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    def slice(self, start: int, stop: int) -> Bars:
        return Bars(*(column[start:stop] for column in self))


def numbers(bar: Priced) -> tuple[float, float, float, float, float]:
    """Open, high, low, close, volume. A decimal that no float can hold becomes infinite, and `check` refuses it."""
    return float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume)


def block(bars: Bars, start: int, stop: int) -> Array:
    """Bars `start` to `stop`, the latter not included, in the form that the kernel takes: (5, bars), checked."""
    made = np.array([column[start:stop] for column in bars], dtype=np.float64)
    check(made, start)
    return made


def count(bars: Bars) -> int:
    """How many bars. Raises InvalidValue when the columns differ in length."""
    lengths = {len(column) for column in bars}
    if len(lengths) != 1:
        raise InvalidValue("FEATURES_COLUMNS", f"columns of bars must have one length, they had {sorted(lengths)}")
    return lengths.pop()


def require_bars(bars: Bars) -> None:
    """Raise InvalidValue when columns differ in length, or a bar is none: see `check`."""
    for start in range(0, count(bars), _AT_ONCE):
        block(bars, start, start + _AT_ONCE)


def check(made: Array, first: int = 0) -> None:
    """Raise InvalidValue unless prices are finite and above zero, and volumes finite and not below zero.

    made: (5, bars), a Bars as rows. first: the position of its first bar, for the error's text.
    """
    if made.shape[1] == 0 or (made[:4].min() > 0 and made.max() < np.inf and made[4].min() >= 0):
        return  # NaN compares false with everything
    for column, name in zip(made, Bars._fields, strict=True):
        is_volume = name == "volume"
        wrong = np.flatnonzero(~(np.isfinite(column) & ((column >= 0) if is_volume else (column > 0))))
        if len(wrong):
            raise InvalidValue(
                "FEATURES_VOLUME" if is_volume else "FEATURES_PRICE",
                f"bars need a {name} that is finite and {'not below' if is_volume else 'above'} zero; "
                f"that of bar {first + int(wrong[0])} was {column[wrong[0]]}",
            )
