"""Checks of one order's terms: ids, instrument, quantity, prices, time in force. No sum of the account is needed.

Which prices an order type has stands in one table, from which docs/how-to/choose-an-order-type.md takes its first
columns. Names and rules are FIX's: OrdType (tag 40), TimeInForce (59), ExecInst (18).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain import ids
from domain.account import Account
from domain.catalog import Catalog
from domain.checks import Refusal, clean, is_text, number, refuse, same_currency
from domain.commands import ReplaceOrder, SubmitOrder
from domain.market import Instrument
from domain.terms import OrderTerms, OrderType, TimeInForce
from domain.world import World

CLIENT_ORDER_ID_CHARACTERS_MAX = 48
TEXTS = ("symbol", "signal_id", "strategy_id", "trader_id")
PRICES = ("limit_price", "protection_price", "stop_price", "trail_amount")
TRAIL_BPS_MAX = 10_000


class PriceRule(NamedTuple):
    """required, optional: names of OrderTerms' prices; all others must be absent."""

    required: tuple[str, ...]
    optional: tuple[str, ...]


def price_rule(order_type: OrderType, *, is_sale: bool) -> PriceRule:
    """A purchase at any price needs a protection price, for the hold is computed from it; a sale may have one."""
    required, optional = _PRICES[order_type]
    if "limit_price" in required:
        return PriceRule(required, optional)
    protection = ("protection_price",)
    return PriceRule(required, optional + protection) if is_sale else PriceRule(required + protection, optional)


_PRICES: dict[OrderType, PriceRule] = {
    "MARKET": PriceRule((), ()),
    "LIMIT": PriceRule(("limit_price",), ()),
    "STOP": PriceRule(("stop_price",), ()),
    "STOP_LIMIT": PriceRule(("limit_price", "stop_price"), ()),
    "TRAILING_STOP": PriceRule((), ("trail_amount", "trail_bps")),  # exactly one of them: see _trail
}
_RULES = {
    (order_type, is_sale): price_rule(order_type, is_sale=is_sale)
    for order_type in _PRICES
    for is_sale in (False, True)
}


def price_rules() -> list[tuple[OrderType, str, PriceRule]]:
    """Every order type and side with its rule, for the reference page."""
    return [(order_type, "sale" if is_sale else "BUY", rule) for (order_type, is_sale), rule in _RULES.items()]


_NAMES = (*PRICES, "trail_bps")


# Form


def order_form(account_id: str, order: SubmitOrder | OrderTerms) -> Refusal | None:
    """An order's ids, texts and numbers."""
    if not is_text(order.client_order_id, CLIENT_ORDER_ID_CHARACTERS_MAX):
        return refuse(
            "CLIENT_ORDER_ID_INVALID",
            f"expected 1 to 48 printable characters, it has {len(order.client_order_id)}",
            client_order_id=order.client_order_id,
        )
    derived = ids.order_id(account_id, order.client_order_id)
    if order.order_id != derived:
        return refuse(
            "CLIENT_ORDER_ID_INVALID",
            f"expected the order id {derived} that is derived from it, it was {clean(order.order_id)}",
            client_order_id=order.client_order_id,
            order_id=order.order_id,
        )
    for name in TEXTS:
        text: str | None = getattr(order, name)
        if text and not is_text(text):
            return refuse("TEXT_INVALID", f"expected {name} to be at most 128 printable characters", **{name: text})
    return numbers(order)


def numbers(order: SubmitOrder | OrderTerms | ReplaceOrder) -> Refusal | None:
    """Every number that is there can be computed with."""
    refusal = None if order.quantity is None else number("QUANTITY", order.quantity)
    for name in _NAMES:
        price: Decimal | None = getattr(order, name)
        if price is not None:
            refusal = refusal or number("PRICE", price)
    return refusal


# Terms


def order(account: Account, terms: OrderTerms, world: World, now_us: int) -> Refusal | None:
    """The pre-trade checks that need no sum: terms, currency, and what depends on the time and on the market."""
    return (
        order_alone(terms, world.catalog)
        or same_currency(account, world.catalog[terms.symbol].currency)
        or (_expiry(terms, world, now_us) if terms.expire_at_us is not None else None)
        or (_side_of_stop(terms, world) if terms.stop_price is not None else None)
        or (_reduces(account, terms) if terms.reduce_only else None)
    )


def order_alone(terms: OrderTerms, catalog: Catalog) -> Refusal | None:
    """The part of `order` that needs neither account nor market: instrument, quantity, prices, time in force."""
    instrument = catalog.get(terms.symbol)
    if instrument is None:
        return refuse(
            "INSTRUMENT_UNKNOWN",
            f"expected one of {clean(', '.join(sorted(catalog)))}; it was {terms.symbol!r}",
            symbol=terms.symbol,
        )
    return _side(terms) or _quantity(terms.quantity, instrument) or _prices(terms, instrument) or _duration(terms)


def _side(terms: OrderTerms) -> Refusal | None:
    """Nothing can be borrowed here, so nothing can be sold short."""
    if terms.side != "SELL_SHORT":
        return None
    text = f"expected a BUY, or a SELL of units that the account has; {terms.symbol} cannot be borrowed"
    return refuse("BORROW_UNAVAILABLE", text, symbol=terms.symbol, quantity=terms.quantity)


def _reduces(account: Account, terms: OrderTerms) -> Refusal | None:
    """A sale is of units that are there, which holds see to; a purchase reduces only what is owed."""
    owed = -account.position(terms.symbol).quantity
    if terms.is_sale or terms.quantity <= owed:
        return None
    return refuse(
        "ORDER_NOT_REDUCING",
        f"expected a reduce-only purchase of at most the {max(owed, Decimal(0))} units owed, it was {terms.quantity}",
        quantity=terms.quantity,
        position=-owed,
    )


def _quantity(quantity: Decimal, instrument: Instrument) -> Refusal | None:
    if quantity <= 0:
        return refuse("QUANTITY_NOT_POSITIVE", f"expected a quantity above zero, it was {quantity}", quantity=quantity)
    if quantity % instrument.quantity_increment:
        return refuse(
            "QUANTITY_OVER_PRECISE",
            f"expected a multiple of {instrument.quantity_increment}, it was {quantity}",
            quantity=quantity,
            increment=instrument.quantity_increment,
        )
    return None


def _prices(terms: OrderTerms, instrument: Instrument) -> Refusal | None:
    rule = _RULES[terms.order_type, terms.side != "BUY"]
    kind = terms.order_type.lower()
    for name in _NAMES:
        price: Decimal | None = getattr(terms, name)
        if price is None:
            continue
        if name not in rule.required and name not in rule.optional:
            return refuse(
                "PRICE_NOT_ALLOWED", f"expected a {kind} order without {name}, it was {price}", **{name: price}
            )
        refusal = None if name == "trail_bps" else _price(name, price, instrument)
        if refusal is not None:
            return refusal
    for name in rule.required:
        if getattr(terms, name) is None:
            text = f"expected a {kind} {terms.side} to have a {name}, it has none"
            return refuse("PRICE_REQUIRED", text, missing=name)
    return _trail(terms) if terms.order_type == "TRAILING_STOP" else _stop(terms)


def _price(name: str, price: Decimal, instrument: Instrument) -> Refusal | None:
    if price <= 0:
        return refuse("PRICE_NOT_POSITIVE", f"expected a {name} above zero, it was {price}", **{name: price})
    if price % instrument.price_increment:
        return refuse(
            "PRICE_OFF_INCREMENT",
            f"expected {name} to be a multiple of {instrument.price_increment}, it was {price}",
            **{name: price, "increment": instrument.price_increment},
        )
    return None


def _trail(terms: OrderTerms) -> Refusal | None:
    if (terms.trail_amount is None) == (terms.trail_bps is None):
        return refuse(
            "TRAIL_INVALID",
            f"expected either trail_amount or trail_bps, they were {terms.trail_amount} and {terms.trail_bps}",
            trail_amount=terms.trail_amount,
            trail_bps=terms.trail_bps,
        )
    if terms.trail_bps is not None and not 0 < terms.trail_bps < TRAIL_BPS_MAX:
        return refuse(
            "TRAIL_INVALID",
            f"expected trail_bps above 0 and below {TRAIL_BPS_MAX}, it was {terms.trail_bps}",
            trail_bps=terms.trail_bps,
        )
    return None


def _stop(terms: OrderTerms) -> Refusal | None:
    """A triggered order must be able to fill: its worst price lies behind its stop. A STOP_LIMIT may wait there."""
    stop, worst = terms.stop_price, terms.protection_price
    if stop is None or worst is None:
        return None
    if worst < stop if terms.side == "BUY" else worst > stop:
        return refuse(
            "STOP_WRONG_SIDE",
            f"expected the protection price {'at or above' if terms.side == 'BUY' else 'at or below'} the stop price "
            f"{stop} of a {terms.side}, it was {worst}: once triggered it could not fill",
            stop_price=stop,
            protection_price=worst,
        )
    return None


def _duration(terms: OrderTerms) -> Refusal | None:
    """What time in force goes with what order."""
    duration = terms.time_in_force
    if (duration == "GTD") != (terms.expire_at_us is not None):
        if duration == "GTD":
            return refuse("EXPIRY_REQUIRED", "expected a GTD order to have an expire_at_us, it has none")
        return refuse(
            "EXPIRY_NOT_ALLOWED",
            f"expected a {duration} order without expire_at_us, it was {terms.expire_at_us}",
            expire_at_us=terms.expire_at_us,
            time_in_force=duration,
        )
    if terms.has_trigger and duration not in ("DAY", "GTC", "GTD"):
        return _not_for(terms, "TIME_IN_FORCE_NOT_ALLOWED", "DAY, GTC or GTD")
    if terms.post_only and (terms.order_type != "LIMIT" or duration not in ("DAY", "GTC", "GTD")):
        return _not_for(terms, "POST_ONLY_NOT_ALLOWED", "a limit order that is DAY, GTC or GTD")
    return None


def _not_for(terms: OrderTerms, code: str, expected: str) -> Refusal:
    duration: TimeInForce = terms.time_in_force
    return refuse(
        code,
        f"expected {expected}, it was a {terms.order_type} order that is {duration}",
        order_type=terms.order_type,
        time_in_force=duration,
    )


def _expiry(terms: OrderTerms, world: World, now_us: int) -> Refusal | None:
    """By market time: of the tick it was made from, of the newest mark of its symbol, or else the ledger's clock."""
    assert terms.expire_at_us is not None
    if terms.active_from_us is not None:
        market_us, clock = terms.active_from_us, "the time it is active from"
    elif terms.active_after is not None:
        market_us, clock = terms.active_after.market_time_us, "the tick it comes after"
    elif terms.symbol in world.marks:
        market_us, clock = world.marks[terms.symbol].market_time_us, "the newest mark"
    else:
        market_us, clock = now_us, "the ledger's clock"
    if terms.expire_at_us > market_us:
        return None
    return refuse(
        "EXPIRY_PASSED",
        f"expected expire_at_us after {market_us} ({clock}), it was {terms.expire_at_us}",
        expire_at_us=terms.expire_at_us,
        market_time_us=market_us,
    )


def _side_of_stop(terms: OrderTerms, world: World) -> Refusal | None:
    """A purchase's stop lies above the market, a sale's below it; otherwise it would trigger at once."""
    mark, stop = world.marks.get(terms.symbol), terms.stop_price
    assert stop is not None
    if mark is None or (stop > mark.price if terms.side == "BUY" else stop < mark.price):
        return None
    return refuse(
        "STOP_WRONG_SIDE",
        f"expected the stop of a {terms.side} {'above' if terms.side == 'BUY' else 'below'} the mark {mark.price}, "
        f"it was {stop}",
        stop_price=stop,
        mark=mark.price,
    )
