"""What an order needs to be set aside before it goes out: cash or units. The first phase of a two-phase transfer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from domain import checks
from domain.account import Account
from domain.checks import Refusal
from domain.events import Posting
from domain.numbers import ZERO
from domain.orders import Group, Order
from domain.terms import OrderTerms


class Hold(NamedTuple):
    """cash: in the account's currency, rounded up to the cent. quantity: units of the order's symbol.

    overrides: ids of those by which the order passed its checks.
    """

    cash: Decimal
    quantity: Decimal
    overrides: tuple[str, ...] = ()


NO_HOLD = Hold(ZERO, ZERO)


def needed(account: Account, terms: OrderTerms, leaves: Decimal) -> Hold:
    """What `leaves` units of an order need. The terms have been checked."""
    if terms.is_sale:
        return Hold(ZERO, leaves)
    assert terms.worst_price is not None
    return Hold(account.hold_for(leaves, terms.worst_price), ZERO)


def check(account: Account, terms: OrderTerms, more: Hold, coming: Sequence[Posting] = ()) -> Refusal | None:
    """Whether the account has that much more to set aside. coming: postings of the same event that count already."""
    cash = more.cash - _sum(coming, "cash", account.currency)
    quantity = more.quantity - _sum(coming, f"position:{terms.symbol}", terms.symbol)
    return (checks.cash(account, cash) if more.cash else None) or (
        checks.units(account, terms.symbol, quantity) if more.quantity else None
    )


def _sum(postings: Sequence[Posting], name: str, commodity: str) -> Decimal:
    legs = (leg.amount for leg in postings if leg.account == name and leg.commodity == commodity)
    return sum(legs, ZERO) if postings else ZERO


def surplus(account: Account, order: Order, leaves: Decimal, *, filled: Decimal = ZERO) -> Hold:
    """What of an open order's hold is no longer needed once it has `leaves` left.

    What a replacement that is under way needs stays held, and so does what other legs need that share the hold.
    filled: of this very event; it makes the legs that it excludes smaller, or ends them.
    """
    needs = _needs(account, order, leaves, filled) if order.exclusive or order.replacement is not None else ()
    if leaves:
        needs = [*needs, needed(account, order.terms, leaves)]
    return _over(account.holder(order), needs)


def surplus_under(account: Account, order: Order, terms: OrderTerms) -> Hold:
    """What of an open order's hold is no longer needed when `terms` are all that the venue works."""
    leaves = max(ZERO, terms.quantity - order.cumulative_quantity)
    needs = [needed(account, terms, leaves)] if leaves else []
    if order.exclusive:
        needs += _others(account, order, ZERO)
    return _over(account.holder(order), needs)


def _over(holder: Order | Group, needs: Sequence[Hold]) -> Hold:
    cash = max((need.cash for need in needs), default=ZERO)
    quantity = max((need.quantity for need in needs), default=ZERO)
    return Hold(
        holder.hold_cash - min(holder.hold_cash, cash), holder.hold_quantity - min(holder.hold_quantity, quantity)
    )


def _needs(account: Account, order: Order, leaves: Decimal, filled: Decimal) -> list[Hold]:
    needs = _others(account, order, filled) if order.exclusive else []
    asked = order.replacement
    if leaves and asked is not None:
        rest = asked.quantity - (order.terms.quantity - leaves)
        if rest > 0:
            needs.append(needed(account, asked, rest))
    return needs


def _others(account: Account, order: Order, filled: Decimal) -> list[Hold]:
    """What the legs need that share the hold of this one."""
    group = account.groups[order.terms.group_id or ""]
    if filled and group.kind == "OCO":
        return []
    needs = []
    for order_id in group.order_ids:
        other = account.orders.get(order_id)
        if other is None or other is order or not other.exclusive or other.is_suspended:
            continue
        for terms in (other.terms, other.replacement):
            rest = ZERO if terms is None else terms.quantity - other.cumulative_quantity - filled
            if terms is not None and rest > 0:
                needs.append(needed(account, terms, rest))
    return needs
