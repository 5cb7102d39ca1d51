"""How many jobs wait and run, for the metrics."""

from __future__ import annotations

import time

from runtime import metrics
from streams.backtests.queue import Connection

_EVERY_S = 5.0
_COUNTS = """
select 'QUEUED', count(*) from backtest_jobs where state = 'QUEUED'
union all select 'RUNNING', count(*) from backtest_jobs where state = 'RUNNING'
union all select 'UNTRACKED', count(*) from backtest_jobs where tracking_state = 'PENDING'
"""


class Figures:
    """Looks now and then."""

    def __init__(self) -> None:
        self._look_s = 0.0

    def look(self, connection: Connection) -> None:
        if time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + _EVERY_S
        counts: dict[str, int] = dict(connection.execute(_COUNTS).fetchall())
        metrics.backtest_results_untracked.set(counts.pop("UNTRACKED"))
        for state, count in counts.items():
            metrics.backtest_jobs.labels(state).set(count)
