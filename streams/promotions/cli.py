"""`tape models promote` and `rollback`: models.cli, and what has to go on `audit.logs`."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from domain.errors import TapeledgerError
from models.cli import DeclareOption, SourceOption, app, day, fail, say
from models.cli_tables import comparison_table
from runtime.settings import Settings, settings
from streams.promotions.sending import send_waiting

Actor = Annotated[str, typer.Option(help="who does it; default: the system user")]
Reason = Annotated[str, typer.Option(help="why; it goes on audit.logs")]


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="as `tape models list` shows it; default: the challenger")] = "",
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="default: the first fresh day")] = "",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="last day of the window, included")] = "",
    source: SourceOption = "bokeh",
    declare: DeclareOption = None,
    override: Annotated[bool, typer.Option("--override", help="promote it whatever the comparison says")] = False,
    reason: Reason = "",
    actor: Actor = "",
) -> None:
    """Compare a challenger with the champion on one fresh window, and make it the champion if it is better.

    Exit code 1 when it is not better. A running signals worker goes on with the new champion within seconds.
    """
    from models.marketdata.declared import declaration
    from models.registry import challenge, records

    found = settings()
    try:
        wanted = version or challenge.challenger(found)
        comparison = None
        if not (override and not first and not last):
            window = (day(first, "--from") if first else None, day(last, "--to") if last else None)
            comparison = challenge.compared(found, wanted, *window, source, declaration(declare or []))
            say(comparison_table(comparison))
            if not comparison.better and not override:
                say(f"Version {wanted} is not better: {found.model_alias} stays {comparison.champion}.")
                raise typer.Exit(1)
        if override and not reason:
            raise typer.BadParameter("an override needs a reason", param_hint="--reason")
        details = comparison.details() if comparison is not None else {}
        if override:
            details |= {"override": "yes"}
        order = records.Order(actor or getpass.getuser(), reason or "better on a fresh window", details)
        meta = records.promote(found, wanted, order)
    except TapeledgerError as error:
        fail(error)
    say(f"Model {meta.name} version {meta.version} is the {found.model_alias}.")
    _record(found)


@app.command()
def rollback(reason: Reason = "rolled back by hand", actor: Actor = "") -> None:
    """Make the version that was the champion before the champion again. A running worker follows within seconds."""
    from models.registry import records

    found = settings()
    try:
        meta = records.roll_back(found, records.Order(actor or getpass.getuser(), reason))
    except TapeledgerError as error:
        fail(error)
    say(f"Model {meta.name} version {meta.version} is the {found.model_alias} again.")
    _record(found)


def _record(found: Settings) -> None:
    if not found.kafka_bootstrap_servers:
        say("It goes on audit.logs when a signals worker runs next: no Kafka is known here.")
        return
    try:
        send_waiting(found)
    except TapeledgerError as error:
        say(f"It goes on audit.logs later: {error}")


__all__ = ["app"]
