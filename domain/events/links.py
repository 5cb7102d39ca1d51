"""What an event does to the other orders of a group (one input, one event: it is part of that event)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.borrow import LocateUse
from domain.numbers import ZERO

LinkEffect = Literal["ACTIVATED", "REDUCED", "CANCEL_REQUESTED", "CANCELED"]


class LinkedOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """effect: ACTIVATED: it waited for its parent and goes to the venue. REDUCED: the venue is asked for a smaller one.

    CANCEL_REQUESTED: the venue is asked to cancel it. CANCELED: it waited for its parent, and is void.
    quantity: of the whole order from here on. revision: of the terms that the venue is asked for (REDUCED).
    hold_cash, hold_quantity: what is set aside for an order that is ACTIVATED; legs that exclude each other share it.
    locates: what a short sale that is ACTIVATED may borrow.
    """

    order_id: str
    effect: LinkEffect
    quantity: Decimal
    revision: int = 0
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO
    locates: tuple[LocateUse, ...] = ()
