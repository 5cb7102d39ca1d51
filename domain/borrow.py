"""Borrowed units: locates, which a short sale needs before it goes out, and their use in two phases.

SEC Regulation SHO, rule 203(b)(1) (17 CFR 242.203): nobody may take a short sale who has not borrowed the security,
arranged to borrow it, or has reasonable grounds to believe that it can be borrowed. A locate is that arrangement; an
instrument that is easy to borrow needs none, which is what a broker's easy-to-borrow list is for.

Accepted, a short sale makes units of locates pending; a fill uses them up; the end of the order makes the rest free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from domain.errors import BooksError
from domain.numbers import ZERO


class LocateUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one locate that an order may borrow."""

    locate_id: str
    quantity: Decimal


class Locate(msgspec.Struct, kw_only=True):
    """Units of a symbol that a lender has promised: free + pending + used = quantity. expires_at_us: market time.

    fee_bps_per_year: what borrowing costs, None where the lender has not said.
    """

    symbol: str
    quantity: Decimal
    free: Decimal
    expires_at_us: int
    fee_bps_per_year: Decimal | None = None
    pending: Decimal = ZERO
    used: Decimal = ZERO


Locates = Mapping[str, Locate]


def choose(
    locates: Locates, symbol: str, quantity: Decimal, market_time_us: int, taken: Iterable[LocateUse] = ()
) -> tuple[LocateUse, ...] | Decimal:
    """Which locates cover that many units, in the order in which they were granted; or how many there are.

    A locate covers orders that are accepted before it expires, until they are done. taken: what the same event takes
    besides.
    """
    uses: list[LocateUse] = []
    left = quantity
    for locate_id, locate in locates.items():
        free = locate.free - units_of(use for use in taken if use.locate_id == locate_id)
        if locate.symbol != symbol or locate.expires_at_us <= market_time_us or not free:
            continue
        part = min(left, free)
        uses.append(LocateUse(locate_id=locate_id, quantity=part))
        left -= part
        if not left:
            return tuple(uses)
    return quantity - left


def units_of(uses: Iterable[LocateUse]) -> Decimal:
    return sum((use.quantity for use in uses), ZERO)


def expired(locates: Locates, symbol: str, market_time_us: int) -> tuple[str, ...]:
    """Locates of a symbol that no order will use any more."""
    return tuple(
        locate_id
        for locate_id, locate in locates.items()
        if locate.symbol == symbol and locate.expires_at_us <= market_time_us and not locate.pending
    )


def make_pending(locates: dict[str, Locate], uses: Iterable[LocateUse]) -> None:
    for use in uses:
        locate = locates[use.locate_id]
        locate.free -= use.quantity
        locate.pending += use.quantity
        if locate.free < 0:
            raise BooksError(f"{use.quantity} of locate {use.locate_id!r} were taken, that is {-locate.free} too many")


def use_up(locates: dict[str, Locate], pending: list[LocateUse], quantity: Decimal) -> None:
    """Borrow for `quantity` units that were sold; `pending` are the order's, which is changed."""
    left = quantity
    while left and pending:
        use = pending[0]
        taken = min(left, use.quantity)
        locate = locates[use.locate_id]
        locate.pending -= taken
        locate.used += taken
        left -= taken
        if taken == use.quantity:
            del pending[0]
        else:
            pending[0] = LocateUse(locate_id=use.locate_id, quantity=use.quantity - taken)
        _drop_if_done(locates, use.locate_id)


def make_free(locates: dict[str, Locate], pending: list[LocateUse], kept: Decimal = ZERO) -> None:
    """Give back what an order has not used and will not, beyond `kept` units; the last that it took first."""
    over = units_of(pending) - kept
    while over > 0:
        use = pending.pop()
        part = min(over, use.quantity)
        locate = locates[use.locate_id]
        locate.pending -= part
        locate.free += part
        over -= part
        if part < use.quantity:
            pending.append(LocateUse(locate_id=use.locate_id, quantity=use.quantity - part))


def _drop_if_done(locates: dict[str, Locate], locate_id: str) -> None:
    locate = locates[locate_id]
    if not locate.free and not locate.pending:
        del locates[locate_id]
