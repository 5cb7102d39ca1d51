"""Which dispatches an event calls for, and the dispatch of an open order as of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from domain import events
from domain.account import Account
from domain.dispatch import Dispatch, DispatchKind
from domain.events import LedgerEvent
from domain.folds.links import FIRST_EPOCH
from domain.orders import Order


class _Wish(NamedTuple):
    """kind: None for whatever the order needs now. epoch: the order's when the wish was made; None for any."""

    order_id: str
    kind: DispatchKind | None
    epoch: int | None


def of_event(account: Account, event: LedgerEvent) -> list[Dispatch]:
    """What the engine is to be sent for an event, as of now; for several orders of a group in their order.

    Nothing for an order that needs it no more: it is done, its replacement is answered, or its epoch is over and the
    OrderRedispatched that ended it has a dispatch of its own.
    """
    wanted = []
    for wish in _wishes(event):
        order = account.orders.get(wish.order_id)
        if order is None or (wish.epoch is not None and wish.epoch != order.dispatch_epoch):
            continue
        if wish.kind == "REPLACE" and order.replacement is None:
            continue
        wanted.append(_dispatch(account, order, wish.kind or _kind(order)))
    return wanted


def of_order(account: Account, order: Order) -> Dispatch | None:
    """The dispatch of an open order as of now; None while it waits for its parent.

    CANCEL when somebody wants it cancelled, REPLACE when a venue that has it is to work other terms, else EXECUTE.
    """
    return None if order.is_suspended else _dispatch(account, order, _kind(order))


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


def _kind(order: Order) -> DispatchKind:
    if order.status == "PENDING_CANCEL":
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
    )
