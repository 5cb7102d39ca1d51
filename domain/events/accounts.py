"""What happens to an account as such, and to its cash."""

from __future__ import annotations

from decimal import Decimal

from domain.account_terms import FeeSchedule, MarginTerms
from domain.events.base import LedgerEvent
from domain.terms import LotMethod


class AccountOpened(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account exists from here on (version 1).

    currencies: that it holds besides its base currency. margin: None for a cash account.
    """

    command_id: str
    owner: str
    currency: str
    lot_method: LotMethod
    fee_bps: Decimal
    currencies: tuple[str, ...] = ()
    margin: MarginTerms | None = None
    fee_schedule: FeeSchedule | None = None


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


class CashConverted(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free cash of one currency became free cash of another. received = amount x rate, to the smallest unit.

    Both sides go through the book account `conversion`, so that each currency sums to zero on its own. rate: units of
    `to_currency` for one of `from_currency`; source: who gave it.
    """

    command_id: str
    from_currency: str
    to_currency: str
    amount: Decimal
    rate: Decimal
    received: Decimal
    source: str


class FeeScheduleChanged(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders that are accepted from here on are charged by this schedule; None: no commission."""

    command_id: str
    fee_schedule: FeeSchedule | None
    changed_by: str
    reason: str


class LocateGranted(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lender has promised units of a symbol to this account's short sales. locate_id: the command's id.

    expires_at_us: market time. dropped: locates of the symbol that had expired and are forgotten.
    """

    command_id: str
    symbol: str
    quantity: Decimal
    expires_at_us: int
    fee_bps_per_year: Decimal | None
    granted_by: str
    reason: str
    dropped: tuple[str, ...] = ()
