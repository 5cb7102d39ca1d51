"""The one clock. Wall time is recorded beside market time and decides nothing but ages and timeouts."""

from __future__ import annotations

import time


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1_000
