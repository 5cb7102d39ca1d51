"""Trading sessions of an exchange: when it opens and closes, with its holidays, early closes and changes of the clock.

The facts are those of the package `exchange_calendars`, which is loaded when a session is first asked for (it brings
pandas, about two seconds). They are copied once per exchange into sorted integers, so that a question costs a
bisection. Pure: a session of the past never changes. Times are microseconds since 1970 UTC.

Boundaries: regular sessions only, from 1990 to 2049 or what the package knows of them; no pre-market, no after hours,
no lunch breaks. Sessions of the future are what the package expects today; an unforeseen closing needs its next
release.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from domain.errors import InvalidValue, UnavailableError

FIRST, LAST = "1990-01-01", "2049-12-31"
_CALENDARS_MAX = 64


class Session(NamedTuple):
    """One trading day. day: its ISO date on the exchange's own calendar."""

    day: str
    open_us: int
    close_us: int


class Calendar:
    """The sessions of one exchange, none of which meets the next."""

    def __init__(self, mic: str, sessions: Sequence[Session]) -> None:
        """mic: ISO 10383 code. sessions: in order of time."""
        assert sessions, f"{mic} has no sessions"
        self.mic = mic
        self._sessions = tuple(sessions)
        self._opens = [session.open_us for session in sessions]
        self._closes = [session.close_us for session in sessions]
        assert all(session.open_us < session.close_us for session in sessions), f"{mic}: it closes after it opens"
        assert all(a <= b for a, b in zip(self._closes, self._opens[1:], strict=False)), f"{mic}: sessions meet"

    def at(self, time_us: int) -> Session | None:
        """The session that is on at this time, its open included and its close not; None between sessions."""
        found = bisect_right(self._opens, time_us) - 1
        if found < 0 or self._closes[found] <= time_us:
            return None
        return self._sessions[found]

    def closing_after(self, time_us: int) -> Session:
        """The first session that closes after this time: the one that is on, else the next.

        Raises InvalidValue outside the years that the calendar covers.
        """
        return self._session(bisect_right(self._closes, time_us), time_us)

    def opening_after(self, time_us: int) -> Session:
        """The first session that opens after this time. Raises InvalidValue as closing_after does."""
        return self._session(bisect_right(self._opens, time_us), time_us)

    def _session(self, index: int, time_us: int) -> Session:
        if time_us < self._opens[0] or index == len(self._sessions):
            raise InvalidValue(
                "SESSION_UNKNOWN",
                f"expected a time from {self._sessions[0].day} to {self._sessions[-1].day}, for which the sessions of "
                f"{self.mic} are known, it was {time_us} us",
                mic=self.mic,
                time_us=str(time_us),
            )
        return self._sessions[index]


@lru_cache(maxsize=_CALENDARS_MAX)
def calendar(mic: str) -> Calendar:
    """The calendar of an exchange by its ISO 10383 code. Blocks the first time (see above), afterwards it is at hand.

    Raises InvalidValue for a code that the package does not know, UnavailableError when it is not installed.
    """
    try:
        import exchange_calendars
        from exchange_calendars.errors import InvalidCalendarName
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"sessions need the package exchange_calendars, which is not installed ({error})"
        ) from error
    try:
        known = _between(exchange_calendars.get_calendar, mic)
    except InvalidCalendarName as error:
        raise InvalidValue(
            "MIC_UNKNOWN", f"expected the MIC of an exchange with a known calendar, it was {mic!r}", mic=mic
        ) from error
    days = known.schedule
    opens = days["open"].astype("datetime64[us, UTC]").astype("int64")
    closes = days["close"].astype("datetime64[us, UTC]").astype("int64")
    return Calendar(
        mic,
        [
            Session(day.date().isoformat(), int(opened), int(closed))
            for day, opened, closed in zip(days.index, opens, closes, strict=True)
        ],
    )


def _between(get_calendar: Callable[..., Any], mic: str) -> Any:
    """The package's calendar from FIRST to LAST, or as much of it as the package knows."""
    try:
        return get_calendar(mic, start=FIRST, end=LAST)
    except ValueError:  # it is bounded
        kind = type(get_calendar(mic))
        first, last = kind.bound_min(), kind.bound_max()
        return get_calendar(
            mic,
            start=FIRST if first is None else max(first, type(first)(FIRST)),
            end=LAST if last is None else min(last, type(last)(LAST)),
        )
