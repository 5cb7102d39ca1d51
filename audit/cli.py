"""`tape audit verify`, `tape audit replay` and `tape audit snapshots`; audit.cli_books adds the books.

Exit codes: 0 all is well, 1 something was found, 2 it could not be checked. Findings and verdict go to standard output,
progress and errors to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from audit import cli_books
from audit.console import FOUND, Json, checked, print_json, show
from audit.replay import ReplayVerdict, replay
from audit.snapshots import SnapshotVerdict, check_snapshots
from audit.verify import Verdict, verify
from runtime import settings as settings_module

app = typer.Typer(help="Prove that the log, its archive and the read models agree.", no_args_is_help=True)
app.command("trial-balance")(cli_books.trial_balance_command)
app.command("export-journal")(cli_books.export_journal_command)
Wait = Annotated[bool, typer.Option("--wait", help="First wait until the archive has all that Kafka has now.")]


@app.command("verify")
def verify_command(wait: Wait = False, json: Json = False) -> None:
    """Check every hash in Kafka and in the archive, compare both, and add up every balance."""
    verdict = checked(lambda progress: verify(settings_module.settings(), progress, wait=wait), quiet=json)
    if json:
        print_json(verdict)
    else:
        _show_verify(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


@app.command("replay")
def replay_command(json: Json = False) -> None:
    """Fold the log from the beginning and compare the result with the live tables, row by row."""
    verdict = checked(lambda progress: replay(settings_module.settings(), progress), quiet=json)
    if json:
        print_json(verdict)
    else:
        _show_replay(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


@app.command("snapshots")
def snapshots_command(json: Json = False) -> None:
    """Fold the ledger's tapes and compare the accounts with those in its snapshots. Needs no database."""
    verdict = checked(lambda progress: check_snapshots(settings_module.settings(), progress), quiet=json)
    if json:
        print_json(verdict)
    else:
        _show_snapshots(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


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
    show(console, "verify", verdict.ok, verdict.text(), [str(finding) for finding in verdict.findings])


def _show_replay(verdict: ReplayVerdict) -> None:
    console = Console()
    table = Table(title="Tables", title_justify="left")
    for name in ("Table", "Rows", "Differences"):
        table.add_column(name, justify="left" if name == "Table" else "right")
    for one in verdict.tables:
        table.add_row(one.table, f"{one.rows:,}", f"{one.differences:,}")
    console.print(table)
    for skipped in verdict.skipped:
        console.print(skipped, markup=False, highlight=False, soft_wrap=True)
    show(console, "replay", verdict.ok, verdict.text(), [str(found) for found in verdict.differences])
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
    show(console, "snapshots", verdict.ok, verdict.text(), [str(finding) for finding in verdict.findings])
