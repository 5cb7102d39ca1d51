"""Decisions on what risk officers ask for: limits, overrides, strategies, kill switches. Each gives one event.

A command is refused as a whole (CommandRejected), or takes effect with the next order of the account.
"""

from __future__ import annotations

from domain import checks, ids, kills, limit_checks
from domain.account import Account
from domain.checks import Refusal
from domain.commands import (
    EnableStrategy,
    EngageKillSwitch,
    GrantOverride,
    ReleaseKillSwitch,
    RevokeOverride,
    SetLimits,
)
from domain.decide_cash import rejected
from domain.decide_orders import not_open
from domain.events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    LedgerEvent,
    LimitsSet,
    OverrideGranted,
    OverrideRevoked,
    StrategyEnabled,
)
from domain.orders import ClosedOrder, Order
from domain.risk_book import OVERRIDES_OPEN_MAX


def set_limits(account: Account, command: SetLimits, now_us: int) -> LedgerEvent:
    refusal = limit_checks.set_limits(command)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        LimitsSet,
        now_us,
        command_id=command.command_id,
        version=account.risk.limits_version + 1,
        scope=command.scope,
        strategy_id=command.strategy_id,
        limits=command.limits,
        set_by=command.set_by,
        reason=command.reason,
    )


def grant(account: Account, command: GrantOverride, now_us: int) -> LedgerEvent:
    refusal = limit_checks.grant(command, now_us) or _grantable(account, command, now_us)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        OverrideGranted,
        now_us,
        command_id=command.command_id,
        override_id=command.override_id,
        client_order_id=command.client_order_id,
        codes=command.codes,
        granted_by=command.granted_by,
        reason=command.reason,
        expires_at_us=command.expires_at_us,
    )


def _grantable(account: Account, command: GrantOverride, now_us: int) -> Refusal | None:
    book, override_id = account.risk, command.override_id
    if override_id in book.overrides or override_id in book.ended_overrides:
        return checks.refuse(
            "OVERRIDE_ID_CONFLICT", f"expected a new override id, {override_id!r} was used", override_id=override_id
        )
    order = account.order(ids.order_id(account.id, command.client_order_id))
    if isinstance(order, ClosedOrder):
        return checks.refuse(
            "OVERRIDE_TOO_LATE",
            f"expected an order to come or an open one, {command.client_order_id!r} is {order.status}",
            client_order_id=command.client_order_id,
            status=order.status,
        )
    waiting = sum(1 for one in book.overrides.values() if one.expires_at_us > now_us)
    if waiting >= OVERRIDES_OPEN_MAX:
        return checks.refuse(
            "OVERRIDES_EXCEEDED", f"expected at most {OVERRIDES_OPEN_MAX} that wait, it would be one more", open=waiting
        )
    return None


def revoke(account: Account, command: RevokeOverride, now_us: int) -> LedgerEvent:
    refusal = limit_checks.revoke(command)
    one = account.risk.overrides.get(command.override_id)
    if refusal is None and (one is None or one.expires_at_us <= now_us):
        refusal = checks.refuse(
            "OVERRIDE_UNKNOWN",
            f"expected an override that waits for its order, {checks.clean(command.override_id)} is none",
            override_id=command.override_id,
        )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        OverrideRevoked,
        now_us,
        command_id=command.command_id,
        override_id=command.override_id,
        revoked_by=command.revoked_by,
        reason=command.reason,
    )


def enable(account: Account, command: EnableStrategy, now_us: int) -> LedgerEvent:
    refusal = limit_checks.enable(command)
    if refusal is None and command.strategy_id not in account.risk.disabled_strategies:
        refusal = checks.refuse(
            "STRATEGY_NOT_DISABLED",
            f"expected a strategy that its throttle has disabled, {checks.clean(command.strategy_id)} is none",
            strategy_id=command.strategy_id,
        )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        StrategyEnabled,
        now_us,
        command_id=command.command_id,
        strategy_id=command.strategy_id,
        enabled_by=command.enabled_by,
        reason=command.reason,
    )


def engage(account: Account, command: EngageKillSwitch, now_us: int) -> LedgerEvent:
    """Also when it is engaged: whoever asks again is on record, and what works all the same is cancelled."""
    refusal = limit_checks.engage(command)
    orders: list[Order] = []
    if refusal is None and command.order_id is not None:
        order = account.order(command.order_id)
        if isinstance(order, Order):
            orders = [order]
        else:
            refusal = not_open(command.order_id, order)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    if command.scope == "ACCOUNT":
        orders = list(account.orders.values())
    elif command.strategy_id is not None:
        orders = kills.of_strategy(account, command.strategy_id)
    return account.record(
        KillSwitchEngaged,
        now_us,
        command_id=command.command_id,
        scope=command.scope,
        order_id=command.order_id,
        strategy_id=command.strategy_id,
        by=command.by,
        reason=command.reason,
        linked=kills.cancels(orders),
    )


def release(account: Account, command: ReleaseKillSwitch, now_us: int) -> LedgerEvent:
    refusal = limit_checks.release(command)
    book = account.risk
    engaged = book.halted is not None if command.strategy_id is None else command.strategy_id in book.halted_strategies
    if refusal is None and not engaged:
        refusal = checks.refuse(
            "KILL_SWITCH_NOT_ENGAGED",
            f"expected an engaged kill switch, there is none for {command.scope.lower()}",
            scope=command.scope,
            strategy_id=command.strategy_id or "",
        )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        KillSwitchReleased,
        now_us,
        command_id=command.command_id,
        scope=command.scope,
        strategy_id=command.strategy_id,
        by=command.by,
        reason=command.reason,
    )
