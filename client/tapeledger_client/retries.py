"""When a request may be sent again, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNDONE = frozenset({429})
"""Refused before anything was done: may be sent again whatever it is."""

PASSING = frozenset({429, 502, 503, 504})
"""May be otherwise the next time."""

PASSING_IF_SAID = frozenset({409, 412})
"""The same, where the server names a time to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and how patiently.

    count: at most so many repeats of a request, 0 for none. first_s, longest_s: seconds of the first and the longest
    pause; each is drawn from nothing to its bound, which doubles. retry_after_s_max: a server that asks for a longer
    pause is not waited for.
    """

    count: int = 4
    first_s: float = 0.1
    longest_s: float = 5.0
    retry_after_s_max: float = 30.0

    def __post_init__(self) -> None:
        if self.count < 0 or min(self.first_s, self.longest_s, self.retry_after_s_max) < 0:
            raise ValueError(f"expected counts and seconds from 0, it was {self}")

    def pause_s(self, repeat: int, retry_after_s: float | None = None) -> float | None:
        """Seconds before the repeat with this number, from 0; None: give up. Never shorter than the server asks for."""
        if repeat >= self.count or (retry_after_s or 0.0) > self.retry_after_s_max:
            return None
        bound = min(self.first_s * 2.0 ** min(repeat, 30), self.longest_s)
        return (retry_after_s or 0.0) + random.uniform(0.0, bound)


def is_passing(status: int, retry_after_s: float | None, *, repeatable: bool) -> bool:
    """Whether an error answer may be followed by the same request once more.

    repeatable: doing it twice is the same as doing it once.
    """
    if not repeatable:
        return status in UNDONE
    return status in PASSING or (status in PASSING_IF_SAID and retry_after_s is not None)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, section 10.2.3): a number, or a date. None where it is neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        time = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = time if time.tzinfo else time.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
