"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from domain.commands.accounts import Deposit, OpenAccount, Withdraw
from domain.commands.base import Command
from domain.commands.orders import CancelOrder, ReplaceOrder, SubmitOrder, SubmitOrderGroup
from domain.commands.rebalance import CancelRebalance, PlanRebalance

COMMANDS: tuple[type[Command], ...] = (
    OpenAccount,
    Deposit,
    Withdraw,
    SubmitOrder,
    SubmitOrderGroup,
    ReplaceOrder,
    CancelOrder,
    PlanRebalance,
    CancelRebalance,
)

__all__ = [
    "COMMANDS",
    "CancelOrder",
    "CancelRebalance",
    "Command",
    "Deposit",
    "OpenAccount",
    "PlanRebalance",
    "ReplaceOrder",
    "SubmitOrder",
    "SubmitOrderGroup",
    "Withdraw",
]
