"""What command lines that ask ledgers share: their options, asking, and showing what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.commands import Command
from domain.errors import UnavailableError
from runtime import settings as settings_module
from runtime.settings import Settings
from streams.asking.ask import Answer, ask
from streams.partitioning import partition_of

By = Annotated[str, typer.Option("--by", help="Who does it: your name, as others know it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands on the tape for ever.")]
CommandId = Annotated[
    str, typer.Option("--command-id", help="The id of a command that was broken off, to complete it; else a new one.")
]
Wait = Annotated[float, typer.Option("--wait", min=0.1, max=600.0, help="Seconds to wait for the answers.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of commands. missing: keys whose ledgers have not answered.

    command_id: empty where each has an id of its own.
    """

    command_id: str
    done: bool
    answers: list[Answer]
    missing: list[str]


def ask_and_show(
    settings: Settings,
    commands: Sequence[Command],
    wait_s: float,
    *,
    source: str,
    again: str,
    nothing_to_do: frozenset[str] = frozenset(),
    json: bool,
) -> None:
    """Ask, and print what each ledger has answered. Exits with 1 unless all have done it.

    again: how to ask again. nothing_to_do: codes of a ledger that is as it was asked to be; not of all of them.
    """
    answers = ask(settings, commands, wait_s, source)
    keys = [command.account_id for command in commands]
    found = [answers[key] for key in keys if key in answers]
    refused = [answer for answer in found if answer.code and answer.code not in nothing_to_do]
    missing = [key for key in keys if key not in answers]
    outcome = Outcome(
        command_id=commands[0].command_id if len({command.command_id for command in commands}) == 1 else "",
        done=any(not answer.code for answer in found) and not missing and not refused,
        answers=found,
        missing=missing,
    )
    if json:
        typer.echo(msgspec.json.encode(outcome).decode())
    else:
        _show(settings, outcome, keys, again)
    if not outcome.done:
        raise typer.Exit(1)


def _show(settings: Settings, outcome: Outcome, keys: Sequence[str], again: str) -> None:
    answers = {answer.key: answer for answer in outcome.answers}
    rows = []
    for key in keys:
        answer = answers.get(key)
        if answer is None:
            rows.append((str(partition_of(key.encode(), settings.partitions)), key, "no answer", "", "", ""))
            continue
        text = f"{answer.code}: {answer.text}" if answer.code else ("had done it before" if answer.earlier else "done")
        version = str(answer.version) if answer.version else ""
        rows.append((str(answer.partition), key, answer.event, str(answer.offset), version, text))
    table(("partition", "key", "event", "offset", "version", "answer"), rows)
    name = f"command {outcome.command_id}: " if outcome.command_id else ""
    typer.echo(f"{name}{len(outcome.answers)} of {len(keys)} ledgers have answered")
    if outcome.missing:
        typer.echo(
            f"no answer from {', '.join(outcome.missing)}; is their ledger worker up? "
            f"The command waits for it; {again} asks again",
            err=True,
        )
    elif not outcome.done:
        typer.echo("it was refused, see the table", err=True)


def live_settings() -> Settings:
    """The settings, with a Kafka to ask. Raises UnavailableError."""
    found = settings_module.settings()
    if not found.kafka_bootstrap_servers:
        raise UnavailableError(
            "KAFKA_BOOTSTRAP_SERVERS is not given, and no embedded server runs; `tape up` starts one"
        )
    return found


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = Console()
    if not console.is_terminal:  # no terminal to measure: lines are not broken
        console = Console(width=1_000)
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
