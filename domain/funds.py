"""An account's money in one currency."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.numbers import ZERO


class Funds(msgspec.Struct, kw_only=True):
    """free: to be used, below zero where a margin account owes it. held: set aside for open orders.

    fees (the venues'), commissions and realized_pnl (before both) are since opening.
    """

    free: Decimal = ZERO
    held: Decimal = ZERO
    fees: Decimal = ZERO
    commissions: Decimal = ZERO
    realized_pnl: Decimal = ZERO
