"""`tape deadletters`: list, show, retry and discard inputs that could not be read.

Exit codes: 0 all of it is done and stands on `audit.logs`; 1 something is not, and a line says what; 2 the command line
is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.errors import UnavailableError
from runtime import settings as settings_module
from runtime.settings import Settings
from streams.deadletters import dossier as dossiers
from streams.deadletters import listing as listings
from streams.deadletters.letter import Place
from streams.deadletters.settle import AT_ONCE_MAX, Outcome, Settler
from streams.deadletters.standing import Status

app = typer.Typer(help="Inputs that could not be read: list, show, retry, discard.", no_args_is_help=True)
_STYLES = {"open": "bold yellow", "retrying": "bold red", "retried": "green", "discarded": "dim"}
_REASON_SHOWN_MAX = 200

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Topic = Annotated[str, typer.Option(help="Only those of this input topic.")]
Service = Annotated[str, typer.Option(help="Only those that this service could not read.")]
Newest = Annotated[int, typer.Option(min=1, help="Look at so many records at the end of each partition.")]
Places = Annotated[list[str] | None, typer.Argument(help="topic:partition:offset, one or more.", metavar="PLACE...")]
All = Annotated[bool, typer.Option("--all", help="All that are open, of a --topic or a --service.")]
By = Annotated[str, typer.Option("--by", help="Who does it: your name, as others know it.")]


@app.command("list")
def list_command(
    topic: Topic = "",
    service: Service = "",
    status: Annotated[
        list[str] | None, typer.Option(help="Only open, retrying, retried or discarded ones; may be given again.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show at most so many.")] = 50,
    newest: Newest = listings.NEWEST,
    json: Json = False,
) -> None:
    """Show dead letters, newest first, and what became of them."""
    chosen = listings.Filter(topic, service, _statuses(status or []))
    found = listings.listing(_settings(), chosen, limit, newest)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    if found.rows:
        _show(found.rows)
    typer.echo(f"{len(found.rows)} of {found.matching} dead letters")
    if found.older:
        typer.echo(f"{found.older} older records were not looked at; --newest looks further back")


@app.command("show")
def show_command(
    place: Annotated[str, typer.Argument(help="topic:partition:offset.", metavar="PLACE")],
    max_bytes: Annotated[int, typer.Option("--bytes", min=0, help="Show so much of a value.")] = dossiers.BYTES_MAX,
    json: Json = False,
) -> None:
    """Show one dead letter: the record as it came, why it could not be read, and what was done with it."""
    found = dossiers.dossier(_settings(), Place.parse(place))
    if json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        typer.echo("\n".join(dossiers.lines(found, max_bytes)))


@app.command("retry")
def retry_command(
    by: By,
    places: Places = None,
    every: All = False,
    topic: Topic = "",
    service: Service = "",
    newest: Newest = listings.NEWEST,
    reason: Annotated[str, typer.Option(help="Why it can be read now; goes on record.")] = "",
    json: Json = False,
) -> None:
    """Send dead letters to their topics again, as new inputs, and put that on record."""
    settings = _settings()
    chosen = _chosen(settings, places, every, listings.Filter(topic, service, ("open", "retrying")), newest)
    _settle(settings, chosen, by, reason, retry=True, json=json)


@app.command("discard")
def discard_command(
    by: By,
    reason: Annotated[str, typer.Option(help="Why it needs no more work; goes on record.")],
    places: Places = None,
    every: All = False,
    topic: Topic = "",
    service: Service = "",
    newest: Newest = listings.NEWEST,
    json: Json = False,
) -> None:
    """Declare that dead letters need no more work, and put that on record. They are kept all the same."""
    settings = _settings()
    chosen = _chosen(settings, places, every, listings.Filter(topic, service, ("open",)), newest)
    _settle(settings, chosen, by, reason, retry=False, json=json)


def _settings() -> Settings:
    found = settings_module.settings()
    if not found.kafka_bootstrap_servers:
        raise UnavailableError(
            "KAFKA_BOOTSTRAP_SERVERS is not given, and no embedded server runs; `tape up` starts one"
        )
    return found


def _statuses(names: Sequence[str]) -> tuple[Status, ...]:
    known: dict[str, Status] = {
        "open": "open",
        "retrying": "retrying",
        "retried": "retried",
        "discarded": "discarded",
    }
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"expected one of {', '.join(known)}, it was {name!r}", param_hint="--status")
    return tuple(known[name] for name in names)


def _chosen(
    settings: Settings, places: Sequence[str] | None, every: bool, which: listings.Filter, newest: int
) -> list[Place]:
    """The places that were named, each once; or all that a filter takes, the oldest first."""
    if every == bool(places):
        raise typer.BadParameter("expected one or more PLACEs, or --all", param_hint="PLACE")
    if not every:
        return list(dict.fromkeys(Place.parse(place) for place in places or ()))
    if not which.topic and not which.service:
        raise typer.BadParameter("expected a --topic or a --service with it", param_hint="--all")
    found = listings.listing(settings, which, 10_000, newest)
    return [Place.parse(row.place) for row in reversed(found.rows)]


def _settle(settings: Settings, places: Sequence[Place], by: str, reason: str, *, retry: bool, json: bool) -> None:
    """In portions, each done before the next is begun; nothing is done when a place is wrong."""
    outcomes: list[Outcome] = []
    settler = Settler(settings, places)
    try:
        settler.check(places, retry=retry)
        for begin in range(0, len(places), AT_ONCE_MAX):
            portion = places[begin : begin + AT_ONCE_MAX]
            done = settler.retry(portion, by, reason) if retry else settler.discard(portion, by, reason)
            outcomes += done
            if not json:
                for outcome in done:
                    typer.echo(f"{outcome.place}: {outcome.text}", err=not outcome.done)
    finally:
        settler.close()
        if json and outcomes:  # also when a later portion failed
            typer.echo(msgspec.json.encode(outcomes).decode())
    if json and not outcomes:
        typer.echo("[]")
    elif not outcomes:
        typer.echo("none is open")
    if not all(outcome.done for outcome in outcomes):
        raise typer.Exit(1)


def _show(rows: Sequence[listings.Row]) -> None:
    console = Console()
    if not console.is_terminal:  # no terminal to measure: lines are not broken
        console = Console(width=1_000)
    table = Table()
    for name in ("Place", "Time", "Service", "Status", "By", "Reason"):
        table.add_column(name, no_wrap=name in ("Place", "Status"), overflow="fold")
    for row in rows:
        reason = row.reason if len(row.reason) <= _REASON_SHOWN_MAX else row.reason[: _REASON_SHOWN_MAX - 1] + "…"
        status = Text(row.status, style=_STYLES[row.status])
        note = f"{row.by}: {row.note}" if row.note else row.by
        table.add_row(Text(row.place), row.time[:19] + "Z", Text(row.service), status, Text(note), Text(reason))
    console.print(table)
