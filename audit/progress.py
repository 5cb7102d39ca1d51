"""Progress on a terminal as bars, elsewhere as plain lines, so that a log file stays readable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from audit.findings import Silent

_LINE_EVERY_S = 2.0


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def stage(self, name: str, total: int) -> None:
        self._finish()
        self._task = self._bars.add_task(name, total=max(total, 1))

    def advance(self, steps: int = 1) -> None:
        if self._task is not None:
            self._bars.advance(self._task, steps)

    def _finish(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=self._bars.tasks[self._task].total)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._name, self._total, self._done, self._told_at = "", 0, 0, 0.0

    def stage(self, name: str, total: int) -> None:
        self._name, self._total, self._done, self._told_at = name, total, 0, time.monotonic()
        self._console.print(f"{name}: {total:,} to do", markup=False, highlight=False)

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        if time.monotonic() - self._told_at > _LINE_EVERY_S:
            self._told_at = time.monotonic()
            self._console.print(f"{self._name}: {self._done:,} of {self._total:,}", markup=False, highlight=False)


@contextmanager
def shown(console: Console, *, quiet: bool = False) -> Iterator[_Bars | _Lines | Silent]:
    """A Progress that shows on `console`: bars if that is a terminal, lines otherwise, nothing when quiet."""
    if quiet:
        yield Silent()
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bars:
            progress = _Bars(bars)
            yield progress
            progress._finish()
    else:
        yield _Lines(console)
