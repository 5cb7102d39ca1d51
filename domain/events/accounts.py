"""What happens to an account as such, and to its cash."""

from __future__ import annotations

from decimal import Decimal

from domain.events.base import LedgerEvent
from domain.terms import LotMethod


class AccountOpened(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account exists from here on (version 1)."""

    command_id: str
    owner: str
    currency: str
    lot_method: LotMethod
    fee_bps: Decimal


class CashDeposited(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash came in from outside; `amount` is above zero."""

    command_id: str
    amount: Decimal
    currency: str


class CashWithdrawn(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free cash went out; `amount` is above zero."""

    command_id: str
    amount: Decimal
    currency: str
