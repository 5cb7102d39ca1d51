"""The commands of `tape risk` that concern one account; streams.risk.cli gives them their names."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from domain.commands import (
    EnableStrategy,
    EngageKillSwitch,
    GrantOverride,
    ReleaseKillSwitch,
    RevokeOverride,
    SetLimits,
)
from runtime.clock import now_us
from streams.asking.console import By, CommandId, Json, Reason, Wait
from streams.risk import figures
from streams.risk.console import Figures, StrategyId, ask_account

AccountId = Annotated[str, typer.Argument(help="The account's id.", metavar="ACCOUNT")]
OrderId = Annotated[str, typer.Argument(help="The order's id.", metavar="ORDER")]
Strategy = Annotated[str, typer.Option("--strategy", help="Only this strategy in the account.")]
OverrideId = Annotated[str, typer.Argument(help="The override's id, as `grant` printed it.", metavar="OVERRIDE")]


def set_limits(
    account: AccountId,
    by: By,
    reason: Reason,
    limits: Figures = None,
    strategy: Strategy = "",
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Lay down the limits of one account, or of a --strategy in it."""
    own = _scope(strategy) | {"limits": figures.parse(limits or []), "set_by": by, "reason": reason}
    ask_account(SetLimits, account, own, command_id, wait, json=json)


def halt_account(
    account: AccountId,
    by: By,
    reason: Reason,
    strategy: Strategy = "",
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Halt one account, or a --strategy in it."""
    own = _scope(strategy) | {"by": by, "reason": reason}
    ask_account(EngageKillSwitch, account, own, command_id, wait, json=json)


def halt_order(
    account: AccountId,
    order: OrderId,
    by: By,
    reason: Reason,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Cancel one order of an account, for good."""
    own = {"scope": "ORDER", "order_id": order, "by": by, "reason": reason}
    ask_account(EngageKillSwitch, account, own, command_id, wait, json=json)


def resume_account(
    account: AccountId,
    by: By,
    reason: Reason,
    strategy: Strategy = "",
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Lift the halt of one account, or of a --strategy in it."""
    own = _scope(strategy) | {"by": by, "reason": reason}
    ask_account(ReleaseKillSwitch, account, own, command_id, wait, json=json)


def enable_strategy(
    account: AccountId,
    strategy: StrategyId,
    by: By,
    reason: Reason,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Let a strategy trade again that its throttle has disabled in an account."""
    own = {"strategy_id": strategy, "enabled_by": by, "reason": reason}
    ask_account(EnableStrategy, account, own, command_id, wait, json=json)


def grant_override(
    account: AccountId,
    order: Annotated[str, typer.Argument(help="The client order id of the order.", metavar="CLIENT_ORDER")],
    codes: Annotated[list[str], typer.Argument(help="Codes of the checks that it may pass.", metavar="CODE...")],
    by: By,
    reason: Reason,
    minutes: Annotated[int, typer.Option(min=1, max=24 * 60, help="For so long.")] = 60,
    override_id: Annotated[str, typer.Option("--override-id", help="Its id; else a new one.")] = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Let one order, by its client order id, pass checks, once. The same --override-id is granted once."""
    name = override_id or f"ovr-{uuid4().hex}"
    if not json:
        typer.echo(f"override {name}")
    own = {"override_id": name, "client_order_id": order, "codes": tuple(codes), "granted_by": by, "reason": reason}
    expires = {"expires_at_us": now_us() + minutes * 60_000_000}
    ask_account(GrantOverride, account, own | expires, "", wait, json=json)


def revoke_override(
    account: AccountId,
    override: OverrideId,
    by: By,
    reason: Reason,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Take an override back that has not been used."""
    own = {"override_id": override, "revoked_by": by, "reason": reason}
    ask_account(RevokeOverride, account, own, command_id, wait, json=json)


def _scope(strategy: str) -> dict[str, str | None]:
    return {"scope": "STRATEGY", "strategy_id": strategy} if strategy else {"scope": "ACCOUNT", "strategy_id": None}
