"""`tape projections`: list, rebuild, verify, switch and drop versions of projections, and skip a record.

Exit codes: 0 it is done; 1 it is not, and a line says why; 2 the command line is wrong; 130 it was broken off, and what
a rebuild had done is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.table import Table

from domain.errors import TapeledgerError, UnavailableError
from projections.groups import GROUPS, group_of
from projections.rebuild import work
from projections.rebuild.compare import Result
from projections.rebuild.console import Terminal, lines
from projections.rebuild.listing import Listing, Row, listing
from projections.rebuild.onrecord import Order
from projections.rebuild.switch import Differences
from runtime import settings as settings_module
from runtime.settings import Settings

app = typer.Typer(help="Versions of the read models: rebuild, compare, switch.", no_args_is_help=True)
_BROKEN_OFF = 130

Name = Annotated[
    str, typer.Argument(help=f"A projection: {', '.join(group.name for group in GROUPS)}.", metavar="NAME")
]
By = Annotated[str, typer.Option("--by", "--actor", help="Who does it: your name, as others know it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands on `audit.logs` for ever.")]
Accept = Annotated[
    str | None,
    typer.Option(
        "--accept-differences", metavar="REASON", help="Switch although rows differ, and why that is right; on record."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@app.command("list")
def list_command(json: Json = False) -> None:
    """Show every version: its state, where it stands, how far it is behind, its size, and what is wrong."""
    with _reported(Terminal(quiet=json)):
        found = listing(_settings())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _show(found)


@app.command("rebuild")
def rebuild_command(
    name: Name,
    switch: Annotated[bool, typer.Option("--switch", help="Compare, and switch, when it has caught up.")] = False,
    by: Annotated[str, typer.Option("--by", "--actor", help="Who switches; with --switch.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; with --switch.")] = "",
    accept: Accept = None,
    json: Json = False,
) -> None:
    """Build a version beside the live one, or go on with the one that was begun, until it has caught up.

    Without --switch both are compared then, and the live one stays.
    """
    group, order = group_of(name), Order(by, reason)
    if switch:
        order.checked()
    terminal = Terminal(quiet=json)
    with _reported(terminal):
        settings = _settings()
        version = work.rebuild(settings, group, terminal, terminal.told)
        if switch:
            result = work.switch_in(settings, group, order, accept, terminal, terminal.told)
            _send(settings, terminal)
        else:
            result = work.verify(settings, group, terminal)
    _report(result, f"{version} is live" if switch else f"{version} is ready", json=json)
    if not switch and result.differing:
        raise typer.Exit(1)


@app.command("verify")
def verify_command(name: Name, json: Json = False) -> None:
    """Compare the version that is ready with the live one: rows and checksums of each table, at the same positions."""
    terminal = Terminal(quiet=json)
    with _reported(terminal):
        result = work.verify(_settings(), group_of(name), terminal)
    _report(result, f"{name} was compared", json=json)
    if result.differing:
        raise typer.Exit(1)


@app.command("switch")
def switch_command(name: Name, by: By, reason: Reason, accept: Accept = None, json: Json = False) -> None:
    """Put the version that is ready in the place of the live one, which is retired. Readers and the projector go on."""
    terminal = Terminal(quiet=json)
    with _reported(terminal):
        settings = _settings()
        result = work.switch_in(settings, group_of(name), Order(by, reason), accept, terminal, terminal.told)
        _send(settings, terminal)
    _report(result, f"{name} version {result.version} is live", json=json)


@app.command("drop")
def drop_command(
    name: Name,
    by: By,
    reason: Reason,
    version: Annotated[int | None, typer.Option("--version", help="Which one, where there are several.")] = None,
) -> None:
    """Remove the version that is under construction, or the retired one."""
    terminal = Terminal()
    with _reported(terminal):
        settings = _settings()
        dropped = work.drop(settings, group_of(name), version, Order(by, reason))
        _send(settings, terminal)
    typer.echo(f"{dropped} ({dropped.state}) is dropped")


@app.command("skip")
def skip_command(
    name: Name,
    partition: Annotated[int, typer.Argument(min=0, metavar="PARTITION")],
    offset: Annotated[int, typer.Argument(min=0, metavar="OFFSET")],
    by: By,
    reason: Reason,
) -> None:
    """Let a projection pass over the record at which it stands still. The record is archived all the same."""
    terminal = Terminal()
    with _reported(terminal):
        settings = _settings()
        found = work.skip(settings, group_of(name), partition, offset, Order(by, reason))
        _send(settings, terminal)
    typer.echo(f"{name} passes over {found.topic}:{found.partition}:{found.offset}, SHA-256 {found.sha256.hex()}")


def _send(settings: Settings, terminal: Terminal) -> None:
    """Put what was done on `audit.logs`, or say that it waits: it is done, and the projector sends it."""
    try:
        work.send_actions(settings)
    except UnavailableError as error:
        terminal.say(f"it is done, and waits to be put on audit.logs by the projector: {error}")


def _settings() -> Settings:
    found = settings_module.settings()
    for name in ("database_url", "kafka_bootstrap_servers"):
        if not getattr(found, name):
            raise UnavailableError(f"{name.upper()} is not given, and no embedded server runs; `tape up` starts one")
    return found


@contextmanager
def _reported(terminal: Terminal) -> Iterator[None]:
    """One line for what went wrong; what is known of differences, too."""
    try:
        with terminal.opened():
            yield
    except KeyboardInterrupt:
        typer.echo("broken off; nothing was switched, and what was built is kept: run it again to go on", err=True)
        raise typer.Exit(_BROKEN_OFF) from None
    except Differences as error:
        _end(str(error), lines(error.result))
    except (TapeledgerError, psycopg.Error) as error:
        _end(str(error), [])


def _end(problem: str, found: list[str]) -> None:
    for line in found:
        typer.echo(line)
    typer.echo(f"error: {' '.join(problem.split())}", err=True)
    raise typer.Exit(1) from None


def _report(result: Result, what: str, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(result).decode())
        return
    for line in lines(result):
        typer.echo(line)
    typer.echo(f"{what}; {result.text()}; the live one stood still for {result.stood_still_s:.1f} s")


def _show(found: Listing) -> None:
    table = Table(
        *("projection", "version", "state", "since", "positions", "lag", "size", "skipped", "compared"), box=None
    )
    for row in found.versions:
        table.add_row(
            row.projection,
            str(row.version),
            row.state,
            row.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            " ".join(f"{partition}:{offset}" for partition, offset in row.positions.items()) or "none",
            "?" if row.lag is None else f"{row.lag:,}",
            _size(row.size),
            str(row.skipped),
            _compared(row),
        )
    Console().print(table)
    for row in found.versions:
        if row.stopped is not None:
            typer.echo(f"STOPPED {row.projection} version {row.version}: {row.stopped}")
    for skip in found.skipped:
        typer.echo(f"skipped {skip.projection} {skip.place} ({skip.type or 'no type'}) by {skip.actor}: {skip.reason}")


def _compared(row: Row) -> str:
    if row.verified_at is None:
        return ""
    return f"{row.verified_at:%Y-%m-%dT%H:%M:%SZ}, {row.differing_rows or 0:,} rows differ"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:,.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} TB"
