"""An order and a group of orders as their rows have them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

import msgspec

from domain.events import OrderTerms
from domain.numbers import ZERO, plain
from projections.rows import Event, Row, json_text

COLUMNS = {
    "order_id": "text",
    "account_id": "text",
    "client_order_id": "text",
    "symbol": "text",
    "side": "text",
    "order_type": "text",
    "time_in_force": "text",
    "expire_at": "timestamptz",
    "quantity": "numeric",
    "limit_price": "numeric",
    "protection_price": "numeric",
    "stop_price": "numeric",
    "trail_amount": "numeric",
    "trail_bps": "numeric",
    "post_only": "boolean",
    "reduce_only": "boolean",
    "trader_id": "text",
    "active_from": "timestamptz",
    "signal_id": "text",
    "strategy_id": "text",
    "group_id": "text",
    "group_kind": "text",
    "parent_order_id": "text",
    "status": "text",
    "submitted_at": "timestamptz",
    "updated_at": "timestamptz",
    "version": "bigint",
    "partition": "integer",
    "record_offset": "bigint",
    "filled_quantity": "numeric",
    "leaves_quantity": "numeric",
    "filled_value": "numeric",
    "fees": "numeric",
    "hold_cash": "numeric",
    "hold_quantity": "numeric",
    "reject_code": "text",
    "reject_text": "text",
    "reject_details": "jsonb",
    "cancel_reason": "text",
    "expire_reason": "text",
    "dispatch_epoch": "bigint",
    "worker_id": "text",
    "venue": "text",
    "triggered_at": "timestamptz",
    "trigger_price": "numeric",
    "revision": "bigint",
    "replace_revision": "bigint",
    "replace_terms": "jsonb",
    "keeps_priority": "boolean",
}
GROUPS = {
    "group_id": "text",
    "account_id": "text",
    "client_group_id": "text",
    "kind": "text",
    "hold_cash": "numeric",
    "hold_quantity": "numeric",
    "submitted_at": "timestamptz",
    "updated_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
}
_encode = msgspec.json.encode


@dataclass(slots=True)
class OrderState:
    """A row of the table orders, in the order of COLUMNS. Times in microseconds UTC, jsonb columns as text."""

    order_id: str
    account_id: str
    client_order_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    expire_at: int | None
    quantity: Decimal
    limit_price: Decimal | None
    protection_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_bps: Decimal | None
    post_only: bool
    reduce_only: bool
    trader_id: str | None
    active_from: int | None
    signal_id: str | None
    strategy_id: str | None
    group_id: str | None
    group_kind: str | None
    parent_order_id: str | None
    status: str
    submitted_at: int
    updated_at: int
    version: int
    partition: int
    record_offset: int
    filled_quantity: Decimal = ZERO
    leaves_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    fees: Decimal = ZERO
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO
    reject_code: str | None = None
    reject_text: str | None = None
    reject_details: str | None = None
    cancel_reason: str | None = None
    expire_reason: str | None = None
    dispatch_epoch: int | None = None
    worker_id: str | None = None
    venue: str | None = None
    triggered_at: int | None = None
    trigger_price: Decimal | None = None
    revision: int = 0
    replace_revision: int | None = None
    replace_terms: str | None = None
    keeps_priority: bool | None = None

    def row(self) -> Row:
        """A row of COLUMNS."""
        return tuple(getattr(self, name) for name in COLUMNS)

    def take_terms(self, terms: OrderTerms) -> None:
        """The terms that a replacement may change."""
        self.quantity, self.expire_at = terms.quantity, terms.expire_at_us
        self.limit_price, self.protection_price = terms.limit_price, terms.protection_price
        self.stop_price, self.trail_amount, self.trail_bps = terms.stop_price, terms.trail_amount, terms.trail_bps

    @property
    def is_exclusive(self) -> bool:
        """Whether its group holds for it: it is a leg that excludes the others, and they share one hold."""
        return self.group_kind == "OCO" or (self.group_kind == "BRACKET" and self.parent_order_id is not None)

    def ask(self, revision: int, terms: dict[str, str | None]) -> None:
        """Somebody wants other terms; the venue has not answered."""
        self.status, self.replace_revision = "PENDING_REPLACE", revision
        self.replace_terms = json_text(_encode(terms))

    def answer(self, status: str) -> None:
        """The venue has said what it thinks of other terms."""
        self.status, self.replace_revision, self.replace_terms = status, None, None

    def end(self, status: str) -> None:
        """Nothing of it may fill any more."""
        self.answer(status)
        self.leaves_quantity = ZERO


@dataclass(slots=True)
class GroupState:
    """A row of order_groups, in the order of GROUPS. hold_cash, hold_quantity: what its exclusive legs share."""

    group_id: str
    account_id: str
    client_group_id: str
    kind: str
    hold_cash: Decimal
    hold_quantity: Decimal
    submitted_at: int
    updated_at: int
    partition: int
    record_offset: int

    @classmethod
    def of(cls, event: Event) -> GroupState:
        """A group as its event has it, before anything is held."""
        group, time_us = event.message, event.message.timestamp
        names = (group.group_id, group.originator_id, group.client_group_id, group.kind)
        return cls(*names, ZERO, ZERO, time_us, time_us, event.partition, event.offset)

    def row(self) -> Row:
        """A row of GROUPS."""
        return tuple(getattr(self, name) for name in GROUPS)


assert [field.name for field in fields(GroupState)] == list(GROUPS)
assert [field.name for field in fields(OrderState)] == list(COLUMNS)


def text(value: Decimal | int | str | None) -> str | None:
    """A value as histories show it."""
    if value is None:
        return None
    return plain(value) if isinstance(value, Decimal) else str(value)
