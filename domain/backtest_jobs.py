"""The states of a backtest that was asked for, and the codes with which one fails.

    QUEUED ──► RUNNING ──► DONE
      ▲  │        │ │
      │  │        │ └────► FAILED
      └──┼────────┘           ▲      back to QUEUED: its worker stopped, or another attempt is worth it
         └────────► CANCELLED ┘      (a request that came too late or to a full queue fails at once)

DONE, FAILED and CANCELLED are for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

BacktestState = Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]
ENDED: tuple[BacktestState, ...] = ("DONE", "FAILED", "CANCELLED")
STATES: tuple[BacktestState, ...] = get_args(BacktestState)

TrackingState = Literal["NONE", "PENDING", "LOGGED", "GIVEN_UP"]
"""Whether MLflow has the result as a run: nothing to log yet, still to be logged, logged, tried too often."""

FAILURES: Mapping[str, str] = {
    "BACKTEST_QUEUE_FULL": "as many backtests waited as may wait",
    "BACKTEST_REQUEST_TOO_OLD": "the request was read when it was older than requests may be",
    "BACKTEST_TERMS_UNREADABLE": "the terms are those of another program, and this one cannot run them",
    "BACKTEST_WORKER_LOST": "the worker was lost at each attempt",
    "BACKTEST_PROCESS_DIED": "the backtest's process ended without an answer at each attempt",
    "BACKTEST_SERVER_UNAVAILABLE": "a server that it needs was away at each attempt",
    "BACKTEST_PART_MISSING": "a model's file, or a library that it needs, is not there",
    "BACKTEST_INPUT_UNREADABLE": "a file or a record that it needs is damaged",
    "BACKTEST_OUT_OF_MEMORY": "the backtest's process needed more memory than one may have",
    "BACKTEST_OUT_OF_TIME": "the backtest took longer than one may take",
    "BACKTEST_RESULT_INVALID": "the result is none that can be kept",
    "BACKTEST_ERROR": "the program that runs backtests has a defect; the text says where",
}
"""Code -> meaning. Besides these, terms that cannot be run fail with the code of what is wrong with them."""
