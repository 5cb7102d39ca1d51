"""What a trade costs on paper: half spread, square-root impact, fee; and how much of a tick's volume can be had.

All in Decimal with 34 digits:

    available = floor(participation_max x tick volume), in whole quantity increments, less what others were given
    cost      = half_spread x (1 + spread_jitter x (2u - 1)) + impact x sqrt((given + quantity) / tick volume)
    price     = tick price x (1 + cost) for a purchase, x (1 - cost) for a sale, 4 decimals, rounded against the trader
    fee       = price x quantity x fee, rounded up to the cent

u in [0, 1) is the first 8 bytes of the seed, SHA-256 of order id, tick partition and tick offset. `given` is what other
orders of the symbol have taken of this tick before; it is zero where orders do not share liquidity. Square-root impact:
Almgren, Thum, Hauptmann, Li, "Direct estimation of equity market impact", 2005.

An order that waited in the book (a maker) pays neither spread nor impact: others come to it, at its limit.

The paper venue (execution.paper) and the backtest (models.backtest) both fill by this, so they agree to the cent.
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import NamedTuple

import msgspec

from domain.market import Instrument, Tick, TickAt, TickRef
from domain.terms import OrderTerms

CONTEXT = Context(prec=34, rounding=ROUND_HALF_EVEN)
_BPS = Decimal("0.0001")
_PRICE_STEP = Decimal("0.0001")
_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_TWO_TO_64 = Decimal(2**64)
_INCREMENT: Decimal = Instrument(symbol="*").quantity_increment


class PaperParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Basis points of the tick's price, but participation_max and spread_jitter, which are shares of one."""

    half_spread_bps: Decimal
    impact_bps: Decimal
    participation_max: Decimal
    fee_bps: Decimal
    spread_jitter: Decimal = Decimal("0.2")
    quantity_increment: Decimal = _INCREMENT


class Trade(NamedTuple):
    """What one order gets on one tick. price: per unit; fee: in the instrument's currency."""

    quantity: Decimal
    price: Decimal
    fee: Decimal


def seed(order_id: str, tick: TickRef) -> str:
    """SHA-256, in hex, of `order_id:partition:offset`: the same for whoever evaluates the order."""
    return hashlib.sha256(f"{order_id}:{tick.partition}:{tick.offset}".encode()).hexdigest()


def is_print(tick: Tick) -> bool:
    """Whether somebody traded: only such ticks trigger, open and close, and only on them an order can be filled."""
    return tick.volume > 0 and not tick.halted


def available(volume: Decimal, parameters: PaperParameters) -> Decimal:
    """What all orders together may take of a tick of this volume, in whole increments."""
    with localcontext(CONTEXT):
        return _available(volume, parameters)


def take(
    terms: OrderTerms,
    leaves: Decimal,
    at: TickAt,
    parameters: PaperParameters,
    *,
    given: Decimal = _ZERO,
    fitting: bool = False,
) -> Trade | None:
    """What `leaves` units get at the market's price with costs; None: nothing.

    fitting: where all that can be had would cost more than the order's worst price, take the largest part that does
    not. Without it such an order gets nothing. An order of time in force FOK gets all of its leaves or nothing.
    """
    if _is_hopeless(terms, at.tick.price, parameters):
        return None
    with localcontext(CONTEXT):
        quantity = min(leaves, _available(at.tick.volume, parameters) - given)
        if quantity <= 0 or (terms.time_in_force == "FOK" and quantity < leaves):
            return None
        u = int(seed(terms.order_id, at.ref)[:16], 16) / _TWO_TO_64
        price = _within(terms, _price(terms, given + quantity, at.tick, parameters, u))
        if price is None and fitting and terms.time_in_force != "FOK":
            quantity = _largest(terms, quantity, at.tick, parameters, u, given)
            price = _within(terms, _price(terms, given + quantity, at.tick, parameters, u)) if quantity else None
        return None if price is None else _trade(quantity, price, parameters)


def make(
    terms: OrderTerms, leaves: Decimal, at: TickAt, parameters: PaperParameters, *, given: Decimal = _ZERO
) -> Trade | None:
    """What a resting limit order gets when the market comes to its limit or through it: its limit, without costs."""
    limit = terms.limit_price
    assert limit is not None, "an order rests at its limit"
    with localcontext(CONTEXT):
        quantity = min(leaves, _available(at.tick.volume, parameters) - given)
        return _trade(quantity, limit, parameters) if quantity > 0 and crosses(terms, at.tick.price) else None


def crosses(terms: OrderTerms, price: Decimal) -> bool:
    """Whether a limit order could trade at this price: a purchase at or below its limit, a sale at or above it."""
    assert terms.limit_price is not None, "only limit orders cross"
    return price >= terms.limit_price if terms.is_sale else price <= terms.limit_price


def _available(volume: Decimal, parameters: PaperParameters) -> Decimal:
    increment = parameters.quantity_increment
    return parameters.participation_max * volume // increment * increment


def _is_hopeless(terms: OrderTerms, price: Decimal, parameters: PaperParameters) -> bool:
    """Whether the order's worst price is beyond the tick's already, before costs, which are never below zero.

    It is the answer for most orders on most ticks, and saves them the seed and the root.
    """
    worst = terms.worst_price
    if worst is None or parameters.half_spread_bps < 0 or parameters.impact_bps < 0 or parameters.spread_jitter > 1:
        return False
    return price < worst if terms.is_sale else price > worst


def _trade(quantity: Decimal, price: Decimal, parameters: PaperParameters) -> Trade:
    fee = (price * quantity * parameters.fee_bps * _BPS).quantize(_CENT, rounding=ROUND_CEILING)
    return Trade(quantity, price, fee)


def _price(terms: OrderTerms, until: Decimal, tick: Tick, parameters: PaperParameters, u: Decimal) -> Decimal:
    """The price at which the tick's volume is taken `until` this quantity. More never costs less."""
    half_spread = parameters.half_spread_bps * (1 + parameters.spread_jitter * (2 * u - 1))
    impact = parameters.impact_bps * (until / tick.volume).sqrt()
    cost = (half_spread + impact) * _BPS
    if not terms.is_sale:
        return (tick.price * (1 + cost)).quantize(_PRICE_STEP, rounding=ROUND_CEILING)
    return (tick.price * (1 - cost)).quantize(_PRICE_STEP, rounding=ROUND_FLOOR)


def _within(terms: OrderTerms, price: Decimal) -> Decimal | None:
    """The price, unless it is beyond the order's worst or no price at all."""
    worst = terms.worst_price
    if price <= 0:
        return None
    if worst is not None and (price < worst if terms.is_sale else price > worst):
        return None
    return price


def _largest(
    terms: OrderTerms, quantity: Decimal, tick: Tick, parameters: PaperParameters, u: Decimal, given: Decimal
) -> Decimal:
    """The most increments below `quantity` whose price is within the order's worst; zero when none is. Bisection."""
    increment = parameters.quantity_increment
    fits, too_many = 0, int(-(-quantity // increment))
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _within(terms, _price(terms, given + middle * increment, tick, parameters, u)) is None:
            too_many = middle
        else:
            fits = middle
    return fits * increment
