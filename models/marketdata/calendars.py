"""When an exchange is open, for saying where a bar is missing: days, and open time that has passed, as arrays.

The facts are those of the package `exchange_calendars` (it brings pandas: seconds, the first time).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue, UnavailableError

Int64 = NDArray[np.int64]
_EPOCH = date(1970, 1, 1).toordinal()
_MARGIN = timedelta(days=10)
_FIRST, _LAST = date(1900, 1, 1), date(2199, 12, 31)


class Sessions(NamedTuple):
    """An exchange's sessions over a range of days.

    first_day, last_day: what of the range the calendar knows, days since 1970; 0 and -1 when it is nothing.
    days: of the sessions, days since 1970, in order. starts, ends: of the times without a break at which it was open,
    microseconds since 1970 UTC, in order; none meets another.
    """

    first_day: int
    last_day: int
    days: Int64
    starts: Int64
    ends: Int64

    def open_us(self, time_us: Int64) -> Int64:
        """How long, in all, it has been open since the range began, at each of these times."""
        lengths = self.ends - self.starts
        if not len(lengths):
            return np.zeros_like(time_us)
        before = np.concatenate([[0], np.cumsum(lengths)])
        place = np.searchsorted(self.starts, time_us, side="right") - 1
        within = np.minimum(time_us - self.starts[place], lengths[place])
        passed: Int64 = np.where(place < 0, 0, before[place] + within)
        return passed


def sessions(mic: str, first: date, last: date) -> Sessions:
    """The sessions of an exchange, at least those of a range of days, as far as its calendar knows them.

    Raises InvalidValue for a code that the package does not know, UnavailableError when it is not installed.
    """
    decades = (min(max(day.year, _FIRST.year), _LAST.year) // 10 * 10 for day in (first - _MARGIN, last + _MARGIN))
    return _sessions(mic, *decades)


@lru_cache(maxsize=16)
def _sessions(mic: str, first: int, last: int) -> Sessions:
    """Of whole decades, so that files of one time share them."""
    try:
        import exchange_calendars
        from exchange_calendars.errors import InvalidCalendarName
    except ModuleNotFoundError as error:
        raise UnavailableError(f"gaps by {mic} need the package exchange_calendars ({error})") from error
    try:
        default = exchange_calendars.get_calendar(mic)
    except InvalidCalendarName as error:
        raise InvalidValue(
            "MIC_UNKNOWN", f"expected the MIC of an exchange with a known calendar, it was {mic!r}", mic=mic
        ) from error
    kind = type(default)
    start = max(date(first, 1, 1), _day(kind.bound_min(), _FIRST))
    end = min(date(last + 9, 12, 31), _day(kind.bound_max(), _LAST))
    if start >= end:
        none = np.empty(0, dtype=np.int64)
        return Sessions(0, -1, none, none, none)
    table = exchange_calendars.get_calendar(mic, start=start.isoformat(), end=end.isoformat()).schedule
    days = table.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    starts, ends = _open_times(table)
    return Sessions(start.toordinal() - _EPOCH, end.toordinal() - _EPOCH, days, starts, ends)


def _open_times(table: Any) -> tuple[Int64, Int64]:
    """Each session, cut in two where it has a break."""
    opened, closed = _us(table["open"]), _us(table["close"])
    broken = table["break_start"].notna().to_numpy()
    left, back = _us(table["break_start"][broken]), _us(table["break_end"][broken])
    starts = np.sort(np.concatenate([opened, back]))
    ends = np.sort(np.concatenate([left, closed]))
    return starts, ends


def _us(column: Any) -> Int64:
    return np.asarray(column.astype("datetime64[us, UTC]").astype("int64"), dtype=np.int64)


def _day(bound: Any, otherwise: date) -> date:
    return otherwise if bound is None else bound.date()
