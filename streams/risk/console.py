"""What the commands of `tape risk` share beyond streams.asking: their arguments, and asking every partition's desk."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from domain.commands import Command
from runtime.clock import now_us
from runtime.settings import Settings
from streams.asking.console import ask_and_show, live_settings
from streams.desks import desk_keys

StrategyId = Annotated[str, typer.Argument(help="The strategy's id.", metavar="STRATEGY")]
Figures = Annotated[
    list[str] | None,
    typer.Argument(help="NAME=VALUE, in place of all that stood there; none: no limits.", metavar="LIMIT..."),
]
_NOTHING_TO_DO = frozenset({"TRADING_NOT_HALTED"})


def ask_desks(kind: type[Command], fields: dict[str, Any], command_id: str, wait_s: float, *, json: bool) -> None:
    """One command a partition, under its desk key; prints what each has answered. Exits with 1 unless all did it."""
    settings = live_settings()
    _ask(settings, kind, desk_keys(settings.partitions), fields, command_id, wait_s, json=json)


def ask_account(
    kind: type[Command], account_id: str, fields: dict[str, Any], command_id: str, wait_s: float, *, json: bool
) -> None:
    """One command to the ledger of an account; prints its answer. Exits with 1 unless it did it."""
    _ask(live_settings(), kind, (account_id,), fields, command_id, wait_s, json=json)


def _ask(
    settings: Settings,
    kind: type[Command],
    keys: tuple[str, ...],
    fields: dict[str, Any],
    command_id: str,
    wait_s: float,
    *,
    json: bool,
) -> None:
    own: dict[str, Any] = {"command_id": command_id or f"risk-{uuid4().hex}", "issued_at_us": now_us()}
    ask_and_show(
        settings,
        [kind(account_id=key, **own, **fields) for key in keys],
        wait_s,
        source="risk",
        again=f"`--command-id {own['command_id']}`",
        nothing_to_do=_NOTHING_TO_DO,
        json=json,
    )
