"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from domain.commands.accounts import ConvertCash, Deposit, GrantLocate, OpenAccount, SetFeeSchedule, Withdraw
from domain.commands.base import Command
from domain.commands.cash import AdjustCash, ReceiveTransfer, ReturnTransfer, TransferCash
from domain.commands.corporate import ChangeSymbol, DelistInstrument, PayDividend, SplitShares
from domain.commands.corrections import BustFill, CorrectFill
from domain.commands.desk import DESK_CONTROLS, DeskCommand, HaltTrading, MarkPrices, ResumeTrading, SetDeskLimits
from domain.commands.operator import OperatorCommand
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
    ConvertCash,
    SetFeeSchedule,
    GrantLocate,
    SubmitOrder,
    SubmitOrderGroup,
    ReplaceOrder,
    CancelOrder,
    PlanRebalance,
    CancelRebalance,
    *RISK_COMMANDS,
    *DESK_CONTROLS,
    MarkPrices,
    PayDividend,
    SplitShares,
    ChangeSymbol,
    DelistInstrument,
    AdjustCash,
    TransferCash,
    ReceiveTransfer,
    ReturnTransfer,
    CorrectFill,
    BustFill,
)

__all__ = [
    "COMMANDS",
    "DESK_CONTROLS",
    "RISK_COMMANDS",
    "AdjustCash",
    "BustFill",
    "CancelOrder",
    "CancelRebalance",
    "ChangeSymbol",
    "Command",
    "ConvertCash",
    "CorrectFill",
    "DelistInstrument",
    "Deposit",
    "DeskCommand",
    "EnableStrategy",
    "EngageKillSwitch",
    "GrantLocate",
    "GrantOverride",
    "HaltTrading",
    "MarkPrices",
    "OpenAccount",
    "OperatorCommand",
    "PayDividend",
    "PlanRebalance",
    "ReceiveTransfer",
    "ReleaseKillSwitch",
    "ReplaceOrder",
    "ResumeTrading",
    "ReturnTransfer",
    "RevokeOverride",
    "SetDeskLimits",
    "SetFeeSchedule",
    "SetLimits",
    "SplitShares",
    "SubmitOrder",
    "SubmitOrderGroup",
    "TransferCash",
    "Withdraw",
]
