"""Orders that depend on each other, and what happens to the others when something happens to one.

| kind    | FIX ContingencyType (1385) | legs                             | rule                                       |
|---------|----------------------------|----------------------------------|--------------------------------------------|
| OCO     | 1: one cancels the other   | all at the venue at once         | the first fill of one cancels the others   |
| OTO     | 2: one triggers the other  | a parent, then its orders        | they go out when the parent is filled      |
| BRACKET | 2, then 3: one updates the | an entry, a take-profit, a       | the exits go out when the entry is done; a |
|         | other, absolute            | stop-loss                        | fill of one makes the other smaller        |

A parent that is done with a part filled lets its orders go for that part; one that is done with nothing voids them.
Cancelling, expiring or refusing one leg leaves the others. Legs that exclude each other share one hold: only one of
them is meant to fill. A venue may still fill both when it is told too late; the ledger then takes both fills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain import holds, journal
from domain.account import Account
from domain.borrow import LocateUse
from domain.checks import Refusal, refuse
from domain.events import LinkedOrder, Posting
from domain.holds import Coming, Hold
from domain.orders import Group, Order
from domain.terms import GroupKind, OrderTerms
from domain.world import World

BRACKET_ORDERS = 3
_EXITS = ("STOP", "STOP_LIMIT", "TRAILING_STOP")


class Consequences(NamedTuple):
    """What an event does to the other orders of a group. postings: the holds of those that go to the venue now."""

    linked: tuple[LinkedOrder, ...]
    postings: journal.Postings


NONE = Consequences((), ())


# Whether the legs fit each other


def check(kind: GroupKind, orders: Sequence[OrderTerms]) -> Refusal | None:
    """The rules between the legs; each has been checked as an order of its own."""
    if kind == "OCO":
        return _alike(orders) or _apart(orders)
    if kind == "BRACKET":
        return _bracket(orders)
    return None


def _alike(orders: Sequence[OrderTerms]) -> Refusal | None:
    """Legs that exclude each other share one hold, so they must want the same."""
    first = orders[0]
    for other in orders[1:]:
        for name in ("symbol", "side", "quantity"):
            expected, actual = getattr(first, name), getattr(other, name)
            if expected != actual:
                text = f"expected the {name} {expected} of the first leg, it was {actual}"
                return refuse("GROUP_LEGS_DIFFER", text, name=name, expected=expected, actual=actual)
    return None


def _apart(orders: Sequence[OrderTerms]) -> Refusal | None:
    """A limit and a stop of the same side must not both be met by one price."""
    limits = [order for order in orders if order.order_type == "LIMIT"]
    stops = [order for order in orders if order.stop_price is not None]
    for limit in limits:
        for stop in stops:
            assert limit.limit_price is not None
            assert stop.stop_price is not None
            if limit.is_sale != (limit.limit_price > stop.stop_price) or limit.limit_price == stop.stop_price:
                return _crossed(limit.limit_price, stop.stop_price, is_sale=limit.is_sale)
    return None


def _crossed(limit: Decimal, stop: Decimal, *, is_sale: bool) -> Refusal:
    return refuse(
        "GROUP_LEGS_CROSS",
        f"expected the limit {'above' if is_sale else 'below'} the stop of {'a sale' if is_sale else 'a purchase'}, "
        f"they were {limit} and {stop}",
        limit_price=limit,
        stop_price=stop,
    )


def _bracket(orders: Sequence[OrderTerms]) -> Refusal | None:
    if len(orders) != BRACKET_ORDERS:
        text = f"expected an entry, a take-profit and a stop-loss, there were {len(orders)} orders"
        return refuse("GROUP_INVALID", text, orders=len(orders))
    entry, profit, loss = orders
    if profit.order_type != "LIMIT" or loss.order_type not in _EXITS:
        return refuse(
            "GROUP_INVALID",
            f"expected a LIMIT take-profit and a stop as stop-loss, they were {profit.order_type}, {loss.order_type}",
            take_profit=profit.order_type,
            stop_loss=loss.order_type,
        )
    if profit.is_sale == entry.is_sale:
        text = f"expected exits on the side opposite to the entry's {entry.side}, it was {profit.side}"
        return refuse("GROUP_LEGS_DIFFER", text, name="side", expected=f"not {entry.side}", actual=profit.side)
    if (profit.symbol, profit.quantity) != (entry.symbol, entry.quantity):
        wanted, actual = f"{entry.quantity} {entry.symbol}", f"{profit.quantity} {profit.symbol}"
        text = f"expected the entry's {wanted} in the exits, it was {actual}"
        return refuse("GROUP_LEGS_DIFFER", text, name="quantity", expected=entry.quantity, actual=profit.quantity)
    return _alike((profit, loss)) or _apart((profit, loss)) or _around(entry, profit, loss)


def _around(entry: OrderTerms, profit: OrderTerms, loss: OrderTerms) -> Refusal | None:
    """The entry's own price lies between its exits."""
    price = entry.limit_price if entry.limit_price is not None else entry.stop_price
    if price is None:
        return None
    assert profit.limit_price is not None
    low, high = sorted((profit.limit_price, price if loss.stop_price is None else loss.stop_price))
    is_inside = low <= price <= high if loss.stop_price is None else low < price < high
    is_gain = profit.limit_price > price if profit.is_sale else profit.limit_price < price
    if is_inside and is_gain:
        return None
    return refuse(
        "GROUP_LEGS_CROSS",
        f"expected the entry at {price} between the take-profit at {profit.limit_price} and the stop-loss at "
        f"{loss.stop_price}",
        entry=price,
        take_profit=profit.limit_price,
        stop_loss=loss.stop_price,
    )


# What follows for the others


def after_fill(
    account: Account, order: Order, quantity: Decimal, coming: Sequence[Posting], world: World
) -> Consequences:
    """Of a fill of `quantity` units, which the order does not include yet. coming: the fill's own postings."""
    group = account.groups.get(order.terms.group_id or "")
    if group is None:
        return NONE
    if order.exclusive:
        return Consequences(tuple(_others_after(account, group, order, quantity)), ())
    if quantity == order.leaves_quantity:
        return _release_children(account, group, order, order.cumulative_quantity + quantity, coming, world)
    return NONE


def after_end(account: Account, order: Order, coming: Sequence[Posting], world: World) -> Consequences:
    """Of a cancel, an expiry or a refusal of what was left, or of a replacement that leaves nothing.

    coming: the postings that release its hold.
    """
    group = account.groups.get(order.terms.group_id or "")
    if group is None or order.exclusive:
        return NONE
    return _release_children(account, group, order, order.cumulative_quantity, coming, world)


def _others_after(account: Account, group: Group, filled: Order, quantity: Decimal) -> Iterator[LinkedOrder]:
    for other in open_legs(account, group):
        if other is filled or not other.exclusive or other.status == "PENDING_CANCEL":
            continue
        asked = other.replacement or other.terms
        rest = asked.quantity - quantity
        order_id = other.terms.order_id
        if group.kind == "OCO" or rest <= other.cumulative_quantity:
            yield LinkedOrder(order_id=order_id, effect="CANCEL_REQUESTED", quantity=other.terms.quantity)
        else:
            yield LinkedOrder(order_id=order_id, effect="REDUCED", quantity=rest, revision=other.revision + 1)


def _release_children(
    account: Account, group: Group, parent: Order, filled: Decimal, coming: Sequence[Posting], world: World
) -> Consequences:
    """The parent is done: its orders go to the venue, as far as it was filled and they can be held for."""
    linked: list[LinkedOrder] = []
    postings: list[Posting] = []
    locates: list[LocateUse] = []
    shared: Hold | None = None
    for child in open_legs(account, group):
        if not child.is_suspended:
            continue
        terms = child.terms
        quantity = min(terms.quantity, filled) if terms.symbol == parent.terms.symbol else terms.quantity
        more = None
        if filled:
            more = _more(account, child, quantity, shared, Coming(coming, locates), world)
        if more is None or holds.check(account, terms, more, world, Coming([*coming, *postings])) is not None:
            linked.append(LinkedOrder(order_id=terms.order_id, effect="CANCELED", quantity=terms.quantity))
            continue
        if child.exclusive:
            shared = more if shared is None else _together(shared, more)
        postings += journal.hold(more.currency, more.cash, terms.symbol, more.quantity)
        locates += more.locates
        linked.append(
            LinkedOrder(
                order_id=terms.order_id,
                effect="ACTIVATED",
                quantity=quantity,
                hold_cash=more.cash,
                hold_quantity=more.quantity,
                locates=more.locates,
            )
        )
    return Consequences(tuple(linked), tuple(postings))


def _more(
    account: Account, child: Order, quantity: Decimal, shared: Hold | None, coming: Coming, world: World
) -> Hold | None:
    """What a leg needs besides what its group holds already; None where it may not go out.

    shared: what the legs that it excludes have been given by the same event.
    """
    if child.terms.symbol not in world.catalog:
        return None
    needs = holds.needed(account, child.terms, quantity, world, coming)
    if isinstance(needs, Refusal):
        return None
    if not child.exclusive or shared is None:
        return needs
    return needs.beyond(shared.cash, shared.quantity)._replace(locates=())


def _together(held: Hold, more: Hold) -> Hold:
    return held._replace(cash=held.cash + more.cash, quantity=held.quantity + more.quantity)


def open_legs(account: Account, group: Group) -> Iterator[Order]:
    """The group's orders that are open, in the order in which they were given."""
    for order_id in group.order_ids:
        order = account.orders.get(order_id)
        if order is not None:
            yield order
