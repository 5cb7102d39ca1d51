"""What a worker and the process of a job say to each other: a line of JSON each, on the process's standard input and
output.

The worker's first line is the task; the line CANCEL asks for its end; the end of the input says that the worker is
gone, and the process ends too, wherever it is.
"""

from __future__ import annotations

import msgspec

from domain.backtests import BacktestTerms
from streams.backtests.outcomes import Outcome
from streams.backtests.port import Programs

CANCEL = b"cancel\n"


class RunTask(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Run a backtest."""

    programs: Programs
    terms: BacktestTerms


class TrackTask(msgspec.Struct, frozen=True, kw_only=True, tag="track"):
    """Put one on MLflow's record."""

    programs: Programs
    backtest_id: str
    requested_by: str
    terms: BacktestTerms
    result: bytes
    report: str | None


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    share: float
    text: str


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    outcome: Outcome


class Tracked(msgspec.Struct, frozen=True, kw_only=True, tag="tracked"):
    run_id: str


class Stopped(msgspec.Struct, frozen=True, kw_only=True, tag="stopped"):
    """It ended before its work was done, because it was asked to."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """again: whether another attempt may do better."""

    code: str
    text: str
    again: bool


Task = RunTask | TrackTask
Answer = Progress | Done | Tracked | Stopped | Failed
_encoder = msgspec.json.Encoder(decimal_format="string")
tasks = msgspec.json.Decoder(Task)
answers = msgspec.json.Decoder(Answer)


def line(message: Task | Answer) -> bytes:
    return _encoder.encode(message) + b"\n"
