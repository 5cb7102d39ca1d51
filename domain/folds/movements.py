"""How cash that moves without a trade changes the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events
from domain.folds.corporate import remember

if TYPE_CHECKING:
    from domain.account import Account


def adjusted(account: Account, event: events.CashAdjusted) -> None:
    account.funds[event.currency].free += event.amount
    remember(account, "AdjustCash", event)


def transferred_out(account: Account, event: events.CashTransferredOut) -> None:
    account.funds[event.currency].free -= event.amount
    remember(account, "TransferCash", event)


def transferred_in(account: Account, event: events.CashTransferredIn) -> None:
    account.funds[event.currency].free += event.amount
    remember(account, "ReceiveTransfer", event)


def returned(account: Account, event: events.CashTransferReturned) -> None:
    account.funds[event.currency].free += event.amount
    remember(account, "ReturnTransfer", event)
