"""What stands out in bars that are in order: gaps, closed days, bars without trades, splits, doubtful declarations.

Nothing is changed here, and nothing filled in: a model that learns from a filled gap learns what nobody traded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models.marketdata.bars import MarketBar, midnight_us
from models.marketdata.calendars import Sessions, sessions
from models.marketdata.checks import Checked
from models.marketdata.declared import Declared
from models.marketdata.report import Tally
from models.marketdata.splits import SPLITS

Int64 = NDArray[np.int64]

STALE_MIN = 2
"""Bars without a trade and with an unchanged price that make a run of stale bars."""

_OPEN_NEAR, _CLOSE_NEAR = 0.04, 0.12
"""How near (in logarithms) the open, and the close, must stand to the last close over the ratio. A price opens near the
ratio after a split, and moves as on any other day until its close."""

_DAY_US = 86_400_000_000
_SPACINGS_MIN = 10
"""Fewer spacings than these say nothing about an interval."""


class _Series(NamedTuple):
    """Bars of one symbol in the order of time, and where they stand in the source; starts, ends: us since 1970 UTC."""

    bars: list[MarketBar]
    lines: list[int]
    starts: Int64
    ends: Int64


def inspect(checked: Checked, declared: Declared, tally: Tally) -> None:
    """Flag what stands out. Raises InvalidValue for an unknown exchange, or bars that are closer than declared."""
    exchange = None
    if declared.mic and checked.bars:
        first, last = checked.bars[0].date, checked.bars[-1].date
        exchange = sessions(declared.mic, first, last)
    for series in _by_symbol(checked):
        if declared.interval_s is not None:
            _intervals(series, declared, tally)
        if exchange is not None:
            _unknown(series, exchange, tally)
            missing = _missing_days if declared.interval_s is None else _missing_time
            missing(series, exchange, tally)
        else:
            _wide_spacings(series, declared, tally)
        _zero_volume(series, tally)
        _splits(series, tally)


def _by_symbol(checked: Checked) -> Iterator[_Series]:
    found: dict[str, tuple[list[MarketBar], list[int]]] = {}
    for bar, line in zip(checked.bars, checked.lines, strict=True):
        bars, lines = found.setdefault(bar.symbol, ([], []))
        bars.append(bar)
        lines.append(line)
    for _, (bars, lines) in sorted(found.items()):
        starts = [midnight_us(bar.date) if bar.start_us is None else bar.start_us for bar in bars]
        ends = [start + _DAY_US if bar.end_us is None else bar.end_us for start, bar in zip(starts, bars, strict=True)]
        yield _Series(bars, lines, np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))


def _flag(series: _Series, tally: Tally, code: str, places: Int64, text: Callable[[int], str]) -> None:
    for place in places.tolist():
        tally.note(series.lines[place], series.bars[place], code, text(place))


def _unknown(series: _Series, exchange: Sessions, tally: Tally) -> None:
    days = series.starts // _DAY_US
    outside = (days < exchange.first_day) | (days > exchange.last_day)
    known = f"the calendar goes from {_iso(exchange.first_day)} to {_iso(exchange.last_day)}"
    _flag(series, tally, "calendar_unknown", np.flatnonzero(outside), lambda _: known)


def _missing_days(series: _Series, exchange: Sessions, tally: Tally) -> None:
    """A day's bar belongs to each session between a symbol's first bar and its last."""
    days = series.starts // _DAY_US
    left = np.searchsorted(exchange.days, days, side="left")
    right = np.searchsorted(exchange.days, days, side="right")
    lacking = left[1:] - right[:-1]

    def text(place: int) -> str:
        first, last = (_iso(exchange.days[at]) for at in (right[place - 1], left[place] - 1))
        return f"{_many(int(lacking[place - 1]), 'session')} without a bar: {first}" + (
            f" … {last}" if first != last else ""
        )

    _flag(series, tally, "gap", np.flatnonzero(lacking > 0) + 1, text)
    known = (days >= exchange.first_day) & (days <= exchange.last_day)
    closed = np.flatnonzero(known & (left == right))
    _flag(series, tally, "off_session", closed, lambda place: f"a {series.bars[place].date:%A} without a session")


def _missing_time(series: _Series, exchange: Sessions, tally: Tally) -> None:
    """A bar within a day belongs to each interval in which the exchange was open."""
    opened, closed = exchange.open_us(series.starts), exchange.open_us(series.ends)
    span = series.ends[0] - series.starts[0]
    lacking = (opened[1:] - closed[:-1]) // span

    def text(place: int) -> str:
        return f"{_many(int(lacking[place - 1]), 'bar')} of open time missing"

    _flag(series, tally, "gap", np.flatnonzero(lacking > 0) + 1, text)
    days = series.starts // _DAY_US
    known = (days >= exchange.first_day) & (days <= exchange.last_day)
    _flag(series, tally, "off_session", np.flatnonzero(known & (opened == closed)), lambda _: "no open time within it")


def _wide_spacings(series: _Series, declared: Declared, tally: Tally) -> None:
    """Without a calendar: more than so many median spacings."""
    spacings = np.diff(series.starts)
    if len(spacings) < 2:
        return
    median = float(np.median(spacings))

    def text(place: int) -> str:
        apart, usual = (timedelta(microseconds=int(us)) for us in (spacings[place - 1], median))
        return f"{apart} after the bar before, usual are {usual}"

    _flag(series, tally, "gap", np.flatnonzero(spacings > declared.gap_factor * median) + 1, text)


def _intervals(series: _Series, declared: Declared, tally: Tally) -> None:
    """A wrong interval would say that bars are complete before they are: a model would look ahead."""
    spacings = np.diff(series.starts)
    interval = declared.interval_us or 0
    closer = np.flatnonzero(spacings < interval)
    if len(spacings) >= _SPACINGS_MIN:
        symbol, usual = series.bars[0].symbol, timedelta(microseconds=int(np.median(spacings)))
        if 2 * len(closer) > len(spacings):
            raise InvalidValue(
                "BARS_INTERVAL",
                f"bars of {timedelta(microseconds=interval)} were declared; those of {symbol} are {usual} apart",
            )
        if spacings.min() > interval:
            nearest = timedelta(microseconds=int(spacings.min()))
            _flag(series, tally, "interval_doubted", np.array([0]), lambda _: f"bars are {nearest} apart or more")
    _flag(series, tally, "overlap", closer + 1, lambda _: f"bars of {timedelta(microseconds=interval)} were declared")


def _zero_volume(series: _Series, tally: Tally) -> None:
    still = np.array([not bar.volume for bar in series.bars])
    if not still.any():
        return
    _flag(series, tally, "zero_volume", np.flatnonzero(still), lambda _: "")
    close = np.array([float(bar.close) for bar in series.bars])
    flat = np.array([bar.high == bar.low for bar in series.bars])
    unchanged = still & flat & np.concatenate([[True], np.diff(close) == 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], unchanged, [False]]).astype(np.int8)))
    first, length = edges[::2], edges[1::2] - edges[::2]
    of = dict(zip(first.tolist(), length.tolist(), strict=True))
    _flag(series, tally, "stale", first[length >= STALE_MIN], lambda place: f"{of[place]} bars in a row")


def _splits(series: _Series, tally: Tally) -> None:
    opened = np.array([float(bar.open) for bar in series.bars])
    close = np.array([float(bar.close) for bar in series.bars])
    ratios = np.log([ratio for split in SPLITS for ratio in (split, 1 / split)])
    far = np.flatnonzero(np.abs(np.log(close[:-1] / opened[1:])) > np.abs(ratios).min() - _OPEN_NEAR) + 1
    at_open = np.abs(np.log(close[far - 1] / opened[far])[:, None] - ratios)
    at_close = np.abs(np.log(close[far - 1] / close[far])[:, None] - ratios)
    near = (at_open < _OPEN_NEAR) & (at_close < _CLOSE_NEAR)
    nearest = dict(zip(far.tolist(), ratios[np.argmin(np.where(near, at_open, np.inf), axis=1)].tolist(), strict=True))

    def text(place: int) -> str:
        ratio = math.exp(nearest[place])
        names = f"{ratio:g} for 1" if ratio > 1 else f"1 for {1 / ratio:g}"
        return f"{names}? {series.bars[place - 1].close} before, it opened at {series.bars[place].open}"

    _flag(series, tally, "split_suspected", far[near.any(axis=1)], text)


def _iso(day: int | np.int64) -> str:
    return date.fromordinal(int(day) + date(1970, 1, 1).toordinal()).isoformat()


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
