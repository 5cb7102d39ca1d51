"""`tape risk`: halt and resume trading, lay down limits, see what stands.

Exit codes: 0 every partition's ledger has answered, and done it; 1 one has not, or refused, and lines say which;
2 the command line is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import uuid4

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.commands import Command, HaltTrading, ResumeTrading, SetDeskLimits
from domain.errors import UnavailableError
from runtime import settings as settings_module
from runtime.clock import now_us
from runtime.settings import Settings
from streams.desks import desk_keys
from streams.partitioning import partition_of
from streams.risk import figures, standing
from streams.risk.ask import Answer, ask

app = typer.Typer(help="Halt and resume trading, lay down limits, see what stands.", no_args_is_help=True)
limits_app = typer.Typer(help="Limits: see them, lay them down.", no_args_is_help=True)
set_app = typer.Typer(help="Lay limits down, in place of all that stood there.", no_args_is_help=True)
halt_app = typer.Typer(help="The kill switch: refuse new orders, cancel the working ones.", no_args_is_help=True)
resume_app = typer.Typer(help="Take new orders again; what was cancelled stays so.", no_args_is_help=True)
app.add_typer(limits_app, name="limits")
limits_app.add_typer(set_app, name="set")
app.add_typer(halt_app, name="halt")
app.add_typer(resume_app, name="resume")

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


@halt_app.command("all")
def halt_all(by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False) -> None:
    """Halt all trading: on every account no order is taken, and every working one is cancelled."""
    _broadcast(HaltTrading, {"scope": "ALL", "by": by, "reason": reason}, command_id, wait, json=json)


@halt_app.command("strategy")
def halt_strategy(
    strategy: StrategyId, by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False
) -> None:
    """Halt a strategy on every account."""
    fields = {"scope": "STRATEGY", "strategy_id": strategy, "by": by, "reason": reason}
    _broadcast(HaltTrading, fields, command_id, wait, json=json)


@resume_app.command("all")
def resume_all(by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False) -> None:
    """Lift the halt of all trading. Halts of strategies and accounts stand."""
    _broadcast(ResumeTrading, {"scope": "ALL", "by": by, "reason": reason}, command_id, wait, json=json)


@resume_app.command("strategy")
def resume_strategy(
    strategy: StrategyId, by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False
) -> None:
    """Lift the halt of a strategy on every account."""
    fields = {"scope": "STRATEGY", "strategy_id": strategy, "by": by, "reason": reason}
    _broadcast(ResumeTrading, fields, command_id, wait, json=json)


@set_app.command("desk")
def set_desk_limits(
    by: By,
    reason: Reason,
    limits: Figures = None,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Lay down the limits of each account."""
    fields = {"scope": "DESK", "limits": figures.parse(limits or []), "set_by": by, "reason": reason}
    _broadcast(SetDeskLimits, fields, command_id, wait, json=json)


@set_app.command("strategy")
def set_strategy_limits(
    strategy: StrategyId,
    by: By,
    reason: Reason,
    limits: Figures = None,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Lay down the limits of a strategy in each account."""
    own = {"scope": "STRATEGY", "strategy_id": strategy, "set_by": by, "reason": reason}
    _broadcast(SetDeskLimits, own | {"limits": figures.parse(limits or [])}, command_id, wait, json=json)


@limits_app.command("show")
def show_limits(json: Json = False) -> None:
    """Show limits and halts: the last word of each partition's ledger, as the tables have it."""
    found = standing.controls(settings_module.settings())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    rows = [
        (
            control.control,
            control.strategy_id or "(all)",
            "in force" if control.in_force else "over",
            figures.text(control.limits),
            f"{control.officer}: {control.reason}",
            control.changed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            " ".join(f"{said.partition}@{said.offset} v{said.version}" for said in control.partitions),
            " ".join(map(str, control.missing)),
        )
        for control in found
    ]
    if rows:
        _table(("control", "strategy", "state", "limits", "who: why", "since", "partitions", "missing"), rows)
    typer.echo(f"{len(rows)} controls")


@app.command("marks")
def show_marks(json: Json = False) -> None:
    """Show the prices that each partition's ledger looks at."""
    found = standing.marks(settings_module.settings())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    rows = [
        (
            mark.symbol,
            mark.price,
            mark.market_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            mark.tick or "",
            f"{mark.partition}@{mark.offset} v{mark.version}",
        )
        for mark in found
    ]
    if rows:
        _table(("symbol", "price", "market time", "tick", "partition"), rows)
    typer.echo(f"{len(rows)} marks")


def _broadcast(kind: type[Command], fields: dict[str, Any], command_id: str, wait_s: float, *, json: bool) -> None:
    """One command a partition, under its desk key; prints what each has answered."""
    settings = _settings()
    own: dict[str, Any] = {"command_id": command_id or f"risk-{uuid4().hex}", "issued_at_us": now_us()}
    _ask(settings, [kind(account_id=key, **own, **fields) for key in desk_keys(settings.partitions)], wait_s, json=json)


def _ask(settings: Settings, commands: Sequence[Command], wait_s: float, *, json: bool) -> None:
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
    _table(("partition", "key", "event", "offset", "version", "answer"), rows)
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


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = Console()
    if not console.is_terminal:  # no terminal to measure: lines are not broken
        console = Console(width=1_000)
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
