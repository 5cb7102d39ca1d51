"""The replacement of an order's terms: asked for by a command, answered by the venue's report.

While the venue has not answered, both the old and the new terms are held for. FIX: cancel/replace request (35=G).
"""

from __future__ import annotations

from typing import Any

import msgspec

from domain import groups, holds, journal, reports, surplus
from domain.account import Account
from domain.checks import Refusal, refuse
from domain.commands import ReplaceOrder
from domain.decide_cash import rejected
from domain.decide_orders import not_open, permit
from domain.events import CommandRejected, LedgerEvent, OrderReplaced, OrderReplaceRefused, OrderReplaceRequested
from domain.fingerprints import REPLACEABLE, changes_of
from domain.holds import Hold
from domain.numbers import ZERO
from domain.orders import Order
from domain.terms import OrderStatus, OrderTerms
from domain.world import World


def terms_of(order: Order, command: ReplaceOrder) -> OrderTerms:
    """The order's terms with what was asked for."""
    changed: dict[str, Any] = {name: value for name in REPLACEABLE if (value := getattr(command, name)) is not None}
    return msgspec.structs.replace(order.terms, **changed)


def request(
    account: Account, command: ReplaceOrder, now_us: int, world: World
) -> OrderReplaceRequested | CommandRejected:
    """Hold what the new terms need besides and ask the venue, or refuse. Form, age and novelty have been checked."""
    order = account.order(command.order_id)
    if not isinstance(order, Order):
        return rejected(command, not_open(command.order_id, order), now_us)
    terms = terms_of(order, command)
    verdict = _state(order) or _change(order, terms) or _assess(account, order, terms, now_us, world)
    if isinstance(verdict, Refusal):
        return rejected(command, verdict, now_us)
    return account.record(
        OrderReplaceRequested,
        now_us,
        postings=journal.hold(verdict.currency, verdict.cash, terms.symbol, verdict.quantity),
        command_id=command.command_id,
        order_id=command.order_id,
        dispatch_epoch=order.dispatch_epoch,
        revision=order.revision + 1,
        order=terms,
        changes=changes_of(command),
        hold_cash=verdict.cash,
        hold_quantity=verdict.quantity,
        limits_version=account.risk.limits_version,
        desk_version=world.desk.version,
        overrides=verdict.overrides,
        currency=verdict.currency,
        locates=verdict.locates,
    )


def _state(order: Order) -> Refusal | None:
    details = {"order_id": order.terms.order_id, "status": order.status}
    if order.is_suspended:
        text = "expected an order at the venue, it waits for its parent: cancel it and send another group"
        return refuse("ORDER_SUSPENDED", text, **details)
    if order.status in ("PENDING_CANCEL", "PENDING_REPLACE"):
        return refuse("ORDER_PENDING", f"expected an order of which nothing is asked, it was {order.status}", **details)
    return None


def _change(order: Order, terms: OrderTerms) -> Refusal | None:
    if terms == order.terms:
        return refuse(
            "REPLACE_CHANGES_NOTHING", "expected other terms, they are the order's", order_id=order.terms.order_id
        )
    if terms.quantity <= order.cumulative_quantity:
        return refuse(
            "QUANTITY_BELOW_FILLED",
            f"expected a quantity above the {order.cumulative_quantity} filled, it was {terms.quantity}",
            quantity=terms.quantity,
            filled=order.cumulative_quantity,
        )
    return None


def _assess(account: Account, order: Order, terms: OrderTerms, now_us: int, world: World) -> Refusal | Hold:
    """The checks of the new terms as of an order of their own; what more is to be held for them."""
    passed = permit(account, terms, now_us, world, replacing=order)
    if isinstance(passed, Refusal):
        return passed
    needs = holds.needed(account, terms, terms.quantity - order.cumulative_quantity, world)
    if isinstance(needs, Refusal):
        return needs
    held = account.holder(order)
    more = needs.beyond(held.hold_cash, held.hold_quantity)._replace(overrides=passed)
    return holds.check(account, terms, more, world) or more


def replaced(account: Account, order: Order, message: reports.ReportReplaced, now_us: int, world: World) -> LedgerEvent:
    """The venue works the new terms; what they do not need is released."""
    terms = order.replacement
    assert terms is not None, "the revision was compared before"
    leaves = terms.quantity - order.cumulative_quantity
    is_done = leaves <= 0
    released = surplus.under(account, order, terms, world.catalog)
    status: OrderStatus = "PARTIALLY_FILLED" if order.cumulative_quantity else "NEW"
    if order.status == "PENDING_CANCEL":
        status = "PENDING_CANCEL"
    postings = journal.hold(order.currency, -released.cash, terms.symbol, -released.quantity)
    follow = _follow(account, order, postings, world) if is_done else groups.NONE
    return account.record(
        OrderReplaced,
        now_us,
        postings=postings + follow.postings,
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        revision=message.revision,
        keeps_priority=message.keeps_priority,
        order=terms,
        leaves_quantity=max(ZERO, leaves),
        status="FILLED" if is_done else status,
        released_cash=released.cash,
        released_quantity=released.quantity,
        active_after=message.active_after,
        linked=follow.linked,
    )


def _follow(account: Account, order: Order, coming: journal.Postings, world: World) -> groups.Consequences:
    """Nothing is left of the order under its new terms: what that means for its group."""
    return groups.after_end(account, order, coming, world) if order.terms.group_id else groups.NONE


def refused(
    account: Account, order: Order, message: reports.ReportReplaceRefused, now_us: int, world: World
) -> LedgerEvent:
    """The venue goes on with the old terms."""
    released = surplus.under(account, order, order.terms, world.catalog)
    return account.record(
        OrderReplaceRefused,
        now_us,
        postings=journal.hold(order.currency, -released.cash, order.terms.symbol, -released.quantity),
        report_id=message.report_id,
        order_id=message.order_id,
        dispatch_epoch=message.dispatch_epoch,
        revision=message.revision,
        code=message.code,
        text=message.text,
        status="PENDING_CANCEL" if order.status == "PENDING_CANCEL" else order.working_status,
        released_cash=released.cash,
        released_quantity=released.quantity,
    )


def answers(order: Order, message: reports.ReportReplaced | reports.ReportReplaceRefused) -> Refusal | None:
    """Whether the report answers what is asked for now."""
    if order.replacement is not None and message.revision == order.revision:
        return None
    asked = order.revision if order.replacement is not None else None
    return refuse(
        "REVISION_UNKNOWN",
        f"expected an answer to revision {asked}, it was to {message.revision}",
        order_id=message.order_id,
        revision=message.revision,
        asked=asked,
    )
