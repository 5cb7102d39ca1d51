"""The worker, with the runners of the tests: for those that kill it."""

from __future__ import annotations

from runtime.settings import Settings
from streams.backtests import worker
from tests.streams.backtests.runners import PROGRAMS


def run(settings: Settings) -> None:
    worker.run(settings.model_copy(update={"backtest_niceness": 0}), PROGRAMS)
