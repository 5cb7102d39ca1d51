"""Decisions on accounts as such: cash, fee schedule, locates. Each gives one event, or None for a repeat."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from domain import borrow, checks, journal, position_checks
from domain.account import Account
from domain.checks import Refusal
from domain.commands import (
    DESK_CONTROLS,
    RISK_COMMANDS,
    CancelOrder,
    CancelRebalance,
    Command,
    ConvertCash,
    Deposit,
    GrantLocate,
    OpenAccount,
    OperatorCommand,
    PlanRebalance,
    ReplaceOrder,
    SetFeeSchedule,
    Withdraw,
)
from domain.currencies import minor_unit
from domain.events import (
    AccountOpened,
    CashConverted,
    CashDeposited,
    CashWithdrawn,
    CommandRejected,
    FeeScheduleChanged,
    LedgerEvent,
    LocateGranted,
)
from domain.fingerprints import (
    cancel_content,
    cancel_plan_content,
    cash_content,
    changes_of,
    converted_content,
    locate_content,
    opened_content,
    operator_content,
    rebalance_content,
    replace_content,
    risk_content,
    schedule_content,
)
from domain.numbers import nearest
from domain.remembered import Commands
from domain.world import World


def rejected(command: Command, refusal: Refusal, now_us: int) -> CommandRejected:
    """A command's refusal; it changes no account."""
    return CommandRejected(
        originator_id=checks.clean(command.account_id),
        originator_version=0,
        timestamp=now_us,
        command_id=checks.clean(command.command_id),
        command_type=type(command).__name__,
        code=refusal.code,
        text=refusal.text,
        details=refusal.details,
    )


def content(command: Command) -> bytes:
    """The fingerprint of what a command asks for, apart from its id and time (those of orders: domain.orders)."""
    if isinstance(command, (*RISK_COMMANDS, *DESK_CONTROLS)):
        return risk_content(type(command).__name__, command)
    return _CONTENTS[type(command)](command)


_CONTENTS: dict[type[Command], Callable[[Any], bytes]] = {
    OpenAccount: opened_content,
    ConvertCash: converted_content,
    SetFeeSchedule: schedule_content,
    GrantLocate: locate_content,
    Deposit: lambda it: cash_content("Deposit", it.amount, it.currency),
    Withdraw: lambda it: cash_content("Withdraw", it.amount, it.currency),
    CancelOrder: lambda it: cancel_content(it.order_id),
    ReplaceOrder: lambda it: replace_content(it.order_id, changes_of(it)),
    PlanRebalance: rebalance_content,
    CancelRebalance: lambda it: cancel_plan_content(it.plan_id),
}


def repeat(commands: Commands, command: Command, forgotten_before_us: int) -> Refusal | bool:
    """True when this very command was carried out before; a Refusal when its id was used with other content.

    commands: those that the account, or the desk, remembers.
    """
    taken = commands.get(command.command_id)
    if taken is None or taken.recorded_at_us < forgotten_before_us:
        return False
    is_operators = isinstance(command, OperatorCommand)
    if taken.fingerprint == (operator_content(type(command).__name__, command) if is_operators else content(command)):
        return True
    return checks.refuse(
        "COMMAND_ID_CONFLICT",
        f"expected the content of the first command {command.command_id!r}, it was other content",
        command_id=command.command_id,
    )


def open_account(shell: Account, command: OpenAccount, now_us: int) -> AccountOpened:
    """shell: the account before its first event. The command's form has been checked."""
    return shell.record(
        AccountOpened,
        now_us,
        command_id=command.command_id,
        owner=command.owner,
        currency=command.currency,
        lot_method=command.lot_method,
        fee_bps=command.fee_bps,
        currencies=command.currencies,
        margin=command.margin,
        fee_schedule=command.fee_schedule,
    )


def refuse_opening(account: Account, command: OpenAccount, now_us: int) -> CommandRejected:
    refusal = checks.refuse(
        "ACCOUNT_ALREADY_OPEN",
        f"expected an account that is not open, {account.id!r} was opened for {account.owner!r}",
        account_id=account.id,
    )
    return rejected(command, refusal, now_us)


def deposit(account: Account, command: Deposit, now_us: int) -> LedgerEvent:
    refusal = checks.amount(account, command.amount, command.currency)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        CashDeposited,
        now_us,
        postings=journal.deposit(command.currency, command.amount),
        command_id=command.command_id,
        amount=command.amount,
        currency=command.currency,
    )


def spendable(account: Account, amount: Decimal, currency: str, world: World) -> Refusal | None:
    """Whether an amount can leave the account: free cash; on margin equity beyond all initial margin."""
    if account.margin is None:
        return checks.cash(account, amount, currency)
    return position_checks.excess(account, amount, currency, world.marks)


def withdraw(account: Account, command: Withdraw, now_us: int, world: World) -> LedgerEvent:
    """Of a cash account free cash, of a margin account equity beyond all initial margin; the rest is then borrowed."""
    refusal = checks.amount(account, command.amount, command.currency) or spendable(
        account, command.amount, command.currency, world
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        CashWithdrawn,
        now_us,
        postings=journal.withdrawal(command.currency, command.amount),
        command_id=command.command_id,
        amount=command.amount,
        currency=command.currency,
    )


def convert(account: Account, command: ConvertCash, now_us: int) -> LedgerEvent:
    """Free cash alone can be converted, in a margin account too. The command's form has been checked."""
    refusal = (
        checks.held_currency(account, command.from_currency)
        or checks.held_currency(account, command.to_currency)
        or checks.cash(account, command.amount, command.from_currency)
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    received = nearest(command.amount * command.rate, minor_unit(command.to_currency))
    return account.record(
        CashConverted,
        now_us,
        postings=journal.conversion(command.from_currency, command.amount, command.to_currency, received),
        command_id=command.command_id,
        from_currency=command.from_currency,
        to_currency=command.to_currency,
        amount=command.amount,
        rate=command.rate,
        received=received,
        source=command.source,
    )


def set_fee_schedule(account: Account, command: SetFeeSchedule, now_us: int) -> LedgerEvent:
    """For orders from here on. The command's form has been checked."""
    return account.record(
        FeeScheduleChanged,
        now_us,
        command_id=command.command_id,
        fee_schedule=command.fee_schedule,
        changed_by=command.changed_by,
        reason=command.reason,
    )


def grant_locate(account: Account, command: GrantLocate, now_us: int, world: World) -> LedgerEvent:
    """The command's form has been checked."""
    if account.margin is None:
        return rejected(command, position_checks.not_margin(account, command.symbol), now_us)
    if command.symbol not in world.catalog:
        return rejected(command, checks.unknown_instrument(command.symbol, world.catalog), now_us)
    mark = world.marks.get(command.symbol)
    dropped = borrow.expired(account.locates, command.symbol, mark.market_time_us) if mark is not None else ()
    return account.record(
        LocateGranted,
        now_us,
        command_id=command.command_id,
        symbol=command.symbol,
        quantity=command.quantity,
        expires_at_us=command.expires_at_us,
        fee_bps_per_year=command.fee_bps_per_year,
        granted_by=command.granted_by,
        reason=command.reason,
        dropped=dropped,
    )
