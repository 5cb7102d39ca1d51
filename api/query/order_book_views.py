"""What the query side answers of the order book."""

from __future__ import annotations

from pydantic import Field

from api.fields import DecimalOut, TimeOut, View
from domain.events import OrderStatus

_IMBALANCE = "(bids − asks) / (bids + asks) of the quantities given, −1 to 1, 8 digits; null when there are none"


class BookOrder(View):
    """An order on the book. What is ahead are this ledger's orders at its price, not those of others at the venue."""

    order_id: str | None = Field(
        description="null where the account is not the caller's to read",
        examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"],
    )
    account_id: str | None = Field(description="null where it is not the caller's to read", examples=["acc_demo"])
    quantity: DecimalOut = Field(description="leaves quantity")
    status: OrderStatus
    priority_by: str = Field(description="ENTERED the book, KEPT or LOST its place in its newest replacement")
    priority_at: TimeOut = Field(description="record time of what gave it its place in the queue")
    since: TimeOut = Field(description="record time from which on it stands like this")
    orders_ahead: int
    quantity_ahead: DecimalOut


class OwnOrder(BookOrder):
    """An order of the account that was asked for."""

    side: str = Field(description="BUY or SELL; short sales are on the side of the sales")
    price: DecimalOut


class Level(View):
    price: DecimalOut
    quantity: DecimalOut = Field(description="sum of leaves quantities")
    orders: int = Field(description="how many orders, not all of them in `queue`")
    own_quantity: DecimalOut = Field(description="of the account that was asked for")
    queue: list[BookOrder] = Field(description="the first orders, by priority")


class Side(View):
    """All of a side of the book, the levels beyond `depth` as well."""

    quantity: DecimalOut
    orders: int
    levels: int


class BookPlace(View):
    partition: int = Field(description="of ledger.events")
    next_offset: int = Field(description="the first record that does not count")


class LastTrade(View):
    price: DecimalOut
    volume: DecimalOut
    market_time: TimeOut


class OrderBook(View):
    """This ledger's own working orders of one symbol that have a limit, best price first.

    LIMIT orders, and STOP_LIMIT orders that are triggered, while they are NEW, PARTIALLY_FILLED, PENDING_CANCEL or
    PENDING_REPLACE; under the old terms until they are replaced. Orders of different accounts may cross.
    """

    symbol: str = Field(examples=["AAPL"])
    bids: list[Level]
    asks: list[Level]
    best_bid: DecimalOut | None
    best_ask: DecimalOut | None
    spread: DecimalOut | None = Field(description="best_ask − best_bid")
    imbalance: DecimalOut | None = Field(description=_IMBALANCE)
    bid_side: Side
    ask_side: Side
    own: list[OwnOrder] = Field(description="of the account that was asked for")
    last_trade: LastTrade | None = Field(
        description="the market's newest tick; null where the moment does not say which that was (as_of, position)"
    )
    feed: int | None = Field(description="ask for this number again to get this very book; null for as_of and position")
    as_of: TimeOut | None
    positions: list[BookPlace] | None = Field(description="the records it is made of; null for as_of")


class DepthPoint(View):
    """The book at one record time; quantities and orders of the best `depth` levels."""

    time: TimeOut
    best_bid: DecimalOut | None
    best_ask: DecimalOut | None
    spread: DecimalOut | None = Field(description="best_ask − best_bid")
    bid_quantity: DecimalOut
    ask_quantity: DecimalOut
    bid_orders: int
    ask_orders: int
    imbalance: DecimalOut | None = Field(description=_IMBALANCE)
