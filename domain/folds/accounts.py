"""How accounts and cash change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events
from domain.fingerprints import cash_content, opened_content

if TYPE_CHECKING:
    from domain.account import Account


def opened(account: Account, event: events.AccountOpened) -> None:
    account.owner = event.owner
    account.currency = event.currency
    account.lot_method = event.lot_method
    account.fee_bps = event.fee_bps
    content = opened_content(event.owner, event.currency, event.lot_method, event.fee_bps)
    account.remember_command(event.command_id, content, event.timestamp)


def deposited(account: Account, event: events.CashDeposited) -> None:
    account.cash += event.amount
    content = cash_content("Deposit", event.amount, event.currency)
    account.remember_command(event.command_id, content, event.timestamp)


def withdrawn(account: Account, event: events.CashWithdrawn) -> None:
    account.cash -= event.amount
    content = cash_content("Withdraw", event.amount, event.currency)
    account.remember_command(event.command_id, content, event.timestamp)
