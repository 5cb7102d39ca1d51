"""What the `tape audit` commands share: exit codes, JSON, and one line for what cannot be done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn, TypeVar

import msgspec
import psycopg
import typer
from rich.console import Console

from audit.findings import Progress
from audit.progress import shown
from domain.errors import TapeledgerError

V = TypeVar("V")
FOUND, CANNOT_CHECK = 1, 2
_SHOWN_MAX = 50

Json = Annotated[bool, typer.Option("--json", help="The whole verdict as JSON on standard output.")]


def checked(check: Callable[[Progress], V], *, quiet: bool, what: str = "check") -> V:
    """What `check` gives; exit code 2 and one line on standard error where it cannot be done."""
    try:
        with shown(Console(stderr=True), quiet=quiet) as progress:
            return check(progress)
    except (TapeledgerError, psycopg.Error) as error:
        _cannot(what, error)


def _cannot(what: str, error: Exception) -> NoReturn:
    typer.echo(f"cannot {what}: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(CANNOT_CHECK) from None


def print_json(verdict: msgspec.Struct) -> None:
    """The verdict on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n")


def show(console: Console, name: str, ok: bool, text: str, found: Sequence[str]) -> None:
    """The first findings, and the verdict in one line."""
    for line in found[:_SHOWN_MAX]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(found) > _SHOWN_MAX:
        console.print(f"… and {len(found) - _SHOWN_MAX:,} more; --json has them", markup=False, highlight=False)
    word, style = ("OK", "green") if ok else ("FAILED", "bold red")
    console.print(f"{name} {word}: {text}", style=style, markup=False, highlight=False, soft_wrap=True)
