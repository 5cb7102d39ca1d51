"""What issuers do to positions: dividends, splits, new symbols, the end of a listing.

`market_time_us` is the market time from which it counts: of a dividend the pay date, otherwise the ex-date.
One action of an issuer is one command to each account that it concerns. See docs/adr/0023.
"""

from __future__ import annotations

from decimal import Decimal

from domain.commands.operator import OperatorCommand


class PayDividend(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pay a cash dividend. per_unit: gross, in the account's currency.

    quantity_of_record: the units held at the ex-date; None: the position as it is now. A position below zero owes the
    dividend. withholding_bps: the tax that is kept back, in basis points of the gross amount.
    """

    symbol: str
    per_unit: Decimal
    market_time_us: int
    quantity_of_record: Decimal | None = None
    withholding_bps: Decimal = Decimal("0")


class SplitShares(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make `denominator` old units into `numerator` new ones: 2 and 1 for a two-for-one, 1 and 10 for a reverse split.

    cash_in_lieu_price: per new unit, for the fraction that no whole unit is made of; required unless numerator divides
    by denominator.
    """

    symbol: str
    numerator: int
    denominator: int
    market_time_us: int
    cash_in_lieu_price: Decimal | None = None


class ChangeSymbol(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The instrument trades under another symbol from now on."""

    symbol: str
    new_symbol: str
    market_time_us: int


class DelistInstrument(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The instrument is gone, for `price` a unit in cash; zero when it is worthless."""

    symbol: str
    price: Decimal
    market_time_us: int
