"""What of an order's hold is no longer needed while it works, or when it ends. No mark is looked at.

A report tells of what has happened and cannot be refused for a mark that is missing. So on margin the hold of what is
left is its part of the units; where that can be computed without a mark (a purchase under other terms) it is no more
than its own margin. What a replacement that is under way needs stays held, and so does what other legs need that share
the hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain import holds
from domain.account import Account
from domain.catalog import Catalog
from domain.currencies import minor_unit
from domain.fees import Tally
from domain.holds import Hold
from domain.numbers import ZERO, part_up
from domain.orders import Group, Order
from domain.terms import OrderTerms
from domain.world import World


class _Need(NamedTuple):
    """Terms of which `leaves` units may still be filled."""

    terms: OrderTerms
    leaves: Decimal
    tally: Tally | None


def after(
    account: Account,
    order: Order,
    leaves: Decimal,
    catalog: Catalog,
    *,
    filled: Decimal = ZERO,
    tally: Tally | None = None,
) -> Hold:
    """What of an open order's hold is no longer needed once it has `leaves` left.

    filled: of this very event; it makes the legs that it excludes smaller, or ends them. tally: with that fill; None
    where the account has no fee schedule, or nothing was filled.
    """
    if not leaves and not order.exclusive:
        return Hold(order.hold_cash, order.hold_quantity, order.currency)
    tally = tally or order.tally
    needs = [_Need(order.terms, leaves, tally)] if leaves else []
    if leaves and order.replacement is not None:
        rest = order.replacement.quantity - (order.terms.quantity - leaves)
        if rest > 0:
            needs.append(_Need(order.replacement, rest, tally))
    if order.exclusive:
        needs += _others(account, order, filled)
    return _over(account, order, needs, catalog)


def under(account: Account, order: Order, terms: OrderTerms, catalog: Catalog) -> Hold:
    """What of an open order's hold is no longer needed when `terms` are all that the venue works."""
    leaves = max(ZERO, terms.quantity - order.cumulative_quantity)
    needs = [_Need(terms, leaves, order.tally)] if leaves else []
    if order.exclusive:
        needs += _others(account, order, ZERO)
    return _over(account, order, needs, catalog, is_answer=True)


def lacking(account: Account, order: Order, leaves: Decimal, world: World, tally: Tally | None) -> Hold:
    """What more is to be held for an open order that has `leaves` left, because a fill was less than was said.

    tally: without that part. It is not refused: where a mark is missing, what is held must do.
    """
    holder, terms, currency = account.holder(order), order.terms, order.currency
    quantity = max(ZERO, leaves - holder.hold_quantity) if terms.side == "SELL" else ZERO
    if account.margin is None:
        cash = _cash(account, _Need(terms, leaves, tally), currency, world.catalog)
    elif terms.side == "BUY":
        cash = holds.margin_cash(account, tally, terms, leaves, currency)
    else:
        needs = holds.needed(account, terms, leaves, world) if terms.symbol in world.catalog else None
        cash = needs.cash if isinstance(needs, Hold) else ZERO
    return Hold(max(ZERO, cash - holder.hold_cash), quantity, currency)


def _over(account: Account, order: Order, needs: Sequence[_Need], catalog: Catalog, *, is_answer: bool = False) -> Hold:
    holder, currency = account.holder(order), order.currency
    cash = quantity = ZERO
    if needs and holder.hold_cash:
        if account.margin is None:
            cash = max([_cash(account, need, currency, catalog) for need in needs])
        else:
            cash = _on_margin(account, order, holder, needs, is_answer=is_answer)
    if needs and holder.hold_quantity:
        quantity = max([need.leaves for need in needs])
    return Hold(
        holder.hold_cash - min(holder.hold_cash, cash),
        holder.hold_quantity - min(holder.hold_quantity, quantity),
        currency,
    )


def _cash(account: Account, need: _Need, currency: str, catalog: Catalog) -> Decimal:
    terms, leaves, tally = need
    if terms.side == "BUY":
        return holds.purchase_cash(account, tally, terms, leaves, currency)
    instrument = catalog.get(terms.symbol)
    step = ZERO if instrument is None else instrument.quantity_increment
    return holds.sale_cash(tally, terms, leaves, step, currency)


def _on_margin(
    account: Account, order: Order, holder: Order | Group, needs: Sequence[_Need], *, is_answer: bool
) -> Decimal:
    """The part of the hold that is the units' part; for what the venue answers of a purchase, at most its margin."""
    before = order.leaves_quantity
    if order.replacement is not None:
        before = max(before, order.replacement.quantity - order.cumulative_quantity)
    if order.exclusive:
        before = max([before, *(need.leaves for need in _others(account, order, ZERO))])
    left = max([need.leaves for need in needs])
    cash = holder.hold_cash
    if left < before:
        cash = part_up(cash, left, before, minor_unit(order.currency))
    if is_answer and order.terms.side == "BUY":
        most = [holds.margin_cash(account, tally, terms, leaves, order.currency) for terms, leaves, tally in needs]
        cash = min(cash, max(most))
    return cash


def _others(account: Account, order: Order, filled: Decimal) -> Iterator[_Need]:
    """What the legs need that share the hold of this one."""
    group = account.groups[order.terms.group_id or ""]
    if filled and group.kind == "OCO":
        return
    for order_id in group.order_ids:
        other = account.orders.get(order_id)
        if other is None or other is order or not other.exclusive or other.is_suspended:
            continue
        for terms in (other.terms, other.replacement):
            rest = ZERO if terms is None else terms.quantity - other.cumulative_quantity - filled
            if terms is not None and rest > 0:
                yield _Need(terms, rest, other.tally)
