"""What the command side takes and answers about orders."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from api.fields import AccountId, Body, ClientId, DecimalOut, OrderId, PositiveIn, Symbol, TimeIn, View
from api.receipts import Accepted, Place
from domain.terms import GroupKind, OrderType, Side, TimeInForce

Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]


class OrderTermsIn(Body):
    """What an order asks for; which prices go with which type is in the how-to page on order types."""

    symbol: Symbol
    side: Side
    order_type: OrderType
    quantity: PositiveIn = Field(description="units, above zero", examples=["100"])
    limit_price: PositiveIn | None = Field(None, description="per unit; of LIMIT and STOP_LIMIT", examples=["45.10"])
    protection_price: PositiveIn | None = Field(
        None,
        description="per unit, the worst price of MARKET, STOP and TRAILING_STOP, from which a purchase's hold comes",
        examples=["49.60"],
    )
    stop_price: PositiveIn | None = Field(
        None, description="per unit; STOP and STOP_LIMIT are at the market once a trade meets it", examples=["47.00"]
    )
    trail_amount: PositiveIn | None = Field(
        None, description="per unit, how far TRAILING_STOP follows the best price", examples=["1.50"]
    )
    trail_bps: PositiveIn | None = Field(
        None, description="the same in basis points of the best price; one of the two", examples=["250"]
    )
    time_in_force: TimeInForce = Field("GTC", description="how long it works", examples=["DAY"])
    expire_at: TimeIn | None = Field(None, description="market time at which a GTD order expires")
    post_only: bool = Field(False, description="never take liquidity; of LIMIT")
    reduce_only: bool = Field(False, description="never make the position larger or turn it round")
    strategy_id: Name | None = Field(None, description="whose limits apply besides the account's")
    trader_id: Name | None = Field(None, description="who sends it")


class OrderRequest(OrderTermsIn):
    """An order. A purchase that has neither limit_price nor protection_price gets one derived from the newest price."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "acc_demo",
                    "client_order_id": "rebalance-2011-06-30-1",
                    "symbol": "AAPL",
                    "side": "BUY",
                    "order_type": "LIMIT",
                    "quantity": "100",
                    "limit_price": "45.10",
                }
            ]
        }
    )

    account_id: AccountId
    client_order_id: ClientId = Field(
        description="the client's own id: one order per account, remembered while open and 7 days after by default"
    )


class LegRequest(OrderTermsIn):
    """One order of a group."""

    client_order_id: ClientId


_BRACKET: dict[str, Any] = {
    "account_id": "acc_demo",
    "client_group_id": "breakout-17",
    "kind": "BRACKET",
    "orders": [
        {
            "client_order_id": "breakout-17-entry",
            "symbol": "AAPL",
            "side": "BUY",
            "order_type": "LIMIT",
            "quantity": "100",
            "limit_price": "45.10",
        },
        {
            "client_order_id": "breakout-17-profit",
            "symbol": "AAPL",
            "side": "SELL",
            "order_type": "LIMIT",
            "quantity": "100",
            "limit_price": "49.00",
        },
        {
            "client_order_id": "breakout-17-loss",
            "symbol": "AAPL",
            "side": "SELL",
            "order_type": "STOP",
            "quantity": "100",
            "stop_price": "43.00",
        },
    ],
}


class GroupRequest(Body):
    """Orders that depend on each other; all are taken, or none.

    OCO: the first fill of one cancels the others. OTO: the first, once it is filled, lets the others go. BRACKET: an
    entry, a take-profit and a stop-loss; the exits go out when the entry is done, and a fill of one makes the other
    smaller.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_BRACKET]})

    account_id: AccountId
    client_group_id: ClientId
    kind: GroupKind
    orders: list[LegRequest] = Field(min_length=2, max_length=10)


BATCH_ORDERS_MAX = 500


class BatchRequest(Body):
    """Orders of one account that do not depend on each other, in the order in which the ledger is to decide them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"account_id": "acc_demo", "orders": [_BRACKET["orders"][0] | {"client_order_id": "open-1"}]}]
        }
    )

    account_id: AccountId
    orders: list[LegRequest] = Field(min_length=1, max_length=BATCH_ORDERS_MAX)


class ReplaceRequest(Body):
    """Other terms for what is left of an order; what is not named stays. At least one must change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"account_id": "acc_demo", "limit_price": "45.25"}]})

    account_id: AccountId
    quantity: PositiveIn | None = Field(None, description="of the whole order, what is filled included")
    limit_price: PositiveIn | None = None
    protection_price: PositiveIn | None = None
    stop_price: PositiveIn | None = None
    trail_amount: PositiveIn | None = None
    trail_bps: PositiveIn | None = None
    expire_at: TimeIn | None = None


class CancelRequest(Body):
    """Cancel what is left of an order. The account is named because commands are kept by account."""

    account_id: AccountId


class OrderSubmitted(Accepted):
    """protection_price: the worst price, as given or as derived."""

    order_id: str = Field(examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    client_order_id: str = Field(examples=["rebalance-2011-06-30-1"])
    protection_price: DecimalOut | None


class BatchSubmitted(View):
    """All orders are on the log, each a command of its own, in the order of the request."""

    account_id: AccountId
    orders: list[OrderSubmitted]
    status_url: str = Field(examples=["/api/orders?account_id=acc_demo"])
    position: Place = Field(description="of the last order: what has decided it has decided all")


class GroupSubmitted(Accepted):
    """order_ids: in the order of the request."""

    group_id: str = Field(examples=["grp_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    client_group_id: str = Field(examples=["breakout-17"])
    order_ids: list[OrderId]


class OrderAsked(Accepted):
    """A cancel or a replacement of an order is on the log; the venue has the last word."""

    order_id: str = Field(examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])


class RebalanceAsked(Accepted):
    """A rebalance, or its cancel, is on the log; `status_url` shows the plan and how far it is."""

    plan_id: str = Field(examples=["pln_3f1c9a7e5b2d48069a1be3c5d7f80246"])
