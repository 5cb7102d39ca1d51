"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from domain.commands.accounts import Deposit, OpenAccount, Withdraw
from domain.commands.base import Command
from domain.commands.cash import AdjustCash, ReceiveTransfer, ReturnTransfer, TransferCash
from domain.commands.corporate import ChangeSymbol, DelistInstrument, PayDividend, SplitShares
from domain.commands.corrections import BustFill, CorrectFill
from domain.commands.operator import OperatorCommand
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
    "AdjustCash",
    "BustFill",
    "CancelOrder",
    "CancelRebalance",
    "ChangeSymbol",
    "Command",
    "CorrectFill",
    "DelistInstrument",
    "Deposit",
    "OpenAccount",
    "OperatorCommand",
    "PayDividend",
    "PlanRebalance",
    "ReceiveTransfer",
    "ReplaceOrder",
    "ReturnTransfer",
    "SplitShares",
    "SubmitOrder",
    "SubmitOrderGroup",
    "TransferCash",
    "Withdraw",
]
