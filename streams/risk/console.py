"""What the commands of `tape risk` share: their options, asking, and showing what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import uuid4

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.commands import Command
from domain.errors import UnavailableError
from runtime import settings as settings_module
from runtime.clock import now_us
from runtime.settings import Settings
from streams.desks import desk_keys
from streams.partitioning import partition_of
from streams.risk.ask import Answer, ask

By = Annotated[str, typer.Option("--by", help="Who does it: your name, as others know it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands on the tape for ever.")]
CommandId = Annotated[
    str, typer.Option("--command-id", help="The id of a command that was broken off, to complete it; else a new one.")
]
Wait = Annotated[float, typer.Option("--wait", min=0.1, max=600.0, help="Seconds to wait for the answers.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
StrategyId = Annotated[str, typer.Argument(help="The strategy's id.", metavar="STRATEGY")]
Figures = Annotated[
    list[str] | None,
    typer.Argument(help="NAME=VALUE, in place of all that stood there; none: no limits.", metavar="LIMIT..."),
]
_NOTHING_TO_DO = frozenset({"TRADING_NOT_HALTED"})
"""Refusals of a partition that is as it was asked to be; not of all of them."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command. missing: keys whose partitions have not answered."""

    command_id: str
    done: bool
    answers: list[Answer]
    missing: list[str]


def ask_desks(kind: type[Command], fields: dict[str, Any], command_id: str, wait_s: float, *, json: bool) -> None:
    """One command a partition, under its desk key; prints what each has answered. Exits with 1 unless all did it."""
    settings = _settings()
    own = _envelope(command_id)
    commands = [kind(account_id=key, **own, **fields) for key in desk_keys(settings.partitions)]
    _ask_and_show(settings, commands, wait_s, json=json)


def ask_account(
    kind: type[Command], account_id: str, fields: dict[str, Any], command_id: str, wait_s: float, *, json: bool
) -> None:
    """One command to the ledger of an account; prints its answer. Exits with 1 unless it did it."""
    _ask_and_show(_settings(), [kind(account_id=account_id, **_envelope(command_id), **fields)], wait_s, json=json)


def _envelope(command_id: str) -> dict[str, Any]:
    return {"command_id": command_id or f"risk-{uuid4().hex}", "issued_at_us": now_us()}


def _ask_and_show(settings: Settings, commands: Sequence[Command], wait_s: float, *, json: bool) -> None:
    answers = ask(settings, commands, wait_s)
    keys = [command.account_id for command in commands]
    found = [answers[key] for key in keys if key in answers]
    refused = [answer for answer in found if answer.code and answer.code not in _NOTHING_TO_DO]
    effective = any(not answer.code for answer in found)
    missing = [key for key in keys if key not in answers]
    outcome = Outcome(
        command_id=commands[0].command_id,
        done=effective and not missing and not refused,
        answers=found,
        missing=missing,
    )
    if json:
        typer.echo(msgspec.json.encode(outcome).decode())
    else:
        _show(settings, outcome, keys)
    if not outcome.done:
        raise typer.Exit(1)


def _show(settings: Settings, outcome: Outcome, keys: Sequence[str]) -> None:
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
    typer.echo(f"command {outcome.command_id}: {len(outcome.answers)} of {len(keys)} ledgers have answered")
    if outcome.missing:
        typer.echo(
            f"no answer from {', '.join(outcome.missing)}; is their ledger worker up? "
            f"The command waits for it; `--command-id {outcome.command_id}` asks again",
            err=True,
        )
    elif not outcome.done:
        typer.echo("it was refused, see the table", err=True)


def _settings() -> Settings:
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
