"""Spans of time as query parameters name them: a number and ms, s, m, h or d."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

PATTERN = r"^[1-9][0-9]{0,5}(ms|s|m|h|d)$"
ORIGIN = datetime(2000, 1, 3, tzinfo=UTC)
"""Where intervals are counted from, as the bars' are: a Monday."""

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def span(text: str) -> timedelta:
    """Of a text that fits PATTERN."""
    match = re.fullmatch(r"([0-9]+)([a-z]+)", text)
    assert match is not None, "its pattern was checked"
    return int(match[1]) * _UNITS[match[2]]
