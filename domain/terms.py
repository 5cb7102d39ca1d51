"""What an order asks for. Names are FIX's: Side (tag 54), OrdType (40), TimeInForce (59), OrdStatus (39)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.market import TickRef

Side = Literal["BUY", "SELL", "SELL_SHORT"]
OrderType = Literal["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"]
TimeInForce = Literal["DAY", "GTC", "GTD", "IOC", "FOK", "AT_OPEN", "AT_CLOSE"]
GroupKind = Literal["OCO", "OTO", "BRACKET"]
HaltScope = Literal["ALL", "STRATEGY"]
DeskLimitScope = Literal["DESK", "STRATEGY"]
LotMethod = Literal["FIFO", "LIFO", "HIFO", "AVERAGE"]
AdjustmentKind = Literal["INTEREST", "FEE", "REBATE", "CORRECTION"]
OrderStatus = Literal[
    "PENDING_NEW",
    "NEW",
    "PARTIALLY_FILLED",
    "FILLED",
    "PENDING_CANCEL",
    "PENDING_REPLACE",
    "CANCELED",
    "EXPIRED",
    "REJECTED",
    "SUSPENDED",
]
TERMINAL: frozenset[OrderStatus] = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED"})


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was asked for. `order_id` is `domain.ids.order_id(account_id, client_order_id)`.

    side: SELL closes a long position, SELL_SHORT opens or adds to a short one, BUY covers a short one first.
    limit_price: for LIMIT and STOP_LIMIT required, otherwise absent.
    protection_price: the worst price at which a MARKET, STOP or TRAILING_STOP may fill, from which the hold is
        computed; required for BUY, optional for the sales, absent where there is a limit price.
    stop_price: for STOP and STOP_LIMIT: a purchase triggers at or above it, a sale at or below it.
    trail_amount, trail_bps: for TRAILING_STOP exactly one: the distance from the best price since the order is active,
        as a price or in basis points.
    expire_at_us: for GTD the market time at which what is left expires, otherwise absent.
    post_only: never takes liquidity. reduce_only: never makes the position larger or turns it round.
    group_id, group_kind, parent_order_id: of an order that belongs to a group, set by the ledger; see domain.groups.
    trader_id: who sends it, for the permission of the trader.
    active_after: the tick the decision was made from; the venue fills from the first later tick of the symbol whose
        market time is above `active_from_us` (None: from the first tick after the venue got the order).
    active_from_us: market time from which the order is active: that tick's time plus the latency model's delay.
    """

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
    group_id: str | None = None
    group_kind: GroupKind | None = None
    parent_order_id: str | None = None
    trader_id: str | None = None

    @property
    def worst_price(self) -> Decimal | None:
        """The worst price at which it may fill: the limit, or the protection; None where any price will do."""
        return self.protection_price if self.limit_price is None else self.limit_price

    def of_quantity(self, quantity: Decimal) -> OrderTerms:
        """The same terms for another quantity."""
        return self if quantity == self.quantity else msgspec.structs.replace(self, quantity=quantity)

    @property
    def is_exclusive(self) -> bool:
        """Whether it is a leg that excludes the others of its group, and shares a hold with them."""
        return self.group_kind == "OCO" or (self.group_kind == "BRACKET" and self.parent_order_id is not None)

    @property
    def is_sale(self) -> bool:
        return self.side != "BUY"

    @property
    def has_trigger(self) -> bool:
        """Whether it rests until a price triggers it."""
        return self.order_type in ("STOP", "STOP_LIMIT", "TRAILING_STOP")
