"""What an order needs to be set aside before it goes out: cash, units, locates. Phase one of a two-phase transfer.

A cash account sets aside all that an order can cost: quantity x worst price, the venue's fees at `fee_bps`, and the
most that its fee schedule can charge; for a sale, what commissions can take beyond the proceeds. A margin account sets
aside the initial margin of what the order opens; what it closes needs none, so that a position can always be closed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain import borrow, checks, fees, position_checks
from domain.account import Account
from domain.borrow import LocateUse
from domain.checks import Refusal
from domain.currencies import minor_unit
from domain.fees import Tally
from domain.market import Instrument
from domain.numbers import ZERO, part_up, up
from domain.orders import Order
from domain.terms import OrderTerms
from domain.world import World


class Hold(NamedTuple):
    """cash: in `currency`, rounded up to its smallest unit. quantity: units of the order's symbol, of the long leg.

    locates: what a short sale takes of the account's locates.
    """

    cash: Decimal
    quantity: Decimal
    currency: str = ""
    locates: tuple[LocateUse, ...] = ()


NO_HOLD = Hold(ZERO, ZERO)


def needed(account: Account, terms: OrderTerms, leaves: Decimal, world: World) -> Hold | Refusal:
    """What `leaves` units of an order need. The terms have been checked. For an open order: were it not held for."""
    instrument = world.catalog[terms.symbol]
    if terms.reduce_only:
        refusal = position_checks.reducing(terms, leaves, _reducible(account, terms))
        if refusal is not None:
            return refusal
    if terms.side == "SELL_SHORT":
        return _short_sale(account, terms, leaves, instrument, world)
    if account.margin is not None:
        return _on_margin(account, terms, leaves, instrument)
    tally = _tally(account, terms)
    if terms.side == "SELL":
        return Hold(sale_cash(tally, terms, leaves, instrument), leaves, instrument.currency)
    return Hold(purchase_cash(account, tally, terms, leaves, instrument.currency), ZERO, instrument.currency)


def check(account: Account, terms: OrderTerms, more: Hold, world: World) -> Refusal | None:
    """Whether the account has that much more to set aside."""
    if account.margin is None:
        refusal = checks.cash(account, more.cash, more.currency)
    else:
        refusal = position_checks.excess(account, more.cash, more.currency, world.marks) if more.cash else None
    return refusal or checks.units(account, terms.symbol, more.quantity)


def after_fill(account: Account, order: Order, tally: Tally | None, leaves: Decimal, step: Decimal) -> Decimal:
    """What of an order's hold the `leaves` units need after a fill. tally: with that fill. step: see fees.

    On margin it is the part that is left of the units: a report cannot be refused for a mark that is missing.
    """
    if not leaves or not order.hold_cash:
        return ZERO
    if account.margin is not None:
        return part_up(order.hold_cash, leaves, order.leaves_quantity, minor_unit(order.currency))
    if order.terms.side == "SELL":
        return min(order.hold_cash, _beyond_proceeds(tally, order.terms, leaves, step, order.currency))
    return min(order.hold_cash, purchase_cash(account, tally, order.terms, leaves, order.currency))


def purchase_cash(account: Account, tally: Tally | None, terms: OrderTerms, leaves: Decimal, currency: str) -> Decimal:
    """The most that buying `leaves` units can cost."""
    price = terms.worst_price
    assert price is not None
    unit = minor_unit(currency)
    cash = account.hold_for(leaves, price, unit)
    return cash if tally is None else cash + fees.most_of_purchase(tally, leaves, price, unit)


def sale_cash(tally: Tally | None, terms: OrderTerms, leaves: Decimal, instrument: Instrument) -> Decimal:
    """The most that commissions can take beyond the proceeds of selling `leaves` units."""
    return _beyond_proceeds(tally, terms, leaves, instrument.quantity_increment, instrument.currency)


def _beyond_proceeds(tally: Tally | None, terms: OrderTerms, leaves: Decimal, step: Decimal, currency: str) -> Decimal:
    if tally is None:
        return ZERO
    return fees.most_beyond_proceeds(tally, leaves, terms.worst_price or ZERO, step, minor_unit(currency))


def _on_margin(account: Account, terms: OrderTerms, leaves: Decimal, instrument: Instrument) -> Hold:
    """A purchase or a sale of a margin account: what it opens needs initial margin and fees, what it closes nothing."""
    assert account.margin is not None
    currency = instrument.currency
    if terms.side == "SELL":
        return Hold(ZERO, leaves, currency)
    price = terms.worst_price
    assert price is not None
    opened = max(ZERO, leaves - coverable(account, terms))
    if not opened:
        return Hold(ZERO, ZERO, currency)
    part = account.margin.long_initial * opened * price
    return Hold(_with_fees(account, terms, part, leaves, price, currency), ZERO, currency)


def _short_sale(
    account: Account, terms: OrderTerms, leaves: Decimal, instrument: Instrument, world: World
) -> Hold | Refusal:
    """Initial margin of the market value, at the mark or the limit where that is higher; and units to borrow."""
    if account.margin is None:
        return position_checks.not_margin(account, terms.symbol)
    mark = world.marks.get(terms.symbol)
    if mark is None:
        return position_checks.mark_missing(terms.symbol)
    uses: tuple[LocateUse, ...] = ()
    if not instrument.shortable:
        return position_checks.not_shortable(terms.symbol)
    if not instrument.easy_to_borrow:
        known = account.orders.get(terms.order_id)
        own = ZERO if known is None else sum((use.quantity for use in known.locates), ZERO)
        wanted = max(ZERO, leaves - own)
        chosen = borrow.choose(account.locates, terms.symbol, wanted, mark.market_time_us) if wanted else uses
        if isinstance(chosen, Decimal):
            return position_checks.no_borrow(terms.symbol, wanted, chosen)
        uses = chosen
    price = max(mark.price, terms.worst_price or ZERO)
    part = account.margin.short_initial * leaves * price
    cash = _with_fees(account, terms, part, leaves, price, instrument.currency)
    return Hold(cash, ZERO, instrument.currency, uses)


def _with_fees(
    account: Account, terms: OrderTerms, part: Decimal, leaves: Decimal, price: Decimal, currency: str
) -> Decimal:
    unit = minor_unit(currency)
    cash = up(part + leaves * price * account.fee_bps.scaleb(-4), unit)
    tally = _tally(account, terms)
    return cash if tally is None else cash + fees.most_of_purchase(tally, leaves, price, unit)


def _tally(account: Account, terms: OrderTerms) -> Tally | None:
    """Of an open order its own; a new one begins with the account's schedule."""
    known = account.orders.get(terms.order_id)
    if known is not None:
        return known.tally
    return None if account.fee_schedule is None else Tally(schedule=account.fee_schedule)


def coverable(account: Account, terms: OrderTerms) -> Decimal:
    """Short units that no other working purchase will cover."""
    short_quantity = account.position(terms.symbol).short_quantity
    if not short_quantity:
        return ZERO
    others = (
        order.leaves_quantity
        for order in account.orders.values()
        if order.terms.side == "BUY" and order.terms.symbol == terms.symbol and order.terms.order_id != terms.order_id
    )
    return max(ZERO, short_quantity - sum(others, ZERO))


def _reducible(account: Account, terms: OrderTerms) -> Decimal:
    """Units that an order of this side can take off the position, what it holds itself included."""
    if terms.side == "BUY":
        return coverable(account, terms)
    if terms.side == "SELL":
        known = account.orders.get(terms.order_id)
        return account.position(terms.symbol).free + (ZERO if known is None else known.hold_quantity)
    return ZERO
