"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from domain.commands.accounts import ConvertCash, Deposit, GrantLocate, OpenAccount, SetFeeSchedule, Withdraw
from domain.commands.base import Command
from domain.commands.orders import CancelOrder, ReplaceOrder, SubmitOrder, SubmitOrderGroup

COMMANDS: tuple[type[Command], ...] = (
    OpenAccount,
    Deposit,
    Withdraw,
    ConvertCash,
    SetFeeSchedule,
    GrantLocate,
    SubmitOrder,
    SubmitOrderGroup,
    ReplaceOrder,
    CancelOrder,
)

__all__ = [
    "COMMANDS",
    "CancelOrder",
    "Command",
    "ConvertCash",
    "Deposit",
    "GrantLocate",
    "OpenAccount",
    "ReplaceOrder",
    "SetFeeSchedule",
    "SubmitOrder",
    "SubmitOrderGroup",
    "Withdraw",
]
