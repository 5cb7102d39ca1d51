"""What is agreed with an account's owner: the commission that is charged, and the margin that is asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.numbers import ZERO

Liquidity = Literal["MAKER", "TAKER"]
AccountType = Literal["CASH", "MARGIN"]


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The commission of each order; amounts are in the instrument's currency, rates in basis points of traded value.

    per_order: once an order, with its first fill. per_unit: of each unit. bps: of the value. maker_bps, taker_bps:
    besides, by the liquidity of the fill, below zero for a rebate; a fill whose liquidity nobody knows counts as taker.
    order_minimum: the least of an order that has filled at all, None: there is no least. order_cap_bps: the most of an
    order, of the value it has traded; it is stronger than the minimum. The venue's own fee is not in here.
    """

    per_order: Decimal = ZERO
    per_unit: Decimal = ZERO
    bps: Decimal = ZERO
    maker_bps: Decimal = ZERO
    taker_bps: Decimal = ZERO
    order_minimum: Decimal | None = None
    order_cap_bps: Decimal | None = None


class MarginTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Equity that a position needs, as a part of its market value (0.5: half of it).

    initial: to open it. maintenance: to keep it. A short position's proceeds stay in the account besides and count for
    nothing. The defaults are those of US equities: initial 50 % long and short (12 CFR 220.12, Regulation T, where a
    short sale needs 150 %: the proceeds and the 50 % here); maintenance 25 % long and 30 % short (FINRA rule 4210(c)).
    """

    long_initial: Decimal = Decimal("0.50")
    long_maintenance: Decimal = Decimal("0.25")
    short_initial: Decimal = Decimal("0.50")
    short_maintenance: Decimal = Decimal("0.30")
