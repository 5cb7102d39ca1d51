"""An order's terms in Alpaca's words, or why the venue cannot have them.

What this system promises and Alpaca has no word for is either mapped to something at least as strict, or refused here
before anything is sent; nothing is left out silently. A protection price (the worst price of an order without a limit,
from which the hold was computed) becomes a limit: MARKET goes out as `limit`, STOP as `stop_limit`.
Source: docs.alpaca.markets, "Placing Orders": order types, time in force by order type, sub-penny increments.
"""

from __future__ import annotations

from decimal import Decimal

from domain.terms import OrderTerms
from execution.alpaca.wire import text_of
from execution.order import WorkingOrder
from execution.venue import Refusal

SIDES = {"BUY": "buy", "SELL": "sell", "SELL_SHORT": "sell"}
TYPES = {
    "MARKET": "market",
    "LIMIT": "limit",
    "STOP": "stop",
    "STOP_LIMIT": "stop_limit",
    "TRAILING_STOP": "trailing_stop",
}
TIMES_IN_FORCE = {"DAY": "day", "GTC": "gtc", "IOC": "ioc", "FOK": "fok", "AT_OPEN": "opg", "AT_CLOSE": "cls"}
_PROTECTED = {"MARKET": "limit", "STOP": "stop_limit"}
_LASTING = ("DAY", "GTC")
_DECIMALS_MAX, _DECIMALS_MAX_BELOW_ONE, _QUANTITY_DECIMALS_MAX = 2, 4, 9


def body_of(order: WorkingOrder) -> dict[str, str] | Refusal:
    """The body of POST /v2/orders. All numbers are strings of plain digits."""
    refusal = refusal_of(order.terms, order.leaves)
    if refusal is not None:
        return refusal
    terms = order.terms
    return {
        "symbol": terms.symbol,
        "qty": text_of(order.leaves),
        "side": SIDES[terms.side],
        "type": _type(terms),
        "time_in_force": TIMES_IN_FORCE[terms.time_in_force],
        "client_order_id": terms.order_id,
        **_prices(terms),
    }


def change_of(old: OrderTerms, new: OrderTerms) -> dict[str, str] | Refusal:
    """The body of PATCH /v2/orders/{id}, without its client_order_id: what differs, quantity and limits included."""
    refusal = refusal_of(new, new.quantity)
    if refusal is not None:
        return refusal
    before, after = _fixed(old), _fixed(new)
    changed = [name for name, value in before.items() if after[name] != value]
    if changed:
        return Refusal("ORDER_CHANGE_UNSUPPORTED", f"Alpaca cannot change {', '.join(changed)} of a working order")
    old_words, new_words = _changeable(old), _changeable(new)
    body = {name: value for name, value in new_words.items() if old_words[name] != value}
    if "qty" in body and _is_fractional(new.quantity):
        return Refusal("ORDER_CHANGE_UNSUPPORTED", f"Alpaca replaces whole quantities only, it was {new.quantity}")
    return body or Refusal("ORDER_CHANGE_MISSING", "the new terms are those that the venue already works")


def refusal_of(terms: OrderTerms, leaves: Decimal) -> Refusal | None:
    """Why Alpaca cannot have these terms; None when it can be asked."""
    return _impossible(terms, leaves) or _unsupported(terms)


def _impossible(terms: OrderTerms, leaves: Decimal) -> Refusal | None:
    """Terms that no market can ever meet."""
    if not leaves.is_finite() or leaves <= 0:
        return Refusal("ORDER_NOTHING_LEFT", f"expected a quantity above zero to execute, it was {leaves}")
    needed = {
        "LIMIT": ("limit_price",),
        "STOP": ("stop_price",),
        "STOP_LIMIT": ("stop_price", "limit_price"),
    }.get(terms.order_type, ())
    prices = {
        "limit_price": terms.limit_price,
        "stop_price": terms.stop_price,
        "protection_price": terms.protection_price,
        "trail_amount": terms.trail_amount,
        "trail_bps": terms.trail_bps,
    }
    for name in needed:
        if prices[name] is None:
            return Refusal("ORDER_PRICE_MISSING", f"a {terms.order_type} order needs a {name}, it had none")
    if terms.order_type == "TRAILING_STOP" and (terms.trail_amount is None) == (terms.trail_bps is None):
        return Refusal("ORDER_PRICE_MISSING", "a TRAILING_STOP order needs either a trail_amount or a trail_bps")
    for name, price in prices.items():
        if price is not None and not (price.is_finite() and price > 0):
            return Refusal("ORDER_PRICE_INVALID", f"expected a {name} above zero, it was {price}")
    return None


def _unsupported(terms: OrderTerms) -> Refusal | None:  # noqa: PLR0911 -- one return for each condition
    """Terms that are sound, and that Alpaca has no word for."""
    kind, force, quantity = terms.order_type, terms.time_in_force, terms.quantity
    if force not in TIMES_IN_FORCE:
        return Refusal("ORDER_TIME_IN_FORCE_UNSUPPORTED", f"Alpaca has no {force} order; expected one of {_forces()}")
    if terms.has_trigger and force not in _LASTING:
        return Refusal("ORDER_TIME_IN_FORCE_UNSUPPORTED", f"Alpaca takes {kind} as DAY or GTC, it was {force}")
    if terms.group_id is not None:
        return Refusal("ORDER_GROUP_UNSUPPORTED", "Alpaca would not know that the orders of a group belong together")
    if terms.post_only:
        return Refusal("ORDER_POST_ONLY_UNSUPPORTED", "Alpaca has no order that never takes liquidity")
    if terms.reduce_only:
        return Refusal("ORDER_REDUCE_ONLY_UNSUPPORTED", "Alpaca has no order that never makes a position larger")
    if kind == "TRAILING_STOP" and terms.protection_price is not None:
        return Refusal("ORDER_PROTECTION_UNSUPPORTED", "Alpaca's trailing stop ends as a market order at any price")
    if _decimals(quantity) > _QUANTITY_DECIMALS_MAX:
        return Refusal("ORDER_QUANTITY_OVER_PRECISE", f"Alpaca takes 9 decimals of a share, it was {quantity}")
    if _is_fractional(quantity) and (force != "DAY" or kind == "TRAILING_STOP"):
        return Refusal("ORDER_FRACTION_UNSUPPORTED", f"Alpaca takes fractions of a share as DAY orders, it was {force}")
    return _off_increment(terms)


def _off_increment(terms: OrderTerms) -> Refusal | None:
    for name, price in (("stop_price", terms.stop_price), ("limit or protection price", terms.worst_price)):
        if price is not None and _decimals(price) > (_DECIMALS_MAX if price >= 1 else _DECIMALS_MAX_BELOW_ONE):
            return Refusal("ORDER_PRICE_OFF_INCREMENT", f"Alpaca takes cents from one dollar on, {name} was {price}")
    return None


def _fixed(terms: OrderTerms) -> dict[str, object]:
    """What a working order keeps, whatever replaces it."""
    return {
        "symbol": terms.symbol,
        "side": terms.side,
        "order_type": _type(terms),
        "prices": sorted(_prices(terms)),
        "post_only": terms.post_only,
        "reduce_only": terms.reduce_only,
        "group_id": terms.group_id,
    }


def _type(terms: OrderTerms) -> str:
    return TYPES[terms.order_type] if terms.protection_price is None else _PROTECTED[terms.order_type]


def _changeable(terms: OrderTerms) -> dict[str, str]:
    names = {"trail_price": "trail", "trail_percent": "trail"}
    prices = {names.get(name, name): value for name, value in _prices(terms).items()}
    return {"qty": text_of(terms.quantity), "time_in_force": TIMES_IN_FORCE[terms.time_in_force], **prices}


def _prices(terms: OrderTerms) -> dict[str, str]:
    percent = None if terms.trail_bps is None else terms.trail_bps.scaleb(-2)
    prices = {
        "limit_price": terms.worst_price,
        "stop_price": terms.stop_price,
        "trail_price": terms.trail_amount,
        "trail_percent": percent,
    }
    return {name: text_of(price) for name, price in prices.items() if price is not None}


def _decimals(amount: Decimal) -> int:
    """Digits after the point, trailing zeros left out."""
    return len(text_of(amount).partition(".")[2])


def _is_fractional(quantity: Decimal) -> bool:
    return quantity != quantity.to_integral_value()


def _forces() -> str:
    return ", ".join(TIMES_IN_FORCE)
