"""From when to when an order may trade, by its time in force.

| time in force | trades on                                    | expires                  | reason              |
|---------------|----------------------------------------------|--------------------------|---------------------|
| GTC           | every print                                  | never                    |                     |
| GTD           | every print before `expire_at_us`            | at that time             | `date_reached`      |
| DAY           | every print up to the closing one, this too  | after it, or without one | `day_over`          |
| AT_OPEN       | the opening print of its session             | after it, or without one | `auction_over`      |
| AT_CLOSE      | the closing print of its session             | after it, or without one | `auction_over`      |
| IOC, FOK      | the first tick that it meets                 | after it                 | `nothing_immediate` |

A DAY or AT_CLOSE order belongs to the first session that closes after it became active, an AT_OPEN order to the first
that opens after. The opening print is the first print of the symbol from the session's open on; after a halted opening
it is the first print of the resumption. The closing print is the first print from the session's close on that comes
within CLOSING_PRINT_US_MAX, for a closing cross is reported after the close.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.terms import OrderTerms
from execution.sessions import Calendar

CLOSING_PRINT_US_MAX = 90 * 60 * 1_000_000
_NEVER_US = 2**63 - 1
NEED_SESSIONS = frozenset({"DAY", "AT_OPEN", "AT_CLOSE"})


class Lifetime(NamedTuple):
    """first_us, last_us: market times, both included, between which it may trade; outside it only waits or expires.

    last_print_us: the first print from this time on is its last, whatever is left. ends_us: when its time in force is
    over by the clock. open_us, close_us: its session's.
    """

    first_us: int
    last_us: int
    last_print_us: int
    ends_us: int
    reason: str
    open_us: int | None = None
    close_us: int | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether it ends by the clock."""
        return self.last_us < _NEVER_US

    def is_over(self, time_us: int) -> bool:
        """Whether no print of this time or later can be its own."""
        return time_us > self.last_us

    def is_last(self, time_us: int) -> bool:
        """Whether a print of this time is the last one that it meets."""
        return time_us >= self.last_print_us


_FOR_EVER = Lifetime(-_NEVER_US, _NEVER_US, _NEVER_US, _NEVER_US, "")


def lifetime(terms: OrderTerms, active_us: int, sessions: Calendar | None) -> Lifetime:
    """active_us: the market time after which the order is active. sessions: its exchange's, for NEED_SESSIONS.

    Raises InvalidValue when the calendar knows no session for it.
    """
    match terms.time_in_force:
        case "GTC":
            return _FOR_EVER
        case "IOC" | "FOK":
            return _FOR_EVER._replace(reason="nothing_immediate")
        case "GTD":
            assert terms.expire_at_us is not None, "a GTD order without an expiry is refused"
            ends = terms.expire_at_us
            return _FOR_EVER._replace(last_us=ends - 1, ends_us=ends, reason="date_reached")
    assert sessions is not None, f"{terms.time_in_force} needs sessions"
    if terms.time_in_force == "AT_OPEN":
        session = sessions.opening_after(active_us)
        opened, closed = session.open_us, session.close_us
        return Lifetime(opened, closed - 1, opened, closed, "auction_over", opened, closed)
    session = sessions.closing_after(active_us)
    opened, closed = session.open_us, session.close_us
    last = closed + CLOSING_PRINT_US_MAX
    if terms.time_in_force == "AT_CLOSE":
        return Lifetime(closed, last, closed, closed, "auction_over", opened, closed)
    return Lifetime(-_NEVER_US, last, closed, closed, "day_over", opened, closed)
