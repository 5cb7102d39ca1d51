"""What an order needs to be set aside before it goes out: cash, units, locates. Phase one of a two-phase transfer.

A cash account sets aside all that an order can cost: quantity x worst price, the venue's fees at `fee_bps`, and the
most that its fee schedule can charge; for a sale, what commissions can take beyond the proceeds. A margin account sets
aside the initial margin of what the order opens; what it closes needs none, so that a position can always be closed.

What is given back while an order works is in domain.surplus.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain import borrow, checks, fees, position_checks
from domain.account import Account
from domain.borrow import LocateUse
from domain.checks import Refusal
from domain.currencies import minor_unit
from domain.events import Posting
from domain.exposures import units_of
from domain.fees import Tally
from domain.market import Instrument
from domain.numbers import ZERO, up
from domain.terms import OrderTerms
from domain.world import World


class Hold(NamedTuple):
    """cash: in `currency`, rounded up to its smallest unit. quantity: units of the order's symbol, of the long leg.

    locates: what a short sale takes of the account's locates. overrides: ids of those by which the order passed its
    checks.
    """

    cash: Decimal
    quantity: Decimal
    currency: str
    locates: tuple[LocateUse, ...] = ()
    overrides: tuple[str, ...] = ()

    def beyond(self, cash: Decimal, quantity: Decimal) -> Hold:
        """What of it is not held yet. Locates are additional already."""
        return self._replace(cash=max(ZERO, self.cash - cash), quantity=max(ZERO, self.quantity - quantity))


class Coming(NamedTuple):
    """What the same event does besides: its postings, and the locates that it takes."""

    postings: Sequence[Posting] = ()
    locates: Sequence[LocateUse] = ()

    def moved(self, name: str, commodity: str) -> Decimal:
        """By how much a book account changes."""
        if not self.postings:
            return ZERO
        return sum((leg.amount for leg in self.postings if (leg.account, leg.commodity) == (name, commodity)), ZERO)


NOTHING = Coming()
NO_HOLD = Hold(ZERO, ZERO, "")


def needed(
    account: Account, terms: OrderTerms, leaves: Decimal, world: World, coming: Coming = NOTHING
) -> Hold | Refusal:
    """What `leaves` units of an order need. The terms have been checked. For an open order: were it not held for."""
    instrument = world.catalog[terms.symbol]
    if terms.reduce_only:
        refusal = position_checks.reducing(terms, leaves, _reducible(account, terms, coming))
        if refusal is not None:
            return refusal
    if terms.side == "SELL_SHORT":
        return _short_sale(account, terms, leaves, instrument, world, coming)
    tally, currency = tally_of(account, terms), instrument.currency
    if terms.side == "SELL":
        cash = ZERO if account.margin else sale_cash(tally, terms, leaves, instrument.quantity_increment, currency)
        return Hold(cash, leaves, currency)
    if account.margin is not None:
        return Hold(margin_cash(account, tally, terms, leaves, currency, coming), ZERO, currency)
    return Hold(purchase_cash(account, tally, terms, leaves, currency), ZERO, currency)


def check(account: Account, terms: OrderTerms, more: Hold, world: World, coming: Coming = NOTHING) -> Refusal | None:
    """Whether the account has that much more to set aside."""
    refusal = None
    if more.cash and account.margin is None:
        refusal = checks.cash(account, more.cash - coming.moved("cash", more.currency), more.currency)
    elif more.cash:
        refusal = position_checks.excess(account, more.cash, more.currency, world.marks, coming.postings)
    if refusal is None and more.quantity:
        quantity = more.quantity - coming.moved(f"position:{terms.symbol}", terms.symbol)
        refusal = checks.units(account, terms.symbol, quantity)
    return refusal


def purchase_cash(account: Account, tally: Tally | None, terms: OrderTerms, leaves: Decimal, currency: str) -> Decimal:
    """The most that buying `leaves` units can cost."""
    price = terms.worst_price
    assert price is not None
    unit = minor_unit(currency)
    cash = account.hold_for(leaves, price, unit)
    return cash if tally is None else cash + fees.most_of_purchase(tally, leaves, price, unit)


def sale_cash(tally: Tally | None, terms: OrderTerms, leaves: Decimal, step: Decimal, currency: str) -> Decimal:
    """The most that commissions can take beyond the proceeds of selling `leaves` units. step: see domain.fees."""
    if tally is None:
        return ZERO
    return fees.most_beyond_proceeds(tally, leaves, terms.worst_price or ZERO, step, minor_unit(currency))


def margin_cash(
    account: Account,
    tally: Tally | None,
    terms: OrderTerms,
    leaves: Decimal,
    currency: str,
    coming: Coming = NOTHING,
) -> Decimal:
    """For a purchase on margin: initial margin and fees of what it opens; what it closes needs nothing."""
    assert account.margin is not None
    price = terms.worst_price
    assert price is not None
    opened = max(ZERO, leaves - coverable(account, terms, coming))
    if not opened:
        return ZERO
    return _with_fees(account, tally, account.margin.long_initial * opened * price, leaves, price, currency)


def _short_sale(
    account: Account, terms: OrderTerms, leaves: Decimal, instrument: Instrument, world: World, coming: Coming
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
        own = ZERO if known is None else borrow.units_of(account.holder(known).locates)
        wanted = max(ZERO, leaves - own)
        if wanted:
            chosen = borrow.choose(account.locates, terms.symbol, wanted, mark.market_time_us, coming.locates)
            if isinstance(chosen, Decimal):
                return position_checks.no_borrow(terms.symbol, wanted, chosen)
            uses = chosen
    price = max(mark.price, terms.worst_price or ZERO)
    part = account.margin.short_initial * leaves * price
    cash = _with_fees(account, tally_of(account, terms), part, leaves, price, instrument.currency)
    return Hold(cash, ZERO, instrument.currency, uses)


def _with_fees(
    account: Account, tally: Tally | None, part: Decimal, leaves: Decimal, price: Decimal, currency: str
) -> Decimal:
    unit = minor_unit(currency)
    cash = up(part + leaves * price * account.fee_bps.scaleb(-4), unit)
    return cash if tally is None else cash + fees.most_of_purchase(tally, leaves, price, unit)


def tally_of(account: Account, terms: OrderTerms) -> Tally | None:
    """Of an open order its own; a new one begins with the account's schedule."""
    known = account.orders.get(terms.order_id)
    if known is not None:
        return known.tally
    return None if account.fee_schedule is None else Tally(schedule=account.fee_schedule)


def coverable(account: Account, terms: OrderTerms, coming: Coming = NOTHING) -> Decimal:
    """Short units that no other working purchase will cover."""
    short_quantity = account.position(terms.symbol).short_quantity
    short_quantity -= coming.moved(f"position_short:{terms.symbol}", terms.symbol)
    if not short_quantity:
        return ZERO
    return max(ZERO, short_quantity - sum(_other_purchases(account, terms), ZERO))


def _other_purchases(account: Account, terms: OrderTerms) -> Iterable[Decimal]:
    """Units of the other working purchases of the symbol; legs that exclude each other count once, the largest."""
    groups: dict[str, Decimal] = {}
    for order in account.orders.values():
        own = order.terms
        if own.side != "BUY" or own.symbol != terms.symbol or own.order_id == terms.order_id or order.is_suspended:
            continue
        if not order.exclusive:
            yield units_of(order)
        elif own.group_id and own.group_id != terms.group_id:
            groups[own.group_id] = max(groups.get(own.group_id, ZERO), units_of(order))
    yield from groups.values()


def _reducible(account: Account, terms: OrderTerms, coming: Coming) -> Decimal:
    """Units that an order of this side can take off the position, what it holds itself included."""
    if terms.side == "BUY":
        return coverable(account, terms, coming)
    if terms.side == "SELL":
        known = account.orders.get(terms.order_id)
        own = ZERO if known is None else account.holder(known).hold_quantity
        return account.position(terms.symbol).free + own + coming.moved(f"position:{terms.symbol}", terms.symbol)
    return ZERO
