"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from domain.commands.accounts import Deposit, OpenAccount, Withdraw
from domain.commands.base import Command
from domain.commands.orders import CancelOrder, ReplaceOrder, SubmitOrder, SubmitOrderGroup
from domain.commands.risk import (
    RISK_COMMANDS,
    EnableStrategy,
    EngageKillSwitch,
    GrantOverride,
    ReleaseKillSwitch,
    RevokeOverride,
    SetLimits,
)

COMMANDS: tuple[type[Command], ...] = (
    OpenAccount,
    Deposit,
    Withdraw,
    SubmitOrder,
    SubmitOrderGroup,
    ReplaceOrder,
    CancelOrder,
    *RISK_COMMANDS,
)

__all__ = [
    "COMMANDS",
    "RISK_COMMANDS",
    "CancelOrder",
    "Command",
    "Deposit",
    "EnableStrategy",
    "EngageKillSwitch",
    "GrantOverride",
    "OpenAccount",
    "ReleaseKillSwitch",
    "ReplaceOrder",
    "RevokeOverride",
    "SetLimits",
    "SubmitOrder",
    "SubmitOrderGroup",
    "Withdraw",
]
