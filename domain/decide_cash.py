"""Decisions on accounts and cash: open, deposit, withdraw. Each gives one event, or None for a repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import checks, journal
from domain.account import Account
from domain.checks import Refusal
from domain.commands import (
    DESK_CONTROLS,
    RISK_COMMANDS,
    CancelOrder,
    CancelRebalance,
    Command,
    Deposit,
    OpenAccount,
    OperatorCommand,
    PlanRebalance,
    ReplaceOrder,
    Withdraw,
)
from domain.events import AccountOpened, CashDeposited, CashWithdrawn, CommandRejected, LedgerEvent
from domain.fingerprints import (
    cancel_content,
    cancel_plan_content,
    cash_content,
    changes_of,
    opened_content,
    operator_content,
    rebalance_content,
    replace_content,
    risk_content,
)
from domain.remembered import Commands


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
    OpenAccount: lambda it: opened_content(it.owner, it.currency, it.lot_method, it.fee_bps),
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


def withdraw(account: Account, command: Withdraw, now_us: int) -> LedgerEvent:
    refusal = checks.amount(account, command.amount, command.currency) or checks.cash(account, command.amount)
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
