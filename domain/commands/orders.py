"""What somebody wants of orders."""

from __future__ import annotations

from decimal import Decimal

from domain.commands.base import Command
from domain.market import TickRef
from domain.terms import GroupKind, OrderTerms, OrderType, Side, TimeInForce


class SubmitOrder(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for an order. The fields are those of domain.terms.OrderTerms."""

    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    protection_price: Decimal | None = None
    active_after: TickRef | None = None
    active_from_us: int | None = None
    signal_id: str | None = None
    strategy_id: str | None = None
    time_in_force: TimeInForce = "GTC"
    expire_at_us: int | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_bps: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False
    trader_id: str | None = None


class SubmitOrderGroup(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for orders that depend on each other; all are taken, or none. See domain.groups for the kinds.

    group_id: `domain.ids.group_id(account_id, client_group_id)`. orders: for OTO and BRACKET the parent comes first.
    """

    group_id: str
    client_group_id: str
    kind: GroupKind
    orders: tuple[OrderTerms, ...]


class ReplaceOrder(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask that what is left of an order goes on under other terms. None: as it is.

    quantity: of the whole order, what is filled included (FIX OrderQty in a cancel/replace request).
    """

    order_id: str
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    protection_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_bps: Decimal | None = None
    expire_at_us: int | None = None


class CancelOrder(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask that what is left of an order be cancelled."""

    order_id: str
