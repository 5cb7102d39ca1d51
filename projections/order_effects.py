"""What each event does to each order that it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import msgspec

from domain.events import (
    TERMINAL,
    FillBusted,
    FillCorrected,
    KillSwitchEngaged,
    LinkedOrder,
    OrderAccepted,
    OrderAcknowledged,
    OrderCanceled,
    OrderCancelRequested,
    OrderExpired,
    OrderFilled,
    OrderGroupAccepted,
    OrderGroupRejected,
    OrderRedispatched,
    OrderRefusedByVenue,
    OrderRejected,
    OrderReplaced,
    OrderReplaceRefused,
    OrderReplaceRequested,
    OrderTerms,
    OrderTriggered,
    SymbolChanged,
)
from domain.folds.links import FIRST_EPOCH
from domain.numbers import ZERO, plain
from projections.order_state import OrderState, text
from projections.rows import Event, clean, json_text

_encode = msgspec.json.encode


class Hold(NamedTuple):
    """What is set aside more, or less where it is below zero, by an order or by the group that holds for it."""

    cash: Decimal = ZERO
    quantity: Decimal = ZERO


class Touch(NamedTuple):
    """An order that an event is about, or changes besides. put: what the event does to it.

    fresh: the order is new, and this is its state. link: what the event does to it, where it is part of the event of an
    order of its group.
    """

    order_id: str
    put: Callable[[OrderState], None] | None = None
    fresh: OrderState | None = None
    link: LinkedOrder | None = None
    hold: Hold = Hold()


def touched(event: Event) -> Iterator[Touch]:
    """Every order that an event touches, its own first; nothing for events that name no order. A corporate action has
    no order of its own.

    An event that names an order and does nothing to it, such as a refused report, touches it as well. A cancel of an
    order that waits for its parent, and a kill switch, say all that they do in `linked`. A fill that reaches its
    throttle links its own order, too: that is one touch.
    """
    message = event.message
    if isinstance(message, OrderAccepted | OrderRejected):
        yield Touch(message.order.order_id, fresh=_fresh(event, message.order, None), hold=_hold(message))
        return
    if isinstance(message, OrderGroupAccepted | OrderGroupRejected):
        for leg, terms in enumerate(message.orders):
            hold = Hold() if leg else _hold(message)
            yield Touch(terms.order_id, fresh=_fresh(event, terms, leg), hold=hold)
        return
    if isinstance(message, SymbolChanged):
        yield from _renamed(message)
        return
    order_id = getattr(message, "order_id", None)
    linked: tuple[LinkedOrder, ...] = getattr(message, "linked", ())
    says_all = isinstance(message, KillSwitchEngaged) or (linked and isinstance(message, OrderCancelRequested))
    if order_id is not None and not says_all:
        put = _PUTS.get(type(message))
        own = [link for link in linked if link.order_id == order_id]
        if put is not None:
            put = partial(_with_links, put=put, links=own) if own else put
            put = partial(put, message=message)
        yield Touch(order_id, put, hold=_hold(message))
        linked = tuple(link for link in linked if link.order_id != order_id) if own else linked
    for link in linked:
        yield Touch(link.order_id, partial(_linked, link=link), link=link, hold=_hold(link))


def _with_links(order: OrderState, message: Any, put: Callable[..., None], links: Sequence[LinkedOrder]) -> None:
    put(order, message=message)
    for link in links:
        _linked(order, link)


def _renamed(message: SymbolChanged) -> Iterator[Touch]:
    """Every open order of the symbol, with what becomes of it besides; one that is void keeps its symbol."""
    links = {link.order_id: link for link in message.linked}
    for order_id in message.orders:
        link = links.get(order_id)
        yield Touch(order_id, partial(_rename, symbol=message.new_symbol, link=link), link=link)


def _rename(order: OrderState, symbol: str, link: LinkedOrder | None) -> None:
    if link is not None:
        _linked(order, link)
    if link is None or link.effect != "CANCELED":
        order.symbol = symbol


def _hold(message: Any) -> Hold:
    """What an event, or its effect on another order, sets aside or releases."""
    cash = getattr(message, "hold_cash", ZERO) - getattr(message, "released_cash", ZERO)
    quantity = getattr(message, "hold_quantity", ZERO) - getattr(message, "released_quantity", ZERO)
    if isinstance(message, OrderFilled) and message.side == "SELL":
        quantity -= message.quantity
    return Hold(cash, quantity)


def _fresh(event: Event, terms: OrderTerms, leg: int | None) -> OrderState:
    """leg: its place in the group, None when it stands alone."""
    message = event.message
    order = OrderState(
        order_id=clean(terms.order_id),
        account_id=clean(message.originator_id),
        client_order_id=terms.client_order_id,
        symbol=terms.symbol,
        side=terms.side,
        order_type=terms.order_type,
        time_in_force=terms.time_in_force,
        expire_at=terms.expire_at_us,
        quantity=terms.quantity,
        limit_price=terms.limit_price,
        protection_price=terms.protection_price,
        stop_price=terms.stop_price,
        trail_amount=terms.trail_amount,
        trail_bps=terms.trail_bps,
        post_only=terms.post_only,
        reduce_only=terms.reduce_only,
        trader_id=terms.trader_id,
        active_from=terms.active_from_us,
        signal_id=terms.signal_id,
        strategy_id=terms.strategy_id,
        group_id=terms.group_id,
        group_kind=None,
        parent_order_id=terms.parent_order_id,
        status="REJECTED",
        submitted_at=message.timestamp,
        updated_at=message.timestamp,
        version=message.originator_version,
        partition=event.partition,
        record_offset=event.offset,
    )
    if leg is not None:
        order.group_id, order.group_kind = message.group_id, message.kind
    if isinstance(message, OrderRejected | OrderGroupRejected):
        order.reject_code, order.reject_text = message.code, message.text
        order.reject_details = json_text(_encode(message.details))
        return order
    waits = bool(leg) and message.kind != "OCO"
    order.status = "SUSPENDED" if waits else "PENDING_NEW"
    order.leaves_quantity, order.dispatch_epoch = terms.quantity, None if waits else message.dispatch_epoch
    return order


def _acknowledged(order: OrderState, message: OrderAcknowledged) -> None:
    if order.status == "PENDING_NEW":
        order.status = "NEW"
    order.worker_id, order.venue = message.worker_id, message.venue


def _triggered(order: OrderState, message: OrderTriggered) -> None:
    order.triggered_at, order.trigger_price, order.venue = message.market_time_us, message.price, message.venue


def _filled(order: OrderState, message: OrderFilled) -> None:
    order.filled_quantity, order.leaves_quantity = message.cumulative_quantity, message.leaves_quantity
    order.filled_value += message.quantity * message.price
    order.fees += message.fee + message.commission
    order.status = message.status
    if message.status == "FILLED":
        order.end("FILLED")


def _replace_requested(order: OrderState, message: OrderReplaceRequested) -> None:
    order.ask(message.revision, _differences(order, message.order))
    order.dispatch_epoch = message.dispatch_epoch


def _replaced(order: OrderState, message: OrderReplaced) -> None:
    order.take_terms(message.order)
    order.leaves_quantity = message.leaves_quantity
    order.revision, order.keeps_priority = message.revision, message.keeps_priority
    order.answer(message.status)


def _replace_refused(order: OrderState, message: OrderReplaceRefused) -> None:
    order.answer(message.status)


def _cancel_requested(order: OrderState, message: OrderCancelRequested) -> None:
    order.status, order.dispatch_epoch = "PENDING_CANCEL", message.dispatch_epoch


def _canceled(order: OrderState, message: OrderCanceled) -> None:
    order.end("CANCELED")
    order.cancel_reason = message.reason


def _expired(order: OrderState, message: OrderExpired) -> None:
    order.end("EXPIRED")
    order.expire_reason = message.reason


def _refused(order: OrderState, message: OrderRefusedByVenue) -> None:
    order.end("REJECTED")
    order.reject_code, order.reject_text = message.code, message.text


def _redispatched(order: OrderState, message: OrderRedispatched) -> None:
    order.dispatch_epoch, order.worker_id = message.dispatch_epoch, None


def _restated(order: OrderState, message: FillCorrected | FillBusted) -> None:
    """What the fill was taken for before comes off, what it is taken for now is added. A finished order stays so."""
    is_open = order.status not in TERMINAL
    order.filled_quantity, order.leaves_quantity = message.cumulative_quantity, message.leaves_quantity
    order.filled_value -= message.old_quantity * message.old_price
    order.fees += message.commission_change - message.old_fee
    if isinstance(message, FillCorrected):
        order.filled_value += message.quantity * message.price
        order.fees += message.fee
    order.status = message.status
    if is_open and message.status == "FILLED":
        order.end("FILLED")


def _linked(order: OrderState, link: LinkedOrder) -> None:
    if link.effect == "ACTIVATED":
        order.status, order.quantity, order.leaves_quantity = "PENDING_NEW", link.quantity, link.quantity
        order.dispatch_epoch = FIRST_EPOCH
    elif link.effect == "REDUCED":
        asked = msgspec.json.decode(order.replace_terms) if order.replace_terms else {}
        asked.pop("quantity", None)
        reduced = {"quantity": plain(link.quantity)} if link.quantity != order.quantity else {}
        order.ask(link.revision, {**asked, **reduced})
    elif link.effect == "CANCEL_REQUESTED":
        order.status = "PENDING_CANCEL"
    else:
        order.end("CANCELED")


_TERMS = {
    "quantity": "quantity",
    "limit_price": "limit_price",
    "protection_price": "protection_price",
    "stop_price": "stop_price",
    "trail_amount": "trail_amount",
    "trail_bps": "trail_bps",
    "expire_at_us": "expire_at",
}


def _differences(order: OrderState, terms: OrderTerms) -> dict[str, str | None]:
    """The terms that would change, by their names on the tape, as texts."""
    return {
        name: text(getattr(terms, name))
        for name, column in _TERMS.items()
        if getattr(terms, name) != getattr(order, column)
    }


_PUTS: dict[type[Any], Callable[..., None]] = {
    OrderAcknowledged: _acknowledged,
    OrderTriggered: _triggered,
    OrderFilled: _filled,
    FillCorrected: _restated,
    FillBusted: _restated,
    OrderReplaceRequested: _replace_requested,
    OrderReplaced: _replaced,
    OrderReplaceRefused: _replace_refused,
    OrderCancelRequested: _cancel_requested,
    OrderCanceled: _canceled,
    OrderExpired: _expired,
    OrderRefusedByVenue: _refused,
    OrderRedispatched: _redispatched,
}
