"""When a model is not to be asked: it is too old for the market it looks at, or the market has become another one.

It then abstains: HOLD, with the reason on the tape. Both rules look at market time and at rows alone, so the same log
gives the same verdict whenever it is read.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

_DAY_US = 86_400_000_000

STALE = "model_stale"
DRIFTED = "model_drifted"


def doubt(trained_to: date, age_days_max: int, market_time_us: int, drift: float | None) -> str | None:
    """The reason to abstain, None when there is none.

    trained_to: last day that the model has learnt from; age_days_max: how many days after it, in market time, its word
    counts; drift: see DriftMonitor.drift.
    """
    learnt_to_us = int(datetime(trained_to.year, trained_to.month, trained_to.day, tzinfo=UTC).timestamp()) * 1_000_000
    if market_time_us >= learnt_to_us + (age_days_max + 1) * _DAY_US:
        return STALE
    if drift is not None and drift > 1.0:
        return DRIFTED
    return None
