"""How accounts and cash change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events
from domain.borrow import Locate
from domain.fingerprints import cash_content, converted_content, locate_content, opened_content, schedule_content
from domain.funds import Funds

if TYPE_CHECKING:
    from domain.account import Account


def opened(account: Account, event: events.AccountOpened) -> None:
    account.owner = event.owner
    account.currency = event.currency
    account.lot_method = event.lot_method
    account.fee_bps = event.fee_bps
    account.margin = event.margin
    account.fee_schedule = event.fee_schedule
    account.funds = {currency: Funds() for currency in (event.currency, *event.currencies)}
    account.remember_command(event.command_id, opened_content(event), event.timestamp)


def deposited(account: Account, event: events.CashDeposited) -> None:
    account.funds[event.currency].free += event.amount
    content = cash_content("Deposit", event.amount, event.currency)
    account.remember_command(event.command_id, content, event.timestamp)


def withdrawn(account: Account, event: events.CashWithdrawn) -> None:
    account.funds[event.currency].free -= event.amount
    content = cash_content("Withdraw", event.amount, event.currency)
    account.remember_command(event.command_id, content, event.timestamp)


def converted(account: Account, event: events.CashConverted) -> None:
    account.funds[event.from_currency].free -= event.amount
    account.funds[event.to_currency].free += event.received
    account.remember_command(event.command_id, converted_content(event), event.timestamp)


def fee_schedule_changed(account: Account, event: events.FeeScheduleChanged) -> None:
    account.fee_schedule = event.fee_schedule
    account.remember_command(event.command_id, schedule_content(event), event.timestamp)


def locate_granted(account: Account, event: events.LocateGranted) -> None:
    for locate_id in event.dropped:
        del account.locates[locate_id]
    account.locates[event.command_id] = Locate(
        symbol=event.symbol,
        quantity=event.quantity,
        free=event.quantity,
        expires_at_us=event.expires_at_us,
        fee_bps_per_year=event.fee_bps_per_year,
    )
    account.remember_command(event.command_id, locate_content(event), event.timestamp)
