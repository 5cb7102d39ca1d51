"""How `tape projections` talks: what it does now, how far it is, and how it is broken off."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.status import Status

from projections.rebuild.build import Build
from projections.rebuild.compare import Result

_EVERY_S = 0.5
_PLAIN_EVERY_S = 5.0


class Terminal:
    """On a terminal one line that changes, elsewhere a line now and then; on standard error.

    Ctrl-C and SIGTERM break off whatever is under way, a query of the database included: transactions are rolled back,
    and a rebuild goes on from its progress when it is run again. While it holds, `check` alone does.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(file=sys.stderr, quiet=quiet)
        self._status: Status | None = None
        self._holds = False
        self._is_broken_off = False
        self._meter = Meter()
        self._told_at = 0.0

    @contextmanager
    def opened(self) -> Iterator[Terminal]:
        """Signals are taken and the line is shown until the end. Raises KeyboardInterrupt when it is broken off."""
        before = {number: signal.signal(number, self._break_off) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._console.is_terminal:
                self._status = self._console.status("")
                self._status.start()
            yield self
        finally:
            if self._status is not None:
                self._status.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def say(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
        else:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def check(self) -> None:
        if self._is_broken_off:
            raise KeyboardInterrupt

    def hold(self) -> None:
        self._holds = True

    def told(self, build: Build, missing: int) -> None:
        """How far a build is, now and then."""
        self._meter.see(missing)
        every_s = _PLAIN_EVERY_S if self._status is None else _EVERY_S
        if time.monotonic() - self._told_at < every_s and missing:
            return
        self._told_at = time.monotonic()
        done = sum(offset for offset, _ in build.progress.values())
        self.say(f"{build.version}: {self._meter.text(done, missing)}")

    def _break_off(self, number: int, frame: FrameType | None) -> None:
        self._is_broken_off = True
        if not self._holds:
            raise KeyboardInterrupt


class Meter:
    """Records per second, and the time that is left at that rate. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._missing = 0
        self._done = 0

    def see(self, missing: int) -> None:
        """So many records are missing now. More than before: the live version has come further meanwhile."""
        if self._began is None:
            self._began = (self._clock(), missing)
        else:
            self._done += max(0, self._missing - missing)
        self._missing = missing

    def rate(self) -> float:
        """Records per second since the beginning; 0 before the first."""
        if self._began is None or not self._done:
            return 0.0
        return self._done / max(1e-6, self._clock() - self._began[0])

    def text(self, done: int, missing: int) -> str:
        """`120,000 of 500,000 records, 21,000/s, 18 s left`."""
        rate = self.rate()
        left = f", {missing / rate:,.0f} s left" if rate and missing else ""
        return f"{done:,} of {done + missing:,} records" + (f", {rate:,.0f}/s{left}" if rate else "")


def lines(result: Result) -> list[str]:
    """A comparison, table by table, with examples of what differs."""
    found = []
    for table in result.tables:
        if not table.differing:
            continue
        found.append(
            f"{table.table}: {table.differing:,} rows differ ({table.live_rows:,} live, {table.new_rows:,} new)"
        )
        found += [f"  {example}" for example in table.examples]
    return found
