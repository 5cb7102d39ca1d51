"""What the command shows to people: lines, tables, and a live table on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from runtime.doctor import Finding
    from runtime.keepers import Row

_WIDTH = 160  # where there is no terminal to measure
_console = Console(width=None if sys.stdout.isatty() else _WIDTH)
_STYLES = {
    "ready": "green",
    "running": "cyan",
    "starting": "yellow",
    "waiting": "yellow",
    "failed": "bold red",
    "halted": "bold red",
}


def say(line: str) -> None:
    """One line, with the time before it; above the live table, where there is one."""
    _console.print(f"{time.strftime('%H:%M:%S')} {line}", markup=False, highlight=False, soft_wrap=True)


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """The table of `tape status`, and under it, in full, why workers are halted."""
    _console.print(_table(rows))
    for row in rows:
        if row["state"] == "halted":
            line = f"{row['name']} is halted: {row['note']}"
            _console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def live(rows: Callable[[], Sequence[Row]]) -> Iterator[None]:
    """The same table, kept current while the block runs, where output goes to a terminal; else nothing."""
    if not _console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: _table([row.as_dict() for row in rows()]), console=_console, refresh_per_second=2):
        yield


def findings(found: Sequence[Finding]) -> None:
    """The table of `tape doctor`."""
    table = Table("", "what", "found", "how to get it")
    for each in found:
        mark = "[green]ok" if each.good else "[bold red]missing" if each.required else "[yellow]wanted"
        table.add_row(mark, each.name, each.found, "" if each.good else each.remedy)
    _console.print(table)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("name", "kind", "state", "pid", "uptime", "restarts", "address", "note")
    for row in rows:
        state = row["state"]
        since = row["since"]
        up = "" if since is None or row["pid"] is None else _duration(time.time() - since)
        pid = "" if row["pid"] is None else str(row["pid"])
        style = _STYLES.get(state, "")
        table.add_row(
            row["name"], row["kind"], f"[{style}]{state}" if style else state, pid, up,
            str(row["restarts"]), row["address"], row["note"][:80],
        )  # fmt: skip
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
