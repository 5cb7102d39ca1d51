"""What somebody wants of an account as such, and of its cash."""

from __future__ import annotations

from decimal import Decimal

from domain.commands.base import Command
from domain.terms import LotMethod


class OpenAccount(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open an account. `fee_bps`: basis points of notional that a hold sets aside for fees."""

    owner: str
    currency: str = "USD"
    lot_method: LotMethod = "FIFO"
    fee_bps: Decimal = Decimal("0")


class Deposit(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put cash into an account."""

    amount: Decimal
    currency: str = "USD"


class Withdraw(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take free cash out of an account."""

    amount: Decimal
    currency: str = "USD"
