"""`Prefer: wait` (RFC 7240, section 4.3): how long a client would rather wait than ask again."""

from __future__ import annotations

import re

WAIT_S_MAX = 10.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:$|[,;])", re.ASCII | re.IGNORECASE)


def preferred_wait_s(prefer: str | None) -> float | None:
    """The seconds of Prefer: wait, at most WAIT_S_MAX; None where it names none."""
    match = _WAIT.search(prefer or "")
    return None if match is None else min(float(match[1]), WAIT_S_MAX)
