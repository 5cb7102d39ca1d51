"""Bodies of orders.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from tapeledger_client.model import Model, Open
from tapeledger_client.models.shared import Decision, OrderSide, OrderStatus, OrderType, Place, TimeInForce

GroupKind: TypeAlias = Open[Literal["OCO", "OTO", "BRACKET"]]


Liquidity: TypeAlias = Open[Literal["MAKER", "TAKER"]]


Scope: TypeAlias = Open[Literal["ACCOUNT", "STRATEGY", "DESK", "DESK_STRATEGY"]]


Verdict: TypeAlias = Open[Literal["ACCEPT", "REJECT", "KNOWN"]]


class BatchRequest(Model, frozen=True, kw_only=True):
    """Orders of one account that do not depend on each other, in the order in which the ledger is to decide them."""

    account_id: str
    orders: Sequence[LegRequest]


class BatchSubmitted(Model, frozen=True, kw_only=True):
    """All orders are on the log, each a command of its own, in the order of the request."""

    account_id: str
    orders: tuple[OrderSubmitted, ...]
    status_url: str
    position: Place
    """of the last order: what has decided it has decided all"""


class CancelRequest(Model, frozen=True, kw_only=True):
    """Cancel what is left of an order. The account is named because commands are kept by account."""

    account_id: str


class Fill(Model, frozen=True, kw_only=True):
    """Fill."""

    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    """the venue's own and the commission together; below zero for a rebate"""
    commission: Decimal
    """by the account's fee schedule"""
    liquidity: Liquidity | None
    """whether the order gave it or took it; null where the venue says none, which counts as taken"""
    realized_pnl: Decimal
    """proceeds less the cost of the lots sold, before fees"""
    venue: str
    market_time: datetime
    recorded_at: datetime
    evidence: dict[str, Any] | None
    """what is needed to compute the fill again"""
    partition: int
    record_offset: int


class GroupRequest(Model, frozen=True, kw_only=True):
    """Orders that depend on each other; all are taken, or none.

    OCO: the first fill of one cancels the others. OTO: the first, once it is filled, lets the others go. BRACKET:
    an entry, a take-profit and a stop-loss; the exits go out when the entry is done, and a fill of one makes the
    other smaller.
    """

    account_id: str
    client_group_id: str
    kind: GroupKind
    orders: Sequence[LegRequest]


class GroupSubmitted(Model, frozen=True, kw_only=True):
    """order_ids: in the order of the request."""

    command_id: str
    account_id: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""
    group_id: str
    client_group_id: str
    order_ids: tuple[str, ...]


class HoldView(Model, frozen=True, kw_only=True):
    """What would be set aside while the order works."""

    currency: str
    cash: Decimal
    quantity: Decimal
    """units of the symbol, of the long position"""
    locates: tuple[LocateView, ...]
    """what a short sale takes of the account's locates"""


class LegRequest(Model, frozen=True, kw_only=True):
    """One order of a group."""

    symbol: str
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    """units, above zero"""
    limit_price: Decimal | None = None
    """per unit; of LIMIT and STOP_LIMIT"""
    protection_price: Decimal | None = None
    """per unit, the worst price of MARKET, STOP and TRAILING_STOP, from which a purchase's hold comes"""
    stop_price: Decimal | None = None
    """per unit; STOP and STOP_LIMIT are at the market once a trade meets it"""
    trail_amount: Decimal | None = None
    """per unit, how far TRAILING_STOP follows the best price"""
    trail_bps: Decimal | None = None
    """the same in basis points of the best price; one of the two"""
    time_in_force: TimeInForce = "GTC"
    """how long it works"""
    expire_at: datetime | None = None
    """market time at which a GTD order expires"""
    post_only: bool = False
    """never take liquidity; of LIMIT"""
    reduce_only: bool = False
    """never make the position larger or turn it round"""
    strategy_id: str | None = None
    """whose limits apply besides the account's"""
    trader_id: str | None = None
    """who sends it"""
    client_order_id: str


class LimitView(Model, frozen=True, kw_only=True):
    """One figure of the risk limits that an order meets."""

    name: str
    value: str
    scope: Scope
    version: int
    """of the account's limits, or of the desk's"""


class LocateView(Model, frozen=True, kw_only=True):
    """Locate view."""

    locate_id: str
    quantity: Decimal


class MarkView(Model, frozen=True, kw_only=True):
    """The price that the ledger looks at, and how old it is."""

    price: Decimal
    market_time: datetime


class Order(Model, frozen=True, kw_only=True):
    """Order."""

    order_id: str
    account_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    expire_at: datetime | None
    """market time at which a GTD order expires"""
    quantity: Decimal
    limit_price: Decimal | None
    protection_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    """distance of a trailing stop from the best price"""
    trail_bps: Decimal | None
    """the same in basis points"""
    post_only: bool
    reduce_only: bool
    trader_id: str | None
    active_from: datetime | None
    """market time from which it may fill"""
    group_id: str | None
    group_kind: GroupKind | None
    parent_order_id: str | None
    """the order that it waits for, or waited"""
    status: OrderStatus
    triggered_at: datetime | None
    """market time at which a price met its stop"""
    trigger_price: Decimal | None
    """that price"""
    revision: int
    """of the terms that the venue works: counts the replacements asked for"""
    replace_revision: int | None
    """of a replacement that the venue has not answered"""
    replace_terms: dict[str, str | None] | None
    """the terms that it would change, and to what"""
    keeps_priority: bool | None
    """what the newest replacement did; null: there was none"""
    filled_quantity: Decimal
    leaves_quantity: Decimal
    """what may still fill"""
    average_price: Decimal | None
    """of its fills, per unit, rounded to 8 digits"""
    fees: Decimal
    hold_cash: Decimal
    """cash still set aside"""
    hold_quantity: Decimal
    """units still set aside"""
    reject_code: str | None
    reject_text: str | None
    reject_details: dict[str, Any] | None
    """the values that failed"""
    cancel_reason: str | None
    expire_reason: str | None
    signal_id: str | None
    strategy_id: str | None
    dispatch_epoch: int | None
    worker_id: str | None
    venue: str | None
    submitted_at: datetime
    """when the ledger took or rejected it"""
    updated_at: datetime
    version: int
    """the account's version after the last change; 0 when it changed no account"""
    partition: int
    """of ledger.events"""
    record_offset: int
    """of the last event that changed it"""


class OrderAsked(Model, frozen=True, kw_only=True):
    """A cancel or a replacement of an order is on the log; the venue has the last word."""

    command_id: str
    account_id: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""
    order_id: str


class OrderDetail(Model, frozen=True, kw_only=True):
    """An order with its history and its fills, oldest first."""

    order_id: str
    account_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    expire_at: datetime | None
    """market time at which a GTD order expires"""
    quantity: Decimal
    limit_price: Decimal | None
    protection_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    """distance of a trailing stop from the best price"""
    trail_bps: Decimal | None
    """the same in basis points"""
    post_only: bool
    reduce_only: bool
    trader_id: str | None
    active_from: datetime | None
    """market time from which it may fill"""
    group_id: str | None
    group_kind: GroupKind | None
    parent_order_id: str | None
    """the order that it waits for, or waited"""
    status: OrderStatus
    triggered_at: datetime | None
    """market time at which a price met its stop"""
    trigger_price: Decimal | None
    """that price"""
    revision: int
    """of the terms that the venue works: counts the replacements asked for"""
    replace_revision: int | None
    """of a replacement that the venue has not answered"""
    replace_terms: dict[str, str | None] | None
    """the terms that it would change, and to what"""
    keeps_priority: bool | None
    """what the newest replacement did; null: there was none"""
    filled_quantity: Decimal
    leaves_quantity: Decimal
    """what may still fill"""
    average_price: Decimal | None
    """of its fills, per unit, rounded to 8 digits"""
    fees: Decimal
    hold_cash: Decimal
    """cash still set aside"""
    hold_quantity: Decimal
    """units still set aside"""
    reject_code: str | None
    reject_text: str | None
    reject_details: dict[str, Any] | None
    """the values that failed"""
    cancel_reason: str | None
    expire_reason: str | None
    signal_id: str | None
    strategy_id: str | None
    dispatch_epoch: int | None
    worker_id: str | None
    venue: str | None
    submitted_at: datetime
    """when the ledger took or rejected it"""
    updated_at: datetime
    version: int
    """the account's version after the last change; 0 when it changed no account"""
    partition: int
    """of ledger.events"""
    record_offset: int
    """of the last event that changed it"""
    events: tuple[OrderEvent, ...]
    fills: tuple[Fill, ...]


class OrderEvent(Model, frozen=True, kw_only=True):
    """Order event."""

    event_type: str
    status: str | None
    """the order's status from here on; null when it stays as it was"""
    recorded_at: datetime
    market_time: datetime | None
    partition: int
    record_offset: int
    data: dict[str, Any]
    """the event as it stands on the tape"""


class OrderGroup(Model, frozen=True, kw_only=True):
    """Orders that depend on each other, the parent first."""

    group_id: str
    account_id: str
    client_group_id: str
    kind: GroupKind
    hold_cash: Decimal
    """cash still set aside for legs that exclude each other"""
    hold_quantity: Decimal
    """units still set aside for them"""
    submitted_at: datetime
    orders: tuple[Order, ...]


class OrderPage(Model, frozen=True, kw_only=True):
    """Order page."""

    data: tuple[Order, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class OrderPreview(Model, frozen=True, kw_only=True):
    """What submitting this order now would give. Nothing was written, and nothing is reserved.

    Between a preview and its order the account, the marks and the limits may change; the ledger has the last word.
    """

    account_id: str
    account_version: int
    """of the account that was looked at"""
    partition: int
    """of ledger.events, where the account stands"""
    record_offset: int
    """the last record of it that was taken into account"""
    verdict: Verdict
    """KNOWN: this very order was decided before, and submitting it again gives nothing new"""
    order_id: str
    """which the order would have"""
    refusals: tuple[RefusalView, ...]
    """of every check that does not pass, as they are asked; the first would be the order's"""
    overridden: tuple[str, ...]
    """codes of refusals that an override of this order lifts"""
    overrides: tuple[str, ...]
    """ids of these overrides"""
    protection_price: Decimal | None
    """the worst price, as given or as derived"""
    hold: HoldView
    estimated_cost: Decimal | None
    """of filling all of it at the mark, or no better than its own prices, fees and commissions included; below zero
    for a sale; null where no price is known
    """
    buying_power: Decimal
    """free cash now, in the hold's currency"""
    buying_power_after: Decimal
    """the same less the hold, below zero where it does not suffice"""
    mark: MarkView | None
    """of the order's symbol; null where the ledger was told none"""
    limits: tuple[LimitView, ...]
    """all that are in force for this order"""
    limits_version: int
    desk_version: int


class OrderRequest(Model, frozen=True, kw_only=True):
    """An order. A purchase that has neither limit_price nor protection_price gets one derived from the newest price."""

    symbol: str
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    """units, above zero"""
    limit_price: Decimal | None = None
    """per unit; of LIMIT and STOP_LIMIT"""
    protection_price: Decimal | None = None
    """per unit, the worst price of MARKET, STOP and TRAILING_STOP, from which a purchase's hold comes"""
    stop_price: Decimal | None = None
    """per unit; STOP and STOP_LIMIT are at the market once a trade meets it"""
    trail_amount: Decimal | None = None
    """per unit, how far TRAILING_STOP follows the best price"""
    trail_bps: Decimal | None = None
    """the same in basis points of the best price; one of the two"""
    time_in_force: TimeInForce = "GTC"
    """how long it works"""
    expire_at: datetime | None = None
    """market time at which a GTD order expires"""
    post_only: bool = False
    """never take liquidity; of LIMIT"""
    reduce_only: bool = False
    """never make the position larger or turn it round"""
    strategy_id: str | None = None
    """whose limits apply besides the account's"""
    trader_id: str | None = None
    """who sends it"""
    account_id: str
    client_order_id: str
    """the client's own id: one order per account, remembered while open and 7 days after by default"""


class OrderStep(Model, frozen=True, kw_only=True):
    """What one event did to the order, of its own or of another order of its group."""

    event_type: str
    caused_by: str | None
    """the other order, whose event it is"""
    effect: str | None
    """what that event does to this one"""
    status_before: OrderStatus | None
    status_after: OrderStatus | None
    changes: dict[str, tuple[str | None, str | None]]
    """what is not as it was: before and after"""
    last_quantity: Decimal | None
    """units that were executed, or are void"""
    last_price: Decimal | None
    """at which they were, or which met the stop"""
    code: str | None
    """of a refusal"""
    reason: str | None
    recorded_at: datetime
    market_time: datetime | None
    partition: int
    """of ledger.events"""
    record_offset: int
    leg: int
    """place among the orders that the event touches"""


class OrderStepPage(Model, frozen=True, kw_only=True):
    """Order step page."""

    data: tuple[OrderStep, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class OrderSubmitted(Model, frozen=True, kw_only=True):
    """protection_price: the worst price, as given or as derived."""

    command_id: str
    account_id: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""
    order_id: str
    client_order_id: str
    protection_price: Decimal | None


class RefusalView(Model, frozen=True, kw_only=True):
    """Why an order would be refused."""

    code: str
    """stable name of the condition"""
    detail: str
    """what was expected, and what it was"""
    values: dict[str, str]
    """the values that failed"""


class ReplaceRequest(Model, frozen=True, kw_only=True):
    """Other terms for what is left of an order; what is not named stays. At least one must change."""

    account_id: str
    quantity: Decimal | None = None
    """of the whole order, what is filled included"""
    limit_price: Decimal | None = None
    protection_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_bps: Decimal | None = None
    expire_at: datetime | None = None
