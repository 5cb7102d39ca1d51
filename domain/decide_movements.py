"""Decisions on cash that moves without a trade. Each gives one event, or a refusal.

An adjustment may take free cash below zero: what was charged was charged. A transfer out may not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import checks, journal_corporate
from domain.account import Account
from domain.checks import Refusal, refuse
from domain.commands import AdjustCash, Command, ReceiveTransfer, ReturnTransfer, TransferCash
from domain.decide_cash import rejected, spendable
from domain.decide_corporate import named
from domain.events import CashAdjusted, CashTransferredIn, CashTransferredOut, CashTransferReturned, LedgerEvent
from domain.fingerprints import operator_content, reference_key
from domain.world import World


def adjust(account: Account, command: AdjustCash, now_us: int) -> LedgerEvent:
    refusal = checks.held_currency(account, command.currency)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        CashAdjusted,
        now_us,
        postings=journal_corporate.adjustment(command.currency, command.kind, command.amount),
        kind=command.kind,
        amount=command.amount,
        currency=command.currency,
        **named(command),
    )


def transfer(account: Account, command: TransferCash, now_us: int, world: World) -> LedgerEvent:
    """What could be withdrawn can be sent."""
    refusal = checks.held_currency(account, command.currency) or spendable(
        account, command.amount, command.currency, world
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        CashTransferredOut,
        now_us,
        postings=journal_corporate.transfer(command.currency, -command.amount),
        to_account_id=command.to_account_id,
        amount=command.amount,
        currency=command.currency,
        **named(command),
    )


def receive(account: Account, command: ReceiveTransfer, now_us: int) -> LedgerEvent:
    """A refusal other than a probe's is one for ever, or else the sender could have back what arrives later."""
    refusal = checks.held_currency(account, command.currency) or _probe(account, command)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        CashTransferredIn,
        now_us,
        postings=journal_corporate.transfer(command.currency, command.amount),
        from_account_id=command.from_account_id,
        amount=command.amount,
        currency=command.currency,
        **named(command),
    )


def _probe(account: Account, command: ReceiveTransfer) -> Refusal | None:
    if not command.is_probe:
        return None
    text = f"expected the transfer itself, it was the question whether {account.id!r} is open; it is"
    return refuse("TRANSFER_PROBED", text, account_id=account.id)


def give_back(account: Account, command: ReturnTransfer, now_us: int) -> LedgerEvent:
    """Only what this account has sent under the very same terms comes back, and once."""
    sent = account.references.get(reference_key("TransferCash", command))
    if sent is None or sent.fingerprint != operator_content("TransferCash", command):
        text = f"expected a transfer that this account has sent, {command.reference} of this content is unknown"
        refusal = refuse("TRANSFER_UNKNOWN", text, reference=command.reference, to_account_id=command.to_account_id)
        return rejected(command, refusal, now_us)
    return account.record(
        CashTransferReturned,
        now_us,
        postings=journal_corporate.transfer(command.currency, command.amount),
        to_account_id=command.to_account_id,
        amount=command.amount,
        currency=command.currency,
        **named(command),
    )


DECISIONS: dict[type[Command], Callable[[Account, Any, int], LedgerEvent | None]] = {
    AdjustCash: adjust,
    ReceiveTransfer: receive,
    ReturnTransfer: give_back,
}
