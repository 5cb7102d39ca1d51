"""Which orders the paper venue takes, which replacements it takes, and whether those keep their place in the queue.

The ledger checks orders as well (domain.order_checks). A venue does not rely on its clients: what no tick could ever
meet is refused with a code and a reason, not kept for ever.

A replacement keeps its place unless it changes a price or asks for more. That is CME Globex's rule: a modification of
price, stop price or order type, or a larger quantity, changes the priority; a smaller quantity, time in force or
expiry does not (CME Group client systems wiki, "Order Functionalities", Order Modification). Nasdaq gives a replaced
order a new time stamp and lets one that is only made smaller keep its own (OUCH 5.0, Replace Order and Cancel Order):
the same but for an expiry, which OUCH cannot change.
"""

from __future__ import annotations

from decimal import Decimal

from domain.terms import OrderTerms
from execution.venue import Refusal, ReplaceRefusal

AUCTIONS = frozenset({"AT_OPEN", "AT_CLOSE"})
IMMEDIATE = frozenset({"IOC", "FOK"})
_FIXED = ("order_id", "symbol", "side", "order_type", "time_in_force", "post_only")
_PRICES = ("limit_price", "protection_price", "stop_price", "trail_amount", "trail_bps")
_TRAILS = ("trail_amount", "trail_bps")
_BPS_MAX = Decimal(10_000)


def refusal(terms: OrderTerms, leaves: Decimal) -> Refusal | None:
    """Why this venue cannot work `leaves` units under these terms; None when it can."""
    if not leaves.is_finite() or leaves <= 0:
        return Refusal("ORDER_NOTHING_LEFT", f"expected a quantity above zero to execute, it was {leaves}")
    return _prices(terms) or _trigger(terms) or _time_in_force(terms)


def replace_refusal(
    old: OrderTerms, new: OrderTerms, revision: int, leaves: Decimal, *, triggered: bool
) -> ReplaceRefusal | None:
    """Why the venue goes on with the old terms; None when it takes the new ones, of which `leaves` would be left."""
    for name in _FIXED:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            return ReplaceRefusal(revision, "ORDER_REPLACE_NOT_ALLOWED", f"expected {name} {before}, it was {after}")
    changed = [name for name in ("stop_price", *_TRAILS) if getattr(old, name) != getattr(new, name)]
    if triggered and changed:
        text = f"expected {', '.join(changed)} as before, for the stop was met, it was another"
        return ReplaceRefusal(revision, "ORDER_ALREADY_TRIGGERED", text)
    problem = refusal(new, leaves)
    return None if problem is None else ReplaceRefusal(revision, problem.code, problem.text)


def keeps_priority(old: OrderTerms, new: OrderTerms) -> bool:
    """Whether an order keeps its place in the queue: no price changed, and not more wanted."""
    return new.quantity <= old.quantity and all(getattr(old, name) == getattr(new, name) for name in _PRICES)


def _prices(terms: OrderTerms) -> Refusal | None:
    if terms.order_type in ("LIMIT", "STOP_LIMIT") and terms.limit_price is None:
        kind = "LIMIT" if terms.order_type == "LIMIT" else "STOP_LIMIT"
        return Refusal("ORDER_LIMIT_MISSING", f"a {kind} order needs a limit price, it had none")
    for name in _PRICES:
        price = getattr(terms, name)
        if price is not None and not (price.is_finite() and price > 0):
            return Refusal("ORDER_PRICE_INVALID", f"expected a {name.replace('_', ' ')} above zero, it was {price}")
    return None


def _trigger(terms: OrderTerms) -> Refusal | None:
    if terms.order_type in ("STOP", "STOP_LIMIT") and terms.stop_price is None:
        return Refusal("ORDER_STOP_MISSING", f"a {terms.order_type} order needs a stop price, it had none")
    given = sum(getattr(terms, name) is not None for name in _TRAILS)
    if terms.order_type == "TRAILING_STOP" and given != 1:
        return Refusal(
            "ORDER_TRAIL_INVALID", f"expected either a trail amount or trail bps, there were {given} of them"
        )
    if terms.trail_bps is not None and terms.trail_bps >= _BPS_MAX and terms.is_sale:
        return Refusal(
            "ORDER_TRAIL_INVALID", f"expected fewer than {_BPS_MAX} bps below the best, it was {terms.trail_bps}"
        )
    return None


def _time_in_force(terms: OrderTerms) -> Refusal | None:
    if terms.time_in_force == "GTD" and terms.expire_at_us is None:
        return Refusal("ORDER_EXPIRY_MISSING", "a GTD order needs a time at which it expires, it had none")
    if terms.time_in_force in AUCTIONS and terms.has_trigger:
        text = f"expected a MARKET or LIMIT order {terms.time_in_force}, it was {terms.order_type}"
        return Refusal("ORDER_TIME_IN_FORCE_INVALID", text)
    if terms.post_only and (terms.order_type != "LIMIT" or terms.time_in_force in IMMEDIATE | AUCTIONS):
        text = f"expected a LIMIT order that can rest, it was {terms.order_type} {terms.time_in_force}"
        return Refusal("ORDER_POST_ONLY_INVALID", text)
    return None
