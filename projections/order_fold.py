"""What a tape's events make of orders and their groups: a pure fold, which reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.events import OrderGroupAccepted, OrderGroupRejected
from domain.numbers import exact
from projections import book, order_history
from projections.book import Entry
from projections.order_effects import Hold, Touch, touched
from projections.order_state import COLUMNS, GroupState, OrderState
from projections.rows import Event, Row, clean


class Fold:
    """What a batch makes of the orders that it touches. orders, groups, entries: as they were before.

    changed, changed_groups: what is to be written, by id. steps: rows of order_history. spans: rows of
    order_book_history. entries: what stands on the book after it, by order id.
    """

    def __init__(
        self, orders: Iterable[OrderState] = (), groups: Iterable[GroupState] = (), entries: Iterable[Entry] = ()
    ) -> None:
        self._orders = {order.order_id: order for order in orders}
        self._groups = {group.group_id: group for group in groups}
        self.changed_groups: dict[str, GroupState] = {}
        self.entries = {entry.order_id: entry for entry in entries}
        self.changed: dict[str, OrderState] = {}
        self.steps: list[Row] = []
        self.spans: list[Row] = []

    def take(self, event: Event) -> None:
        """Fold one event."""
        if isinstance(event.message, OrderGroupAccepted | OrderGroupRejected):
            group = GroupState.of(event)
            self._groups[group.group_id] = self.changed_groups[group.group_id] = group
        with exact():
            for leg, touch in enumerate(touched(event)):
                self._touch(event, leg, touch)

    def _touch(self, event: Event, leg: int, touch: Touch) -> None:
        order = self._known(event, touch)
        before = order_history.view(order)
        if touch.fresh is not None:
            order = self._orders[touch.fresh.order_id] = touch.fresh
        elif order is not None and touch.put is not None:
            touch.put(order)
            order.updated_at, order.version = event.message.timestamp, event.message.originator_version
            order.partition, order.record_offset = event.partition, event.offset
        if order is not None and (touch.fresh or touch.put):
            self.changed[order.order_id] = order
            self._hold(event, order, touch.hold)
            self._move(event, order)
        self.steps.append(order_history.step(event, leg, touch, before, order_history.view(order)))

    def _known(self, event: Event, touch: Touch) -> OrderState | None:
        """The order as it is; None as well when it is another account's, which a refused report may name.

        That account may be on another partition, which is projected when it is.
        """
        order = self._orders.get(clean(touch.order_id))
        return order if order is not None and order.account_id == clean(event.message.originator_id) else None

    def _hold(self, event: Event, order: OrderState, hold: Hold) -> None:
        group = self._groups.get(order.group_id or "")
        if group is None or not order.is_exclusive:
            order.hold_cash += hold.cash
            order.hold_quantity += hold.quantity
        elif any(hold):
            group.hold_cash += hold.cash
            group.hold_quantity += hold.quantity
            group.updated_at, group.partition = event.message.timestamp, event.partition
            group.record_offset = event.offset
            self.changed_groups[group.group_id] = group

    def _move(self, event: Event, order: OrderState) -> None:
        had = self.entries.get(order.order_id)
        has = book.entry(order, had, event)
        if has == had:
            return
        if had is not None:
            self.spans.append(had.span(event))
            del self.entries[order.order_id]
        if has is not None:
            self.entries[order.order_id] = has


def order_after(records: Iterable[tuple[int, int, Any]], order_id: str) -> Mapping[str, Any] | None:
    """An order's row (order_state.COLUMNS, and filled_value) after the events that touch it; None before its first.

    records: partition, offset and event, from its first on. Times are microseconds UTC, jsonb columns texts.
    """
    fold = Fold()
    for partition, offset, event in records:
        fold.take(Event(partition, offset, "", event, b""))
    order = fold.changed.get(order_id)
    return None if order is None else {name: getattr(order, name) for name in COLUMNS}
