"""Runners of the tests: each does what its terms' `model` says, and notes in the home that it began and ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from domain.backtests import BacktestTerms
from domain.errors import InvalidValue, UnavailableError
from runtime.settings import Settings
from streams.backtests.port import Programs
from tests.streams.backtests.small import Result, earning

PROGRAMS = Programs(runner=f"{__name__}:run", page=f"{__name__}:page", tracker=f"{__name__}:note_run")
STEPS, STEP_S = 200, 0.05


class Cancelled(Exception):
    """What a runner raises is its own matter."""


def run(
    terms: BacktestTerms,
    settings: Settings,
    progress: Callable[[float, str], None] = lambda share, text: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """model: what happens. A dollar a day is earned, so the last day says what the result must be."""
    note(settings.tape_home, f"began {terms.symbols[0]}")
    match terms.model.partition("@")[0]:
        case "slow":
            for step in range(STEPS):
                if cancelled():
                    note(settings.tape_home, f"heard {terms.symbols[0]}")
                    raise Cancelled
                progress(step / STEPS, f"step {step}")
                time.sleep(STEP_S)
        case "gate":  # until the test opens it
            while not (settings.tape_home / "open").exists():
                progress(0.5, "at the gate")
                time.sleep(0.02)
        case "quiet":  # the same, and it says nothing: what it is connected to may be gone
            while not (settings.tape_home / "open").exists():
                time.sleep(0.02)
        case "deaf":
            time.sleep(600)
        case "flaky":
            if count(settings.tape_home, f"began {terms.symbols[0]}") < 3:
                raise UnavailableError("the registry does not answer")
        case "wrong":
            raise InvalidValue("MODEL_UNKNOWN", "expected a registered model, it was 'wrong'")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "greedy":
            kept = b"x" * (300 * 2**20)
            time.sleep(60 if kept else 0)
        case "loud":
            sys.stdout.write("libraries say all kinds of things\n" * 10_000)
            os.write(1, b"some of them past Python\n")
    note(settings.tape_home, f"ended {terms.symbols[0]}")
    first, last = date.fromisoformat(terms.first), date.fromisoformat(terms.last)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    closes = [datetime(day.year, day.month, day.day, 21, tzinfo=UTC) for day in days]
    return earning(terms, [int(close.timestamp()) * 10**6 for close in closes])


def page(result: Result) -> str:
    """What is loud has none."""
    if result.terms.model == "loud":
        raise ZeroDivisionError
    return f"<p>{result.outcome.figures[0]['value']:.0f} dollars</p>"


def note_run(
    settings: Settings,
    backtest_id: str,
    requested_by: str,
    terms: BacktestTerms,
    result: bytes,
    report: str | None,
) -> str:
    """A tracker whose server is away for the first time of asking, and which keeps its record in the home."""
    note(
        settings.tape_home, f"logged {backtest_id} of {requested_by}: {msgspec.json.decode(result)['digest']}, {report}"
    )
    if count(settings.tape_home, f"logged {backtest_id}") == 1:
        raise UnavailableError("MLflow does not answer")
    return "run-1"


def note(home: Path, text: str) -> None:
    with (home / "notes.txt").open("a") as notes:
        notes.write(f"{text}\n")


def notes(home: Path) -> list[str]:
    file = home / "notes.txt"
    return file.read_text().splitlines() if file.exists() else []


def count(home: Path, beginning: str) -> int:
    return sum(each.startswith(beginning) for each in notes(home))
