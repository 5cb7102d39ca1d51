"""Query parameters of ticks and bars."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.query.filters import TimedFilters


class BarFilters(TimedFilters):
    """from and to are the bars' first moments."""

    interval: Literal["1m", "5m", "15m", "1h", "1d"] = Field("1d", description="of each bar; days are those of UTC")


class TickFilters(TimedFilters):
    """from and to are market times."""
