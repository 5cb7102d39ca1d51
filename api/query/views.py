"""What the query side answers."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from api.fields import DecimalOut, TimeOut, View
from domain import chart
from domain.account_terms import Liquidity
from domain.events import OrderStatus
from domain.signals import Direction
from domain.terms import GroupKind, LotMethod, OrderType, Side, TimeInForce

Item = TypeVar("Item")


class Page(View, Generic[Item]):
    """One page of a list: newest first, unless the operation says otherwise."""

    data: list[Item]
    has_more: bool = Field(description="whether more rows follow")
    cursor: str | None = Field(description="pass it back for the next page; null on the last one")


class Tick(View):
    """A position on market.ticks."""

    partition: int
    offset: int
    market_time: TimeOut


class SignalOutcome(View):
    """What came of a signal, by its model's own label rule."""

    realised: Direction = Field(description="what would have been right")
    correct: bool = Field(description="whether the signal said so")
    entry_price: DecimalOut = Field(description="the open of the bar after the signal's")
    exit_price: DecimalOut = Field(description="the close at which the label's interval ended")
    known_at: TimeOut = Field(description="market time of the bar that told it")


class Signal(View):
    signal_id: str = Field(examples=["sig_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    symbol: str = Field(examples=["AAPL"])
    direction: Direction
    probabilities: dict[Direction, float | None] = Field(
        description="of each direction, summing to one; all zero when the model abstained",
        examples=[{"BUY": 0.5, "SELL": 0.2, "HOLD": 0.3}],
    )
    model_name: str
    model_version: str
    model_sha256: str = Field(description="of the model's file, hex; empty where the signal does not tell it")
    price: DecimalOut | None = Field(description="of the last tick, per unit")
    features: dict[str, float | None]
    abstained: str | None = Field(description="why there is no opinion, such as warm_up")
    requested_by_id: str | None = Field(description="the request's id, for a signal asked for by hand")
    first_tick: Tick | None = Field(description="the inputs begin here")
    last_tick: Tick | None = Field(description="the inputs end here")
    outcome: SignalOutcome | None = Field(
        description="null until it is known; of a signal that abstained or was asked for by hand, always"
    )
    market_time: TimeOut
    recorded_at: TimeOut
    partition: int = Field(description="of trading.signals")
    record_offset: int


class SignalRefusal(View):
    code: str
    text: str
    recorded_at: TimeOut


class SignalRequestStatus(View):
    request_id: str
    status: Literal["GENERATED", "REFUSED"]
    signal: Signal | None
    refusal: SignalRefusal | None


class Order(View):
    order_id: str = Field(examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    account_id: str = Field(examples=["acc_demo"])
    client_order_id: str
    symbol: str = Field(examples=["AAPL"])
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    expire_at: TimeOut | None = Field(description="market time at which a GTD order expires")
    quantity: DecimalOut
    limit_price: DecimalOut | None
    protection_price: DecimalOut | None
    stop_price: DecimalOut | None
    trail_amount: DecimalOut | None = Field(description="distance of a trailing stop from the best price")
    trail_bps: DecimalOut | None = Field(description="the same in basis points")
    post_only: bool
    reduce_only: bool
    trader_id: str | None
    active_from: TimeOut | None = Field(description="market time from which it may fill")
    group_id: str | None
    group_kind: GroupKind | None
    parent_order_id: str | None = Field(description="the order that it waits for, or waited")
    status: OrderStatus
    triggered_at: TimeOut | None = Field(description="market time at which a price met its stop")
    trigger_price: DecimalOut | None = Field(description="that price")
    revision: int = Field(description="of the terms that the venue works: counts the replacements asked for")
    replace_revision: int | None = Field(description="of a replacement that the venue has not answered")
    replace_terms: dict[str, str | None] | None = Field(
        description="the terms that it would change, and to what", examples=[{"limit_price": "45.20"}]
    )
    keeps_priority: bool | None = Field(description="what the newest replacement did; null: there was none")
    filled_quantity: DecimalOut
    leaves_quantity: DecimalOut = Field(description="what may still fill")
    average_price: DecimalOut | None = Field(description="of its fills, per unit, rounded to 8 digits")
    fees: DecimalOut
    hold_cash: DecimalOut = Field(description="cash still set aside")
    hold_quantity: DecimalOut = Field(description="units still set aside")
    reject_code: str | None
    reject_text: str | None
    reject_details: dict[str, Any] | None = Field(description="the values that failed")
    cancel_reason: str | None
    expire_reason: str | None
    signal_id: str | None
    strategy_id: str | None
    dispatch_epoch: int | None
    worker_id: str | None
    venue: str | None
    submitted_at: TimeOut = Field(description="when the ledger took or rejected it")
    updated_at: TimeOut
    version: int = Field(description="the account's version after the last change; 0 when it changed no account")
    partition: int = Field(description="of ledger.events")
    record_offset: int = Field(description="of the last event that changed it")


class OrderEvent(View):
    event_type: str = Field(examples=["OrderAccepted"])
    status: str | None = Field(description="the order's status from here on; null when it stays as it was")
    recorded_at: TimeOut
    market_time: TimeOut | None
    partition: int
    record_offset: int
    data: dict[str, Any] = Field(description="the event as it stands on the tape")


class OrderStep(View):
    """What one event did to the order, of its own or of another order of its group."""

    event_type: str = Field(examples=["OrderReplaced"])
    caused_by: str | None = Field(description="the other order, whose event it is")
    effect: str | None = Field(description="what that event does to this one", examples=["CANCEL_REQUESTED"])
    status_before: OrderStatus | None
    status_after: OrderStatus | None
    changes: dict[str, tuple[str | None, str | None]] = Field(
        description="what is not as it was: before and after", examples=[{"limit_price": ["45.10", "45.20"]}]
    )
    last_quantity: DecimalOut | None = Field(description="units that were executed, or are void")
    last_price: DecimalOut | None = Field(description="at which they were, or which met the stop")
    code: str | None = Field(description="of a refusal")
    reason: str | None
    recorded_at: TimeOut
    market_time: TimeOut | None
    partition: int = Field(description="of ledger.events")
    record_offset: int
    leg: int = Field(description="place among the orders that the event touches")


class OrderGroup(View):
    """Orders that depend on each other, the parent first."""

    group_id: str = Field(examples=["grp_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    account_id: str = Field(examples=["acc_demo"])
    client_group_id: str
    kind: GroupKind
    hold_cash: DecimalOut = Field(description="cash still set aside for legs that exclude each other")
    hold_quantity: DecimalOut = Field(description="units still set aside for them")
    submitted_at: TimeOut
    orders: list[Order]


class Fill(View):
    execution_id: str
    quantity: DecimalOut
    price: DecimalOut
    fee: DecimalOut = Field(description="the venue's own and the commission together; below zero for a rebate")
    commission: DecimalOut = Field(description="by the account's fee schedule")
    liquidity: Liquidity | None = Field(
        description="whether the order gave it or took it; null where the venue says none, which counts as taken"
    )
    realized_pnl: DecimalOut = Field(description="proceeds less the cost of the lots sold, before fees")
    venue: str
    market_time: TimeOut
    recorded_at: TimeOut
    evidence: dict[str, Any] | None = Field(description="what is needed to compute the fill again")
    partition: int
    record_offset: int


class OrderDetail(Order):
    """An order with its history and its fills, oldest first."""

    events: list[OrderEvent]
    fills: list[Fill]


class Balance(View):
    book_account: str = Field(examples=["cash"])
    commodity: str = Field(examples=["USD"])
    amount: DecimalOut


class Margin(View):
    """Equity that a position needs, as a part of its market value."""

    long_initial: DecimalOut
    long_maintenance: DecimalOut
    short_initial: DecimalOut
    short_maintenance: DecimalOut


class Fees(View):
    """The commission of each order, in the instrument's currency; rates in basis points of traded value."""

    per_order: DecimalOut = Field(description="once an order, with its first fill")
    per_unit: DecimalOut
    bps: DecimalOut
    maker_bps: DecimalOut = Field(description="besides, of fills that make liquidity; below zero: a rebate")
    taker_bps: DecimalOut = Field(description="besides, of fills that take liquidity")
    order_minimum: DecimalOut | None
    order_cap_bps: DecimalOut | None


class WorkingOrder(View):
    """An order that is not done, as the ledger has it."""

    order_id: str = Field(examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    client_order_id: str
    symbol: str = Field(examples=["AAPL"])
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    quantity: DecimalOut
    filled_quantity: DecimalOut
    leaves_quantity: DecimalOut = Field(description="what may still fill")
    limit_price: DecimalOut | None
    protection_price: DecimalOut | None
    stop_price: DecimalOut | None
    hold_cash: DecimalOut = Field(description="cash still set aside by itself")
    hold_quantity: DecimalOut = Field(description="units still set aside by itself")
    group_id: str | None = Field(description="its group, which holds for legs that exclude each other")
    accepted_at: TimeOut


class Account(View):
    account_id: str = Field(examples=["acc_demo"])
    owner: str
    currency: str = Field(description="its base currency")
    currencies: list[str] = Field(description="that it holds besides")
    lot_method: LotMethod
    fee_bps: DecimalOut
    margin: Margin | None = Field(description="null for a cash account")
    fee_schedule: Fees | None = Field(description="of orders accepted from now on; null for none")
    opened_at: TimeOut
    updated_at: TimeOut
    version: int
    partition: int
    record_offset: int = Field(description="of its last event")
    position: int = Field(description="it stands here: the offset of the last record of the partition that it counts")
    balances: list[Balance] = Field(description="per book account and commodity; each commodity sums to zero")
    working_orders: list[WorkingOrder] | None = Field(
        description="of an answer as of a moment: the orders that were not done, oldest first. Null without one; "
        "orders as they are now are under /api/orders"
    )


class TrialBalanceLine(View):
    """One book account in one commodity."""

    book_account: str = Field(examples=["cash"])
    book_class: chart.Class = Field(examples=["asset"])
    commodity: str = Field(examples=["USD"])
    debits: DecimalOut = Field(description="sum of its postings above zero")
    credits: DecimalOut = Field(description="sum of its postings below zero, without the sign")
    balance: DecimalOut = Field(description="debits − credits")
    postings: int


class TrialBalanceTotal(View):
    """One commodity over all book accounts."""

    commodity: str = Field(examples=["USD"])
    debits: DecimalOut
    credits: DecimalOut
    balance: DecimalOut = Field(description="debits − credits: zero")


class TrialBalance(View):
    """What each book account holds, and whether each commodity sums to zero."""

    account_id: str = Field(examples=["acc_demo"])
    partition: int = Field(description="of ledger.events")
    position: int = Field(description="it stands here: the offset of the last record of the partition that it counts")
    as_of: TimeOut | None = Field(description="the latest record time that it counts; null for whenever")
    market_time: TimeOut | None = Field(description="the latest market time that it counts; null for whenever")
    balanced: bool = Field(description="whether the balances of each commodity sum to zero")
    data: list[TrialBalanceLine]
    totals: list[TrialBalanceTotal]


class Posting(View):
    event_type: str = Field(examples=["OrderFilled"])
    event_id: str
    leg: int = Field(description="place within its event")
    book_account: str = Field(examples=["cash"])
    commodity: str = Field(examples=["USD"])
    amount: DecimalOut
    recorded_at: TimeOut
    market_time: TimeOut | None
    partition: int
    record_offset: int


class Transfer(View):
    """Cash on its way from one account to another."""

    transfer_id: str = Field(examples=["trf_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    from_account_id: str = Field(examples=["acc_demo"])
    to_account_id: str = Field(examples=["acc_savings"])
    amount: DecimalOut
    currency: str = Field(examples=["USD"])
    status: Literal["ON_ITS_WAY", "ARRIVED", "RETURNED"]
    returned_because: str | None = Field(description="why the receiver did not take it")
    actor: str = Field(description="who asked for it")
    reason: str
    sent_at: TimeOut = Field(description="when it left")
    ended_at: TimeOut | None = Field(description="when it arrived or came back")
    partition: int = Field(description="of ledger.events, where it left")
    record_offset: int


class Rejection(View):
    command_id: str
    command_type: str = Field(examples=["Withdraw"])
    code: str
    text: str
    details: dict[str, Any]
    recorded_at: TimeOut
    partition: int
    record_offset: int


class TapeProgress(View):
    projection: str = Field(examples=["ledger"])
    topic: str = Field(examples=["ledger.events"])
    partition: int
    next_offset: int = Field(description="the first record that is not yet projected")
    head_seq: int = Field(description="the chain's head there; 0 where the topic is no tape")
    head_hash: str = Field(description="hex, 64 digits", examples=["00" * 32])
    updated_at: TimeOut


class Tapes(View):
    data: list[TapeProgress]
