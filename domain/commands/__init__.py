"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from domain.commands.accounts import Deposit, OpenAccount, Withdraw
from domain.commands.base import Command
from domain.commands.desk import DESK_CONTROLS, DeskCommand, HaltTrading, MarkPrices, ResumeTrading, SetDeskLimits
from domain.commands.orders import CancelOrder, ReplaceOrder, SubmitOrder, SubmitOrderGroup
from domain.commands.rebalance import CancelRebalance, PlanRebalance
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
    PlanRebalance,
    CancelRebalance,
    *RISK_COMMANDS,
    *DESK_CONTROLS,
    MarkPrices,
)

__all__ = [
    "COMMANDS",
    "DESK_CONTROLS",
    "RISK_COMMANDS",
    "CancelOrder",
    "CancelRebalance",
    "Command",
    "Deposit",
    "DeskCommand",
    "EnableStrategy",
    "EngageKillSwitch",
    "GrantOverride",
    "HaltTrading",
    "MarkPrices",
    "OpenAccount",
    "PlanRebalance",
    "ReleaseKillSwitch",
    "ReplaceOrder",
    "ResumeTrading",
    "RevokeOverride",
    "SetDeskLimits",
    "SetLimits",
    "SubmitOrder",
    "SubmitOrderGroup",
    "Withdraw",
]
