"""Which ticks a replay publishes, and in which order: the total order (market time, symbol). Pure.

Warm-up bars of each symbol before the first day go out first by their market time, so that the first day already finds
a full feature window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from domain.errors import InvalidValue
from domain.market import Tick
from models.marketdata import MarketBar, load_bars, ticks_of

_BEGINNING = date(1900, 1, 1)


class DroppedBar(NamedTuple):
    """A bar that contradicts itself, and why no tick is made of it."""

    symbol: str
    date: date
    reason: str


class Plan(NamedTuple):
    """The ticks in their total order; bars: how many of them complete a bar."""

    ticks: tuple[Tick, ...]
    dropped: tuple[DroppedBar, ...]
    bars: int

    def after(self, published: Mapping[str, int]) -> Plan:
        """What is left when each symbol was published up to a market time (microseconds UTC), which is included."""
        left = tuple(tick for tick in self.ticks if tick.market_time_us > published.get(tick.symbol, -1))
        return Plan(left, self.dropped, sum(tick.bar is not None for tick in left))


def plan(symbols: Sequence[str], first: date, last: date, warm_up: int) -> Plan:
    """The replay of `symbols` from `first` to `last`, both included, after `warm_up` bars of each before.

    Raises InvalidValue when the range is empty or a symbol unknown, UnavailableError without market data.
    """
    if last < first:
        raise InvalidValue("FEED_RANGE_EMPTY", f"the replay goes from {first} to {last}; expected first <= last")
    if not symbols:
        raise InvalidValue("FEED_NO_SYMBOLS", "the replay has no symbols; expected at least one")
    bars = select(load_bars(sorted(set(symbols)), _BEGINNING, last), first, warm_up)
    if not bars:
        raise InvalidValue("FEED_RANGE_EMPTY", f"there are no bars of {', '.join(symbols)} from {first} to {last}")
    return order(bars)


def select(bars: Iterable[MarketBar], first: date, warm_up: int) -> list[MarketBar]:
    """Of bars in order of time: those from `first` on, and the last `warm_up` of each symbol before."""
    before: dict[str, list[MarketBar]] = {}
    chosen: list[MarketBar] = []
    for bar in bars:
        if bar.date >= first:
            chosen.append(bar)
        else:
            before.setdefault(bar.symbol, []).append(bar)
    for earlier in before.values():
        chosen += earlier[len(earlier) - warm_up if warm_up < len(earlier) else 0 :]
    return chosen


def order(bars: Iterable[MarketBar]) -> Plan:
    """The ticks of bars, in any order, by market time and symbol. Bars that contradict themselves are dropped."""
    ticks: list[Tick] = []
    dropped: list[DroppedBar] = []
    count = 0
    for bar in bars:
        try:
            ticks += ticks_of(bar)
        except InvalidValue as error:
            dropped.append(DroppedBar(bar.symbol, bar.date, f"{error.code}: {error.text}"))
        else:
            count += 1
    return Plan(tuple(sorted(ticks, key=lambda tick: (tick.market_time_us, tick.symbol))), tuple(dropped), count)
