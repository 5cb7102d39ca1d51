"""Which dispatches an event calls for, and the dispatch of an open order as of now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domain import events
from domain.account import Account
from domain.desk import Desk
from domain.dispatch import Dispatch, DispatchKind
from domain.events import LedgerEvent
from domain.folds.links import FIRST_EPOCH
from domain.orders import Order


class _Wish(NamedTuple):
    """kind: None for whatever the order needs now. epoch: the order's when the wish was made; None for any."""

    order_id: str
    kind: DispatchKind | None
    epoch: int | None


def of_event(account: Account, event: LedgerEvent, desk: Desk) -> list[Dispatch]:
    """What the engine is to be sent for an event, as of now; for several orders of a group in their order.

    Nothing for an order that needs it no more: it is done, its replacement is answered, or its epoch is over and the
    OrderRedispatched that ended it has a dispatch of its own. CANCEL for one that a halt has killed.
    """
    wanted = []
    for wish in _wishes(event):
        order = account.orders.get(wish.order_id)
        if order is None or (wish.epoch is not None and wish.epoch != order.dispatch_epoch):
            continue
        if wish.kind == "REPLACE" and order.replacement is None:
            continue
        kind = "CANCEL" if desk.kills(order) else wish.kind
        wanted.append(_dispatch(account, order, kind or _kind(order, desk)))
    return wanted


def of_halt(accounts: Iterable[Account], desk: Desk) -> list[Dispatch]:
    """A CANCEL of each open order that a halt has killed.

    Not of one whose own CANCEL is on its way, nor of one that waits for its parent: no venue has that, and it goes
    with its parent, or is cancelled when it is activated.
    """
    return [
        _dispatch(account, order, "CANCEL")
        for account in accounts
        for order in account.orders.values()
        if desk.kills(order) and order.status != "PENDING_CANCEL" and not order.is_suspended
    ]


def of_order(account: Account, order: Order, desk: Desk) -> Dispatch | None:
    """The dispatch of an open order as of now; None while it waits for its parent.

    CANCEL when somebody wants it cancelled or a halt has killed it, REPLACE when a venue that has it is to work other
    terms, else EXECUTE.
    """
    return None if order.is_suspended else _dispatch(account, order, _kind(order, desk))


def _wishes(event: LedgerEvent) -> Iterator[_Wish]:
    match event:
        case events.OrderAccepted():
            yield _Wish(event.order.order_id, "EXECUTE", event.dispatch_epoch)
        case events.OrderGroupAccepted():
            for terms in event.orders if event.kind == "OCO" else event.orders[:1]:
                yield _Wish(terms.order_id, "EXECUTE", event.dispatch_epoch)
        case events.OrderRedispatched():
            yield _Wish(event.order_id, None, event.dispatch_epoch)
        case events.OrderReplaceRequested():
            yield _Wish(event.order_id, "REPLACE", event.dispatch_epoch)
        case events.OrderCancelRequested() if not event.linked:
            yield _Wish(event.order_id, "CANCEL", event.dispatch_epoch)
    for link in getattr(event, "linked", ()):
        match link.effect:
            case "ACTIVATED":
                yield _Wish(link.order_id, "EXECUTE", FIRST_EPOCH)
            case "REDUCED":
                yield _Wish(link.order_id, "REPLACE", None)
            case "CANCEL_REQUESTED":
                yield _Wish(link.order_id, "CANCEL", None)


def _kind(order: Order, desk: Desk) -> DispatchKind:
    if order.status == "PENDING_CANCEL" or desk.kills(order):
        return "CANCEL"
    return "REPLACE" if order.replacement is not None and order.worker_id is not None else "EXECUTE"


def _dispatch(account: Account, order: Order, kind: DispatchKind) -> Dispatch:
    return Dispatch(
        kind=kind,
        account_id=account.id,
        order=order.terms,
        dispatch_epoch=order.dispatch_epoch,
        cumulative_quantity=order.cumulative_quantity,
        acknowledged_after=order.acknowledged_after,
        resume_after=order.resume_after,
        queued_after=order.queued_after,
        triggered=order.triggered,
        revision=0 if order.replacement is None else order.revision,
        replacement=order.replacement,
        accepted_at_us=order.accepted_at_us,
    )
