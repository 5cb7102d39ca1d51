"""What the tables of orders must hold, from the domain's fold and, of orders that are done, from their events.

orders, order_groups and order_history. An order that is open is read off the Ledger's state; what the Ledger does not
keep of it, or forgets when it is done, is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from audit.compare import Place, Row, StateTable, stored, time_of
from domain import events
from domain.ledger import Ledger
from domain.numbers import ZERO, exact, plain
from domain.orders import Group, Order
from domain.terms import OrderTerms

ORDERS = StateTable(
    "orders",
    ("order_id",),
    (
        *("account_id", "client_order_id", "symbol", "side", "order_type", "time_in_force", "expire_at", "quantity"),
        *("limit_price", "protection_price", "stop_price", "trail_amount", "trail_bps", "post_only", "reduce_only"),
        *("trader_id", "active_from", "signal_id", "strategy_id", "group_id", "group_kind", "parent_order_id"),
        *("submitted_at", "status", "filled_quantity", "leaves_quantity", "filled_value", "fees"),
        *("hold_cash", "hold_quantity", "reject_code", "reject_text", "reject_details", "cancel_reason"),
        *("expire_reason", "dispatch_epoch", "worker_id", "venue", "triggered_at", "trigger_price"),
        *("revision", "replace_revision", "replace_terms", "keeps_priority"),
        *("updated_at", "version", "partition", "record_offset"),
    ),
)
GROUPS = StateTable(
    "order_groups",
    ("group_id",),
    (
        *("account_id", "client_group_id", "kind", "hold_cash", "hold_quantity"),
        *("submitted_at", "updated_at", "partition", "record_offset"),
    ),
)
_TERMS = ("quantity", "limit_price", "protection_price", "stop_price", "trail_amount", "trail_bps", "expire_at_us")

CHANGES_NO_ORDER = (events.ReportRejected, events.BreakFound, events.BreakResolved)
"""Events that name an order and do nothing to it."""

Touched = tuple[str, events.LinkedOrder | None]
View = dict[str, str | None]
Moment = tuple[int, Place]  # recorded_at_us, place


class KnownOrder(msgspec.Struct, kw_only=True):
    """What the events say of an order, open or done. open: as the Ledger has it, None when it is done."""

    account_id: str
    terms: OrderTerms
    submitted_at_us: int
    open: Order | None = None
    status: str = ""  # of an order that is done
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    fees: Decimal = ZERO
    reject: tuple[str, str, dict[str, str] | None] | None = None
    cancel_reason: str | None = None
    expire_reason: str | None = None
    dispatch_epoch: int | None = None
    worker_id: str | None = None
    venue: str | None = None
    trigger: tuple[int, Decimal] | None = None  # market time in microseconds, price
    revision: int = 0
    keeps_priority: bool | None = None
    last: tuple[int, int, Place] = (0, 0, Place("", 0, 0))  # recorded_at_us, account version, place

    @property
    def replace_revision(self) -> int | None:
        return None if self.open is None or self.open.replacement is None else self.open.revision


class _KnownGroup(msgspec.Struct, kw_only=True):
    """last: the event that last changed what it holds."""

    accepted: events.OrderGroupAccepted | events.OrderGroupRejected
    hold: tuple[Decimal, Decimal] = (ZERO, ZERO)
    last: Moment


def touched(event: Any) -> list[Touched]:
    """The orders that an event is about or changes, and for another order of a group what it does to that."""
    if isinstance(event, events.OrderGroupAccepted | events.OrderGroupRejected):
        return [(terms.order_id, None) for terms in event.orders]
    if isinstance(event, events.SymbolChanged):
        links = {link.order_id: link for link in event.linked}
        return [(order_id, links.get(order_id)) for order_id in event.orders]
    terms = getattr(event, "order", None)
    order_id = getattr(event, "order_id", None) if terms is None else terms.order_id
    linked: list[Touched] = [(link.order_id, link) for link in getattr(event, "linked", ())]
    says_all = isinstance(event, events.KillSwitchEngaged) or (
        linked and isinstance(event, events.OrderCancelRequested)
    )
    if order_id is None or says_all:
        return linked
    # A fill that reaches its throttle cancels what is left of its own order, too: that is one change of it.
    return [(order_id, None), *((other, link) for other, link in linked if other != order_id)]


class Orders:
    """Orders and groups by id. Call `before` ahead of the Ledger's fold of an event, and `after` behind it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.known: dict[str, KnownOrder] = {}
        self._groups: dict[str, _KnownGroup] = {}
        self._before: list[View] = []

    def before(self, event: Any) -> None:
        """Note how the orders are that the event touches."""
        self._before = [self._view(event, order_id) for order_id, _ in touched(event)]

    def after(self, event: Any, place: Place) -> list[Row]:
        """Take the event in, and give the rows that order_history must have of it, without their place."""
        orders = touched(event)
        moment = (event.timestamp, event.originator_version, place)
        self._begin(event, (event.timestamp, place))
        with exact():
            for order_id, link in orders:
                order = self._order(event, order_id)
                if order is None or isinstance(event, CHANGES_NO_ORDER):
                    continue
                self._sync(order, order_id)
                _end(order, event) if link is None else _end_linked(order, link)
                order.last = moment
                self._mark_group(order.terms.group_id, (event.timestamp, place))
        return [
            _step(event, order_id, link, before, self._view(event, order_id))
            for (order_id, link), before in zip(orders, self._before, strict=True)
        ]

    def rows(self) -> dict[Row, Row]:
        """Rows of ORDERS."""
        return {(stored(order_id),): _order_row(order) for order_id, order in self.known.items()}

    def group_rows(self) -> dict[Row, Row]:
        """Rows of GROUPS."""
        return {(stored(group_id),): _group_row(group) for group_id, group in self._groups.items()}

    def _begin(self, event: Any, moment: Moment) -> None:
        """Orders that come to be by this event."""
        if isinstance(event, events.OrderGroupAccepted | events.OrderGroupRejected):
            terms: tuple[OrderTerms, ...] = event.orders
            self._groups[event.group_id] = _KnownGroup(accepted=event, last=moment)
        elif isinstance(event, events.OrderAccepted | events.OrderRejected):
            terms = (event.order,)
        else:
            return
        for one in terms:
            self.known[one.order_id] = KnownOrder(
                account_id=event.originator_id, terms=one, submitted_at_us=event.timestamp
            )

    def _order(self, event: Any, order_id: str) -> KnownOrder | None:
        """None as well when it is another account's."""
        order = self.known.get(order_id)
        return order if order is not None and order.account_id == event.originator_id else None

    def _sync(self, order: KnownOrder, order_id: str) -> None:
        """Take over what the Ledger knows of an open order; what it knew of one that is done stays."""
        account = self._ledger.accounts.get(order.account_id)
        order.open = None if account is None else account.orders.get(order_id)
        if order.open is not None:
            order.terms, order.filled_quantity = order.open.terms, order.open.cumulative_quantity
            order.dispatch_epoch, order.worker_id = order.open.dispatch_epoch or None, order.open.worker_id

    def _mark_group(self, group_id: str | None, moment: Moment) -> None:
        group = self._groups.get(group_id or "")
        if group is None:
            return
        account = self._ledger.accounts[group.accepted.originator_id]
        held: Group | None = account.groups.get(group.accepted.group_id)
        hold = (ZERO, ZERO) if held is None else (held.hold_cash, held.hold_quantity)
        if hold != group.hold:
            group.hold, group.last = hold, moment

    def _view(self, event: Any, order_id: str) -> View:
        """What a step tells of an order at one moment, as texts."""
        order = self._order(event, order_id)
        if order is None:
            return {}
        leaves = ZERO if order.open is None else order.open.leaves_quantity
        values = {
            **{name: getattr(order.terms, name) for name in _TERMS},
            "filled_quantity": order.filled_quantity,
            "leaves_quantity": leaves,
            "dispatch_epoch": order.dispatch_epoch,
            "worker_id": stored(order.worker_id),
            "revision": order.revision,
            "replace_revision": order.replace_revision,
            "triggered_at_us": None if order.trigger is None else order.trigger[0],
        }
        status = order.status if order.open is None else order.open.status
        return {"status": status, **{name: _text(value) for name, value in values.items()}}


def _end(order: KnownOrder, event: Any) -> None:
    """What the Ledger does not say of an order after its own event."""
    match event:
        case events.OrderRejected() | events.OrderGroupRejected():
            order.status, order.reject = "REJECTED", (event.code, event.text, event.details)
        case events.OrderAcknowledged():
            order.venue = event.venue
        case events.OrderTriggered():
            order.venue, order.trigger = event.venue, (event.market_time_us, event.price)
        case events.OrderFilled():
            order.filled_quantity = event.cumulative_quantity
            order.filled_value += event.quantity * event.price
            order.fees += event.fee + event.commission
            order.status = event.status
        case events.FillCorrected() | events.FillBusted():
            _restate(order, event)
        case events.OrderReplaced():
            order.terms, order.status = event.order, event.status
            order.revision, order.keeps_priority = event.revision, event.keeps_priority
        case events.OrderCanceled():
            order.status, order.cancel_reason = "CANCELED", event.reason
        case events.OrderExpired():
            order.status, order.expire_reason = "EXPIRED", event.reason
        case events.OrderRefusedByVenue():
            order.status, order.reject = "REJECTED", (event.code, event.text, None)


def _restate(order: KnownOrder, event: events.FillCorrected | events.FillBusted) -> None:
    order.filled_quantity, order.status = event.cumulative_quantity, event.status
    value = event.quantity * event.price if isinstance(event, events.FillCorrected) else ZERO
    order.filled_value += value - event.old_quantity * event.old_price
    order.fees += event.fees_change + event.commission_change


def _end_linked(order: KnownOrder, link: events.LinkedOrder) -> None:
    if link.effect == "CANCELED":
        order.status = "CANCELED"


def _step(event: Any, order_id: str, link: events.LinkedOrder | None, before: View, after: View) -> Row:
    names = [name for name in after if name != "status" and before.get(name) != after[name]]
    quantity, price = _executed(event) if link is None else (None, None)
    code = reason = caused_by = None
    if link is None:
        code = getattr(event, "code", None)
        reason = getattr(event, "reason", None) or getattr(event, "text", None)
    elif getattr(event, "order_id", order_id) != order_id:
        caused_by = event.order_id
    return (
        stored(order_id),
        stored(event.originator_id),
        type(event).__name__,
        stored(caused_by),
        None if link is None else link.effect,
        before.get("status"),
        after.get("status"),
        {name: [before.get(name), after[name]] for name in names},
        quantity,
        price,
        stored(code),
        stored(reason),
        time_of(event.timestamp),
        time_of(getattr(event, "market_time_us", None)),
    )


def _executed(event: Any) -> tuple[Decimal | None, Decimal | None]:
    """Units that were executed or are void, and at which price, or the price that met the stop."""
    match event:
        case events.OrderFilled() | events.FillCorrected():
            return event.quantity, event.price
        case events.FillBusted():
            return event.old_quantity, event.old_price
        case events.OrderTriggered():
            return None, event.price
        case events.OrderCanceled():
            return event.canceled_quantity, None
        case events.OrderExpired():
            return event.expired_quantity, None
    return None, None


def _text(value: Decimal | int | str | None) -> str | None:
    return value if value is None or isinstance(value, str) else plain(Decimal(value))


def _replace_terms(order: KnownOrder) -> dict[str, str | None] | None:
    """The terms that a replacement that is not answered would change."""
    if order.open is None or order.open.replacement is None:
        return None
    return dict(_differences(order.open.terms, order.open.replacement))


def _differences(old: OrderTerms, new: OrderTerms) -> Iterator[tuple[str, str | None]]:
    for name in _TERMS:
        if getattr(old, name) != getattr(new, name):
            yield name, _text(getattr(new, name))


def _order_row(order: KnownOrder) -> Row:
    terms, working, (recorded_at_us, version, place) = order.terms, order.open, order.last
    code, text, details = order.reject or (None, None, None)
    triggered_at_us, trigger_price = order.trigger or (None, None)
    return (
        stored(order.account_id),
        stored(terms.client_order_id),
        terms.symbol,
        terms.side,
        terms.order_type,
        terms.time_in_force,
        time_of(terms.expire_at_us),
        terms.quantity,
        terms.limit_price,
        terms.protection_price,
        terms.stop_price,
        terms.trail_amount,
        terms.trail_bps,
        terms.post_only,
        terms.reduce_only,
        stored(terms.trader_id),
        time_of(terms.active_from_us),
        stored(terms.signal_id),
        stored(terms.strategy_id),
        stored(terms.group_id),
        terms.group_kind,
        stored(terms.parent_order_id),
        time_of(order.submitted_at_us),
        order.status if working is None else working.status,
        order.filled_quantity,
        ZERO if working is None else working.leaves_quantity,
        order.filled_value,
        order.fees,
        ZERO if working is None else working.hold_cash,
        ZERO if working is None else working.hold_quantity,
        stored(code),
        stored(text),
        stored(details),
        stored(order.cancel_reason),
        stored(order.expire_reason),
        order.dispatch_epoch,
        stored(order.worker_id),
        stored(order.venue),
        time_of(triggered_at_us),
        trigger_price,
        order.revision,
        order.replace_revision,
        _replace_terms(order),
        order.keeps_priority,
        time_of(recorded_at_us),
        version,
        place.partition,
        place.offset,
    )


def _group_row(group: _KnownGroup) -> Row:
    accepted, (recorded_at_us, place) = group.accepted, group.last
    return (
        stored(accepted.originator_id),
        stored(accepted.client_group_id),
        accepted.kind,
        *group.hold,
        time_of(accepted.timestamp),
        time_of(recorded_at_us),
        place.partition,
        place.offset,
    )
