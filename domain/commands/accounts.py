"""What somebody wants of an account as such, and of its cash."""

from __future__ import annotations

from decimal import Decimal

from domain.account_terms import FeeSchedule, MarginTerms
from domain.commands.base import Command
from domain.terms import LotMethod


class OpenAccount(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open an account. `fee_bps`: basis points of notional that a hold sets aside for the venue's fees.

    currencies: that it shall hold besides `currency`, its base. margin: None for a cash account. fee_schedule: by which
    the ledger charges commissions, None for none.
    """

    owner: str
    currency: str = "USD"
    lot_method: LotMethod = "FIFO"
    fee_bps: Decimal = Decimal("0")
    currencies: tuple[str, ...] = ()
    margin: MarginTerms | None = None
    fee_schedule: FeeSchedule | None = None


class Deposit(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put cash into an account."""

    amount: Decimal
    currency: str = "USD"


class Withdraw(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take free cash out of an account."""

    amount: Decimal
    currency: str = "USD"


class ConvertCash(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turn free cash of one currency into another. rate: units of `to_currency` for one of `from_currency`.

    source: who gave the rate, such as a bank or a trade's id.
    """

    from_currency: str
    to_currency: str
    amount: Decimal
    rate: Decimal
    source: str


class SetFeeSchedule(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Charge orders that are accepted from now on by this schedule; None: no commission."""

    fee_schedule: FeeSchedule | None
    changed_by: str
    reason: str


class GrantLocate(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let an account sell that many units short. See domain.borrow; expires_at_us: market time."""

    symbol: str
    quantity: Decimal
    expires_at_us: int
    granted_by: str
    reason: str
    fee_bps_per_year: Decimal | None = None
