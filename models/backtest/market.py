"""The prices that a backtest sees: each symbol's ticks with their positions, and the bars that they complete.

A bar is played as the feed plays it (models.marketdata.ticks_of): open, high, low, close, each with a quarter of the
volume; the last one completes the bar. Ticks of the installed market data have no position on `market.ticks`; they are
numbered in the order in which a feed would publish them, on partition 0. The positions decide the jitter of the half
spread (domain.paper_costs) and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue
from domain.market import Bar, TickAt, TickRef
from models import marketdata
from models.features import warm_up
from models.marketdata import MarketBar

_BEGINNING = date(1900, 1, 1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Series:
    """One symbol. ticks: in the order of their positions. bars: the completed ones; closes: the position in `ticks` of
    the tick that completes each. first: index of the first bar of the period; those before are warm-up.
    """

    symbol: str
    ticks: tuple[TickAt, ...]
    closes: tuple[int, ...]
    bars: tuple[Bar, ...]
    first: int

    def close(self, bar: int) -> TickAt:
        """The tick that completes a bar."""
        return self.ticks[self.closes[bar]]

    @property
    def close_times_us(self) -> NDArray[np.int64]:
        """Market times at which the bars were complete, microseconds UTC."""
        times = [self.ticks[place].ref.market_time_us for place in self.closes]
        return np.array(times, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Market:
    """series: in the order of symbols, those without a bar in the period left out. source: in words."""

    series: tuple[Series, ...]
    first: date
    last: date
    source: str

    @property
    def bars(self) -> int:
        """Bars of the period, of all symbols."""
        return sum(len(one.bars) - one.first for one in self.series)

    def data_hash(self) -> str:
        """SHA-256 (hex) over all ticks, warm-up included: what decides the outcome, and nothing else."""
        digest = hashlib.sha256()
        for one in self.series:
            for ref, tick in one.ticks:
                fields = (tick.symbol, ref.market_time_us, tick.price, tick.volume, ref.partition, ref.offset)
                digest.update((",".join(map(str, fields)) + "\n").encode())
            digest.update((",".join(map(str, one.closes)) + "\n").encode())
        return digest.hexdigest()


def installed(symbols: Sequence[str], first: date, last: date, steps: int = 1) -> Market:
    """The market data of the installed package.

    Raises InvalidValue for an unknown symbol, or when there is no bar in the period, UnavailableError when the package
    is not installed.
    """
    bars = marketdata.load_bars(sorted(symbols), _BEGINNING, last)
    return of_bars(bars, first, last, warm_up(steps), "daily bars of the installed package, adjusted prices")


def of_bars(bars: Iterable[MarketBar], first: date, last: date, before: int, source: str) -> Market:
    """A market of bars in any order; of those before the first day the newest `before` of each symbol are kept.

    Raises InvalidValue when no bar is in the period, or one contradicts itself.
    """
    by_symbol: dict[str, list[MarketBar]] = {}
    for bar in bars:
        if bar.date <= last:
            by_symbol.setdefault(bar.symbol, []).append(bar)
    chosen: dict[str, tuple[list[MarketBar], int]] = {}
    for symbol, own in sorted(by_symbol.items()):
        own.sort(key=lambda one: one.date)
        start = next((place for place, bar in enumerate(own) if bar.date >= first), len(own))
        if start < len(own):
            kept = own[max(0, start - before) :]
            chosen[symbol] = kept, start - max(0, start - before)
    _require(bool(chosen), first, last)
    played = [tick for own, _ in chosen.values() for bar in own for tick in marketdata.ticks_of(bar)]
    played.sort(key=lambda tick: (tick.market_time_us, tick.symbol))
    ticks: dict[str, list[TickAt]] = {symbol: [] for symbol in chosen}
    for offset, tick in enumerate(played):
        ref = TickRef(partition=0, offset=offset, market_time_us=tick.market_time_us)
        ticks[tick.symbol].append(TickAt(ref, tick))
    series = []
    for symbol, (own, start) in chosen.items():
        closes = tuple(place for place, at in enumerate(ticks[symbol]) if at.tick.bar is not None)
        series.append(Series(symbol, tuple(ticks[symbol]), closes, tuple(bar.bar() for bar in own), start))
    return Market(tuple(series), first, last, source)


def of_ticks(ticks: Iterable[tuple[TickAt, bool]], first: date, last: date, source: str) -> Market:
    """A market of recorded ticks, each symbol's in the order of positions; true: it completes a bar.

    A bar is made of the prints since the one before was complete. A tick that is not later than all before it, and
    those before a symbol's first bar is complete, belong to no bar: the signals agent leaves them out as well.
    Raises InvalidValue when no bar is in the period.
    """
    by_symbol: dict[str, _Making] = {}
    for at, completes in ticks:
        by_symbol.setdefault(at.tick.symbol, _Making()).take(at, completes)
    start, stop = day_us(first), day_us(last) + _DAY_US
    series = []
    for symbol, made in sorted(by_symbol.items()):
        times = [made.ticks[place].ref.market_time_us for place in made.closes]
        begin = next((place for place, time_us in enumerate(times) if time_us >= start), len(times))
        if begin < len(times) and times[begin] < stop:
            series.append(Series(symbol, tuple(made.ticks), tuple(made.closes), tuple(made.bars), begin))
    _require(bool(series), first, last)
    return Market(tuple(series), first, last, source)


class _Making:
    """A symbol's bars in the making."""

    def __init__(self) -> None:
        self.ticks: list[TickAt] = []
        self.closes: list[int] = []
        self.bars: list[Bar] = []
        self._prints: list[TickAt] = []
        self._newest_us = -1

    def take(self, at: TickAt, completes: bool) -> None:
        self.ticks.append(at)
        if at.ref.market_time_us <= self._newest_us:
            return
        self._newest_us = at.ref.market_time_us
        self._prints.append(at)
        if not completes:
            return
        prices = [one.tick.price for one in self._prints]
        self.bars.append(
            Bar(
                open=prices[0],
                high=max(prices),
                low=min(prices),
                close=prices[-1],
                volume=sum((one.tick.volume for one in self._prints[1:]), self._prints[0].tick.volume),
            )
        )
        self.closes.append(len(self.ticks) - 1)
        self._prints.clear()


def day_us(day: date) -> int:
    """Midnight UTC of a day, in microseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def day_of(time_us: int) -> date:
    """The UTC day of a market time."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).date()


def _require(there: bool, first: date, last: date) -> None:
    if not there:
        raise InvalidValue("BACKTEST_NO_BARS", f"expected a bar from {first} to {last}, there was none")
