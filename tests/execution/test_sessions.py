"""Sessions against what the exchanges published: holidays, early closes, changes of the clock. All times are UTC."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidValue
from execution.sessions import Calendar, Session, calendar


def us(text: str) -> int:
    """Microseconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("day", "opened", "closed"),
    [
        # 9:30 to 16:00 in New York, standard time (UTC-5) and daylight saving time (UTC-4), which began on 2012-03-11
        # and ended on 2012-11-04.
        ("2012-03-09", "14:30", "21:00"),
        ("2012-03-12", "13:30", "20:00"),
        ("2012-11-02", "13:30", "20:00"),
        ("2012-11-05", "14:30", "21:00"),
        # 13:00 in New York: the day after Thanksgiving, Christmas Eve, the day before Independence Day.
        ("2012-11-23", "14:30", "18:00"),
        ("2012-12-24", "14:30", "18:00"),
        ("2012-07-03", "13:30", "17:00"),
        # Christmas Eve 2010 was the holiday observed, so the day before was a whole one.
        ("2010-12-23", "14:30", "21:00"),
    ],
)
def test_a_session_opens_and_closes_when_nasdaq_said(day: str, opened: str, closed: str) -> None:
    """Literals from Nasdaq's published trading schedules."""
    session = calendar("XNAS").at(us(f"{day}T17:00" if closed != "17:00" else f"{day}T16:00"))

    assert Session(day, us(f"{day}T{opened}"), us(f"{day}T{closed}")) == session


@pytest.mark.parametrize(
    ("day", "why", "following"),
    [
        ("2012-01-02", "New Year's Day observed", "2012-01-03"),
        ("2012-04-06", "Good Friday", "2012-04-09"),
        ("2012-11-22", "Thanksgiving", "2012-11-23"),
        ("2012-12-25", "Christmas", "2012-12-26"),
        ("2012-10-29", "hurricane Sandy", "2012-10-31"),
        ("2001-09-11", "closed until the 17th", "2001-09-17"),
        ("2004-06-11", "mourning for President Reagan", "2004-06-14"),
        ("2012-11-24", "a Saturday", "2012-11-26"),
    ],
)
def test_a_holiday_has_no_session(day: str, why: str, following: str) -> None:
    """Nothing is on at noon in New York, and the next session is that of the day that followed."""
    nasdaq, noon = calendar("XNAS"), us(f"{day}T17:00")

    assert nasdaq.at(noon) is None, why
    assert following == nasdaq.closing_after(noon).day
    assert following == nasdaq.opening_after(noon).day


def test_the_borders_of_a_session() -> None:
    """The open belongs to a session and the close does not; who comes at the close is early for the next one."""
    nasdaq = calendar("XNAS")
    opened, closed = us("2012-11-23T14:30"), us("2012-11-23T18:00")

    assert nasdaq.at(opened - 1) is None
    assert nasdaq.at(opened) == nasdaq.at(closed - 1) == Session("2012-11-23", opened, closed)
    assert nasdaq.at(closed) is None
    assert nasdaq.closing_after(closed - 1).day == "2012-11-23"
    assert nasdaq.closing_after(closed).day == "2012-11-26"
    assert nasdaq.opening_after(opened - 1).day == "2012-11-23"
    assert nasdaq.opening_after(opened).day == "2012-11-26"


def test_london_keeps_its_own_hours() -> None:
    """8:00 to 16:30; closed on the second Monday of the Diamond Jubilee, 2012-06-05; 12:30 on Christmas Eve."""
    london = calendar("XLON")

    assert london.at(us("2012-01-10T12:00")) == Session("2012-01-10", us("2012-01-10T08:00"), us("2012-01-10T16:30"))
    assert london.at(us("2012-06-05T12:00")) is None
    assert london.closing_after(us("2012-12-24T12:00")).close_us == us("2012-12-24T12:30")


@settings(deadline=None)  # the first example loads the calendar
@given(st.integers(us("1990-01-03T00:00"), us("2049-12-01T00:00")))
def test_closing_and_opening_are_the_nearest(time_us: int) -> None:
    """A linear search over all sessions around finds the same session as the bisection."""
    nasdaq = calendar("XNAS")
    around, day = [], time_us - 15 * 86_400_000_000
    while day < time_us + 15 * 86_400_000_000:
        session = nasdaq.closing_after(max(day, us("1990-01-02T14:30")))
        around.append(session)
        day = session.close_us

    assert nasdaq.closing_after(time_us) == min(s for s in around if s.close_us > time_us)
    assert nasdaq.opening_after(time_us) == min(s for s in around if s.open_us > time_us)
    assert nasdaq.at(time_us) == next((s for s in around if s.open_us <= time_us < s.close_us), None)


def test_a_time_without_known_sessions_is_an_error() -> None:
    """Before 1990 and after 2049 nothing is known, and nothing is guessed."""
    nasdaq = calendar("XNAS")

    for time_us in (us("1989-12-31T00:00"), us("2050-06-01T00:00")):
        with pytest.raises(InvalidValue) as caught:
            nasdaq.closing_after(time_us)
        assert caught.value.code == "SESSION_UNKNOWN"


def test_an_unknown_exchange_is_an_error() -> None:
    """A wrong MIC is told, not taken for another exchange."""
    with pytest.raises(InvalidValue) as caught:
        calendar("XXXX")

    assert caught.value.code == "MIC_UNKNOWN"


def test_sessions_that_meet_are_no_calendar() -> None:
    """Two sessions at once contradict themselves."""
    with pytest.raises(AssertionError):
        Calendar("XNAS", [Session("1", 0, 10), Session("2", 5, 20)])


def test_the_package_is_loaded_late() -> None:
    """A worker that never needs a session does not pay for pandas."""
    code = "import sys, execution.sessions, execution.adapters; print('pandas' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"
