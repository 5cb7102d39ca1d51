"""`tape risk`: halt and resume trading, lay down limits, see what stands.

Exit codes: 0 every partition's ledger has answered, and done it; 1 one has not, or refused, and lines say which;
2 the command line is wrong.
"""

from __future__ import annotations

import msgspec
import typer

from domain.commands import HaltTrading, ResumeTrading, SetDeskLimits
from runtime import settings as settings_module
from streams.asking.console import By, CommandId, Json, Reason, Wait, table
from streams.risk import account_cli, figures, standing
from streams.risk.console import Figures, StrategyId, ask_desks

app = typer.Typer(help="Halt and resume trading, lay down limits, see what stands.", no_args_is_help=True)
limits_app = typer.Typer(help="Limits: see them, lay them down.", no_args_is_help=True)
set_app = typer.Typer(help="Lay limits down, in place of all that stood there.", no_args_is_help=True)
halt_app = typer.Typer(help="The kill switch: refuse new orders, cancel the working ones.", no_args_is_help=True)
resume_app = typer.Typer(help="Take new orders again; what was cancelled stays so.", no_args_is_help=True)
app.add_typer(limits_app, name="limits")
limits_app.add_typer(set_app, name="set")
app.add_typer(halt_app, name="halt")
app.add_typer(resume_app, name="resume")
strategy_app = typer.Typer(help="A strategy that its throttle has disabled.", no_args_is_help=True)
override_app = typer.Typer(help="Let one order pass checks, once.", no_args_is_help=True)
app.add_typer(strategy_app, name="strategy")
app.add_typer(override_app, name="override")
set_app.command("account")(account_cli.set_limits)
halt_app.command("account")(account_cli.halt_account)
halt_app.command("order")(account_cli.halt_order)
resume_app.command("account")(account_cli.resume_account)
strategy_app.command("enable")(account_cli.enable_strategy)
override_app.command("grant")(account_cli.grant_override)
override_app.command("revoke")(account_cli.revoke_override)


@halt_app.command("all")
def halt_all(by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False) -> None:
    """Halt all trading: on every account no order is taken, and every working one is cancelled."""
    ask_desks(HaltTrading, {"scope": "ALL", "by": by, "reason": reason}, command_id, wait, json=json)


@halt_app.command("strategy")
def halt_strategy(
    strategy: StrategyId, by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False
) -> None:
    """Halt a strategy on every account."""
    fields = {"scope": "STRATEGY", "strategy_id": strategy, "by": by, "reason": reason}
    ask_desks(HaltTrading, fields, command_id, wait, json=json)


@resume_app.command("all")
def resume_all(by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False) -> None:
    """Lift the halt of all trading. Halts of strategies and accounts stand."""
    ask_desks(ResumeTrading, {"scope": "ALL", "by": by, "reason": reason}, command_id, wait, json=json)


@resume_app.command("strategy")
def resume_strategy(
    strategy: StrategyId, by: By, reason: Reason, command_id: CommandId = "", wait: Wait = 10.0, json: Json = False
) -> None:
    """Lift the halt of a strategy on every account."""
    fields = {"scope": "STRATEGY", "strategy_id": strategy, "by": by, "reason": reason}
    ask_desks(ResumeTrading, fields, command_id, wait, json=json)


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
    ask_desks(SetDeskLimits, fields, command_id, wait, json=json)


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
    ask_desks(SetDeskLimits, own | {"limits": figures.parse(limits or [])}, command_id, wait, json=json)


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
        table(("control", "strategy", "state", "limits", "who: why", "since", "partitions", "missing"), rows)
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
        table(("symbol", "price", "market time", "tick", "partition"), rows)
    typer.echo(f"{len(rows)} marks")
