"""`tape audit verify`, `tape audit replay` and `tape audit snapshots`.

Exit codes: 0 all is well, 1 something was found, 2 it could not be checked. Findings and verdict go to standard output,
progress and errors to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn, TypeVar

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.table import Table

from audit.findings import Progress
from audit.progress import shown
from audit.replay import ReplayVerdict, replay
from audit.snapshots import SnapshotVerdict, check_snapshots
from audit.verify import Verdict, verify
from domain.errors import TapeledgerError
from runtime import settings as settings_module

V = TypeVar("V")
FOUND, CANNOT_CHECK = 1, 2
_SHOWN_MAX = 50

app = typer.Typer(help="Prove that the log, its archive and the read models agree.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="The whole verdict as JSON on standard output.")]
Wait = Annotated[bool, typer.Option("--wait", help="First wait until the archive has all that Kafka has now.")]


@app.command("verify")
def verify_command(wait: Wait = False, json: Json = False) -> None:
    """Check every hash in Kafka and in the archive, compare both, and add up every balance."""
    verdict = _checked(lambda progress: verify(settings_module.settings(), progress, wait=wait), quiet=json)
    if json:
        _print_json(verdict)
    else:
        _show_verify(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


@app.command("replay")
def replay_command(json: Json = False) -> None:
    """Fold the log from the beginning and compare the result with the live tables, row by row."""
    verdict = _checked(lambda progress: replay(settings_module.settings(), progress), quiet=json)
    if json:
        _print_json(verdict)
    else:
        _show_replay(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


@app.command("snapshots")
def snapshots_command(json: Json = False) -> None:
    """Fold the ledger's tapes and compare the accounts with those in its snapshots. Needs no database."""
    verdict = _checked(lambda progress: check_snapshots(settings_module.settings(), progress), quiet=json)
    if json:
        _print_json(verdict)
    else:
        _show_snapshots(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


def _checked(check: Callable[[Progress], V], *, quiet: bool) -> V:
    try:
        with shown(Console(stderr=True), quiet=quiet) as progress:
            return check(progress)
    except (TapeledgerError, psycopg.Error) as error:
        _cannot_check(error)


def _cannot_check(error: Exception) -> NoReturn:
    typer.echo(f"cannot check: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(CANNOT_CHECK) from None


def _print_json(verdict: msgspec.Struct) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n")


def _show_verify(verdict: Verdict) -> None:
    console = Console()
    table = Table(title="Tapes", title_justify="left")
    for name in ("Tape", "Records", "Dead", "Archived", "Archive up to", "Kafka up to", "Chain", "Head"):
        table.add_column(name, justify="left" if name in ("Tape", "Chain", "Head") else "right", no_wrap=name == "Tape")
    for tape in verdict.tapes:
        table.add_row(
            f"{tape.topic}/{tape.partition}",
            *(f"{n:,}" for n in (tape.records, tape.dead, tape.archived, tape.next_offset, tape.kafka_end)),
            "whole" if tape.chain_whole else "BROKEN",
            f"{tape.head_seq:,} {tape.head_hash[:12]}",
        )
    console.print(table)
    _show(console, "verify", verdict.ok, verdict.text(), [str(finding) for finding in verdict.findings])


def _show_replay(verdict: ReplayVerdict) -> None:
    console = Console()
    table = Table(title="Tables", title_justify="left")
    for name in ("Table", "Rows", "Differences"):
        table.add_column(name, justify="left" if name == "Table" else "right")
    for one in verdict.tables:
        table.add_row(one.table, f"{one.rows:,}", f"{one.differences:,}")
    console.print(table)
    _show(console, "replay", verdict.ok, verdict.text(), [str(found) for found in verdict.differences])
    console.print(f"State digest: {verdict.digest}", markup=False, highlight=False)


def _show_snapshots(verdict: SnapshotVerdict) -> None:
    console = Console()
    table = Table(title="Snapshots", title_justify="left")
    for name in ("Partition", "Accounts", "Epoch at", "Records", "Behind", "Findings"):
        table.add_column(name, justify="right")
    for one in verdict.partitions:
        epoch = "none" if one.epoch is None else f"{one.epoch:,}"
        numbers = (one.accounts, one.records, one.behind, one.findings)
        accounts, records, behind, findings = (f"{number:,}" for number in numbers)
        table.add_row(str(one.partition), accounts, epoch, records, behind, findings)
    console.print(table)
    _show(console, "snapshots", verdict.ok, verdict.text(), [str(finding) for finding in verdict.findings])


def _show(console: Console, name: str, ok: bool, text: str, found: Sequence[str]) -> None:
    for line in found[:_SHOWN_MAX]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(found) > _SHOWN_MAX:
        console.print(f"… and {len(found) - _SHOWN_MAX:,} more; --json has them", markup=False, highlight=False)
    word, style = ("OK", "green") if ok else ("FAILED", "bold red")
    console.print(f"{name} {word}: {text}", style=style, markup=False, highlight=False, soft_wrap=True)
