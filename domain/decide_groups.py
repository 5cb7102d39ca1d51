"""The decision on a group of orders: all of them, or none. One event."""

from __future__ import annotations

import msgspec

from domain import groups, journal
from domain.account import Account
from domain.checks import Refusal, refuse
from domain.commands import SubmitOrderGroup
from domain.decide_orders import FIRST_EPOCH, assess, is_known
from domain.events import OrderGroupAccepted, OrderGroupRejected
from domain.fingerprints import order_content
from domain.holds import Hold
from domain.terms import OrderTerms
from domain.world import World


def orders_of(command: SubmitOrderGroup) -> tuple[OrderTerms, ...]:
    """The orders with their places in the group; whatever the sender wrote there does not count."""
    parent = None if command.kind == "OCO" else command.orders[0].order_id
    return tuple(
        msgspec.structs.replace(
            order,
            group_id=command.group_id,
            group_kind=command.kind,
            parent_order_id=parent if place else None,
        )
        for place, order in enumerate(command.orders)
    )


def repeat(account: Account, command: SubmitOrderGroup, forgotten_before_us: int) -> Refusal | bool:
    """True when this very group was decided before; a Refusal when one of its ids was used with other content."""
    known = 0
    for terms in orders_of(command):
        order = account.order(terms.order_id)
        if not is_known(order, forgotten_before_us):
            continue
        assert order is not None
        if order.fingerprint != order_content(terms):
            return refuse(
                "GROUP_ID_CONFLICT",
                f"expected the content of the first order {terms.client_order_id!r}, it was other content",
                client_group_id=command.client_group_id,
                client_order_id=terms.client_order_id,
            )
        known += 1
    if 0 < known < len(command.orders):
        return refuse(
            "GROUP_ID_CONFLICT",
            f"expected {len(command.orders)} new orders, {known} of them were used before",
            client_group_id=command.client_group_id,
        )
    return known > 0


def submit(
    account: Account, command: SubmitOrderGroup, now_us: int, world: World
) -> OrderGroupAccepted | OrderGroupRejected:
    """Accept and hold, or reject, all of them. The command's form, age and novelty have been checked.

    What goes to the venue at once is held for; orders that wait for their parent are held for when they go out.
    """
    orders = orders_of(command)
    limits_version, desk_version = account.risk.limits_version, world.desk.version
    hold: Hold | None = None
    fault: Refusal | None = None
    at_fault = ""
    for place, terms in enumerate(orders):
        waits = place > 0 and command.kind != "OCO"
        verdict = assess(account, terms, now_us, world, holds_now=not waits, beside=orders[:place])
        if isinstance(verdict, Refusal):
            fault, at_fault = verdict, terms.order_id
            break
        hold = verdict if hold is None else _shared(hold, verdict)
    fault = fault or groups.check(command.kind, orders)
    if fault is not None:
        return account.record(
            OrderGroupRejected,
            now_us,
            command_id=command.command_id,
            group_id=command.group_id,
            client_group_id=command.client_group_id,
            kind=command.kind,
            orders=orders,
            order_id=at_fault,
            code=fault.code,
            text=fault.text,
            details=fault.details,
            limits_version=limits_version,
            desk_version=desk_version,
        )
    assert hold is not None, "a group has legs"
    return account.record(
        OrderGroupAccepted,
        now_us,
        postings=journal.hold(hold.currency, hold.cash, orders[0].symbol, hold.quantity),
        command_id=command.command_id,
        group_id=command.group_id,
        client_group_id=command.client_group_id,
        kind=command.kind,
        orders=orders,
        hold_cash=hold.cash,
        hold_quantity=hold.quantity,
        dispatch_epoch=FIRST_EPOCH,
        limits_version=limits_version,
        desk_version=desk_version,
        overrides=hold.overrides,
        currencies=tuple(world.catalog[terms.symbol].currency for terms in orders),
        locates=hold.locates,
    )


def _shared(hold: Hold, other: Hold) -> Hold:
    """What legs hold together of which one is meant to fill; a leg that waits for its parent holds nothing yet."""
    return hold._replace(
        cash=max(hold.cash, other.cash),
        quantity=max(hold.quantity, other.quantity),
        overrides=tuple(dict.fromkeys(hold.overrides + other.overrides)),
    )
