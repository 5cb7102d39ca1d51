"""When a stop is met. A purchase triggers at or above its stop price, a sale at or below it, on a print of the tape.

A trailing stop's price follows the best price of the tape since the order is active, at its distance, and never goes
back: for a sale the highest price less the distance, for a purchase the lowest price plus it. It is computed from the
tape alone, so whoever meets the same ticks finds the same price. (CME Globex and Nasdaq trigger on last sale; the
high-water mark is Alpaca's `hwm`, IBKR's trailing stop.)

Boundaries: there is no rounding of a stop price to the instrument's increment, for no order is sent at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from domain.market import TickAt
from domain.paper_costs import CONTEXT, is_print
from domain.terms import OrderTerms

_BPS = Decimal("0.0001")


def best_after(terms: OrderTerms, best: Decimal | None, price: Decimal) -> Decimal:
    """The best price since the order is active, with this one: the highest for a sale, the lowest for a purchase."""
    if best is None:
        return price
    return max(best, price) if terms.is_sale else min(best, price)


def stop_price(terms: OrderTerms, best: Decimal | None) -> Decimal:
    """The price at which the order triggers. best: for a trailing stop, the best price since it is active."""
    if terms.stop_price is not None:
        return terms.stop_price
    assert best is not None, "a trailing stop has met a print"
    with localcontext(CONTEXT):
        distance = best * terms.trail_bps * _BPS if terms.trail_bps is not None else terms.trail_amount
        assert distance is not None, "a trailing stop has a distance"
        return best - distance if terms.is_sale else best + distance


def is_met(terms: OrderTerms, best: Decimal | None, price: Decimal) -> bool:
    stop = stop_price(terms, best)
    return price <= stop if terms.is_sale else price >= stop


def first_met(terms: OrderTerms, ticks: Iterable[TickAt]) -> TickAt | None:
    """The tick that triggers an order, of those since it is active; None when none does.

    For an auditor who holds OrderTriggered to the tape.
    """
    best: Decimal | None = None
    for at in ticks:
        if is_print(at.tick):
            best = best_after(terms, best, at.tick.price)
            if is_met(terms, best, at.tick.price):
                return at
    return None
