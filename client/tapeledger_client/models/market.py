"""Bodies of market.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from tapeledger_client.model import Model
from tapeledger_client.models.shared import OrderStatus


class Bar(Model, frozen=True, kw_only=True):
    """The ticks of a symbol within an interval. An interval without a tick has no bar."""

    bucket: datetime
    """the bar's first moment"""
    open: Decimal
    """the first tick's price, in the order of market.ticks"""
    high: Decimal
    low: Decimal
    close: Decimal
    """the last tick's price, in the order of market.ticks"""
    volume: Decimal
    """sum of the ticks' volumes"""


class BarPage(Model, frozen=True, kw_only=True):
    """Bar page."""

    data: tuple[Bar, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class BookOrder(Model, frozen=True, kw_only=True):
    """An order on the book. What is ahead are this ledger's orders at its price, not those of others at the venue."""

    order_id: str | None
    """null where the account is not the caller's to read"""
    account_id: str | None
    """null where it is not the caller's to read"""
    quantity: Decimal
    """leaves quantity"""
    status: OrderStatus
    priority_by: str
    """ENTERED the book, KEPT or LOST its place in its newest replacement"""
    priority_at: datetime
    """record time of what gave it its place in the queue"""
    since: datetime
    """record time from which on it stands like this"""
    orders_ahead: int
    quantity_ahead: Decimal


class BookPlace(Model, frozen=True, kw_only=True):
    """Book place."""

    partition: int
    """of ledger.events"""
    next_offset: int
    """the first record that does not count"""


class DepthPoint(Model, frozen=True, kw_only=True):
    """The book at one record time; quantities and orders of the best `depth` levels."""

    time: datetime
    best_bid: Decimal | None
    best_ask: Decimal | None
    spread: Decimal | None
    """best_ask − best_bid"""
    bid_quantity: Decimal
    ask_quantity: Decimal
    bid_orders: int
    ask_orders: int
    imbalance: Decimal | None
    """(bids − asks) / (bids + asks) of the quantities given, −1 to 1, 8 digits; null when there are none"""


class DepthPointPage(Model, frozen=True, kw_only=True):
    """Depth point page."""

    data: tuple[DepthPoint, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class LastTrade(Model, frozen=True, kw_only=True):
    """Last trade."""

    price: Decimal
    volume: Decimal
    market_time: datetime


class Level(Model, frozen=True, kw_only=True):
    """Level."""

    price: Decimal
    quantity: Decimal
    """sum of leaves quantities"""
    orders: int
    """how many orders, not all of them in `queue`"""
    own_quantity: Decimal
    """of the account that was asked for"""
    queue: tuple[BookOrder, ...]
    """the first orders, by priority"""


class MarketTick(Model, frozen=True, kw_only=True):
    """A price of a symbol."""

    market_time: datetime
    price: Decimal
    volume: Decimal
    closes_bar: bool
    """whether it is the last tick of one of the feed's bars"""
    partition: int
    """of market.ticks"""
    offset: int


class MarketTickPage(Model, frozen=True, kw_only=True):
    """Market tick page."""

    data: tuple[MarketTick, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class OrderBook(Model, frozen=True, kw_only=True):
    """This ledger's own working orders of one symbol that have a limit, best price first.

    LIMIT orders, and STOP_LIMIT orders that are triggered, while they are NEW, PARTIALLY_FILLED, PENDING_CANCEL or
    PENDING_REPLACE; under the old terms until they are replaced. Orders of different accounts may cross.
    """

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    best_bid: Decimal | None
    best_ask: Decimal | None
    spread: Decimal | None
    """best_ask − best_bid"""
    imbalance: Decimal | None
    """(bids − asks) / (bids + asks) of the quantities given, −1 to 1, 8 digits; null when there are none"""
    bid_side: Side
    ask_side: Side
    own: tuple[OwnOrder, ...]
    """of the account that was asked for"""
    last_trade: LastTrade | None
    """the market's newest tick; null where the moment does not say which that was (as_of, position)"""
    feed: int | None
    """ask for this number again to get this very book; null for as_of and position"""
    as_of: datetime | None
    positions: tuple[BookPlace, ...] | None
    """the records it is made of; null for as_of"""


class OwnOrder(Model, frozen=True, kw_only=True):
    """An order of the account that was asked for."""

    order_id: str | None
    """null where the account is not the caller's to read"""
    account_id: str | None
    """null where it is not the caller's to read"""
    quantity: Decimal
    """leaves quantity"""
    status: OrderStatus
    priority_by: str
    """ENTERED the book, KEPT or LOST its place in its newest replacement"""
    priority_at: datetime
    """record time of what gave it its place in the queue"""
    since: datetime
    """record time from which on it stands like this"""
    orders_ahead: int
    quantity_ahead: Decimal
    side: str
    """BUY or SELL; short sales are on the side of the sales"""
    price: Decimal


class Side(Model, frozen=True, kw_only=True):
    """All of a side of the book, the levels beyond `depth` as well."""

    quantity: Decimal
    orders: int
    levels: int
