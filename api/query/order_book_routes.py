"""GET operations: the order book at any moment, and its depth over time."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any

from fastapi import Query, Request

from api.problems import ProblemError
from api.query import cursors, order_book_sql
from api.query.database import Row, Rows, Snapshot
from api.query.order_book_filters import BookFilters, DepthFilters
from api.query.order_book_sql import Moment
from api.query.order_book_views import BookOrder, BookPlace, DepthPoint, LastTrade, Level, OrderBook, OwnOrder, Side
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.routes import SymbolPath
from api.query.unknown import check_traded
from api.query.views import Page
from api.security.rights import Caller

router = ReadRouter()
_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)  # sums of numerics lose no digit
_EIGHT_DIGITS = Decimal("0.00000001")
_ZERO = Decimal(0)
_NOT_THEIRS = {"order_id": None, "account_id": None}


@router.get(
    "/api/orderbook/{symbol}",
    operation_id="get_order_book",
    tags=["market"],
    summary="The ledger's working limit orders of a symbol, by price, now or at any moment",
)
async def get_order_book(
    request: Request, reader: Reader, caller: Caller, symbol: SymbolPath, filters: Annotated[BookFilters, Query()]
) -> OrderBook:
    """Across partitions a moment is a record time (`as_of`) or a number of the read side's feed (`feed`).

    Whose an order of the queues is, and its id, is shown to those who may read the account.
    `position` names records themselves, each partition's newest that counts. An answer to `feed` and `position` never
    changes; one to `as_of` may while records of that time are still on their way to the tables.
    """
    filters.check()
    visible = await caller.visible()
    if visible is not None and filters.account_id not in visible:
        filters = filters.model_copy(update={"account_id": None})
    async with reader.snapshot() as snapshot:
        moment, feed = await _moment(snapshot, filters)
        if moment.time is None:
            await reader.tag(snapshot, sorted((moment.places or {}).items()), feed)
        else:
            await reader.tag_by(snapshot, "ledger")
        levels = await order_book_sql.levels(snapshot, symbol, moment, filters.depth, filters.account_id)
        queues = await order_book_sql.queues(snapshot, symbol, moment, filters.orders, filters.account_id)
        trade = None
        if feed is not None:
            ticks = None if filters.feed is None else await order_book_sql.places_of_feed(snapshot, "ticks", feed)
            trade = await order_book_sql.last_trade(snapshot, symbol, ticks)
        known = bool(levels) or trade is not None or await order_book_sql.is_known(snapshot, symbol)
    check_traded(request, symbol, known)
    own = [row if visible is None or row["account_id"] in visible else row | _NOT_THEIRS for row in queues]
    return _book(symbol, filters, levels, own, trade, moment, feed)


@router.get(
    "/api/orderbook/{symbol}/depth",
    operation_id="list_depth",
    tags=["market"],
    summary="The order book's depth over time, newest first",
)
async def list_depth(
    request: Request, reader: Reader, symbol: SymbolPath, filters: Annotated[DepthFilters, Query()]
) -> Page[DepthPoint]:
    scope = cursors.scope_of(f"depth/{symbol}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, order_book_sql.AfterPoint)
    async with reader.snapshot() as snapshot:
        times = filters.times(await order_book_sql.now(snapshot), None if after is None else after.time)
        rows = await order_book_sql.depth(snapshot, symbol, times, filters.depth)
        known = await order_book_sql.is_known(snapshot, symbol)
    check_traded(request, symbol, known)
    found = cursors.page(rows, filters.limit, scope, order_book_sql.point_key)
    return Page[DepthPoint](**{**found, "data": [_point(row) for row in found["data"]]})


async def _moment(snapshot: Snapshot, filters: BookFilters) -> tuple[Moment, int | None]:
    """What was asked for, and its number on the feed where it has one. Raises ProblemError for one that is to come."""
    if filters.as_of is not None:
        now = await order_book_sql.now(snapshot)
        if filters.as_of > now:
            raise _to_come("AS_OF_IN_FUTURE", f"a time up to {now.isoformat()}", filters.as_of.isoformat())
        return Moment(None, filters.as_of), None
    projected = await order_book_sql.places_now(snapshot)
    if filters.position:
        places = filters.places()
        for partition, next_offset in places.items():
            if next_offset > projected.get(partition, 0):
                expected = f"records that are projected: partition {partition} up to {projected.get(partition, 0) - 1}"
                raise _to_come("POSITION_UNKNOWN", expected, str(next_offset - 1))
        return Moment(places), None
    newest = await order_book_sql.feed_now(snapshot)
    if filters.feed is None:
        return Moment(projected), newest
    if filters.feed > newest:
        raise _to_come("FEED_UNKNOWN", f"a number up to {newest}", str(filters.feed))
    return Moment(await order_book_sql.places_of_feed(snapshot, "ledger", filters.feed)), filters.feed


def _to_come(code: str, expected: str, actual: str) -> ProblemError:
    return ProblemError(404, code, f"expected {expected}; it was {actual}, which is not here yet")


def _book(
    symbol: str, filters: BookFilters, levels: Rows, queues: Rows, trade: Row | None, moment: Moment, feed: int | None
) -> OrderBook:
    bids, asks = ([row for row in levels if row["side"] == side] for side in ("BUY", "SELL"))
    best_bid, best_ask = (rows[0]["price"] if rows else None for rows in (bids, asks))
    queue: dict[tuple[str, Decimal], list[BookOrder]] = {}
    for row in queues:
        if row["orders_ahead"] < filters.orders:
            queue.setdefault((row["side"], row["price"]), []).append(BookOrder(**_order(row)))
    return OrderBook(
        symbol=symbol,
        bids=[_level(row, queue) for row in bids],
        asks=[_level(row, queue) for row in asks],
        best_bid=best_bid,
        best_ask=best_ask,
        spread=_spread(best_bid, best_ask),
        imbalance=_imbalance(_sum(bids), _sum(asks)),
        bid_side=_side(bids),
        ask_side=_side(asks),
        own=[
            OwnOrder(**_order(row), side=row["side"], price=row["price"])
            for row in queues
            if row["account_id"] is not None and row["account_id"] == filters.account_id
        ],
        last_trade=None if trade is None else LastTrade(**trade),
        feed=feed,
        as_of=moment.time,
        positions=None
        if moment.places is None
        else [
            BookPlace(partition=partition, next_offset=offset) for partition, offset in sorted(moment.places.items())
        ],
    )


def _level(row: Row, queue: dict[tuple[str, Decimal], list[BookOrder]]) -> Level:
    names = ("price", "quantity", "orders", "own_quantity")
    return Level(**{name: row[name] for name in names}, queue=queue.get((row["side"], row["price"]), []))


def _order(row: Row) -> dict[str, Any]:
    names = ("order_id", "account_id", "quantity", "status", "priority_by", "priority_at")
    ahead = {"orders_ahead": row["orders_ahead"], "quantity_ahead": row["quantity_ahead"]}
    return {**{name: row[name] for name in names}, **ahead, "since": row["since_at"]}


def _side(rows: Rows) -> Side:
    if not rows:
        return Side(quantity=_ZERO, orders=0, levels=0)
    first = rows[0]
    return Side(quantity=first["side_quantity"], orders=first["side_orders"], levels=first["side_levels"])


def _point(row: Row) -> DepthPoint:
    imbalance = _imbalance(row["bid_quantity"], row["ask_quantity"])
    return DepthPoint(**row, spread=_spread(row["best_bid"], row["best_ask"]), imbalance=imbalance)


def _sum(rows: Iterable[Row]) -> Decimal:
    total = _ZERO
    for row in rows:
        total = _EXACT.add(total, row["quantity"])
    return total


def _spread(best_bid: Decimal | None, best_ask: Decimal | None) -> Decimal | None:
    return None if best_bid is None or best_ask is None else _EXACT.subtract(best_ask, best_bid)


def _imbalance(bids: Decimal, asks: Decimal) -> Decimal | None:
    both = _EXACT.add(bids, asks)
    if not both:
        return None
    return _EXACT.divide(_EXACT.subtract(bids, asks), both).quantize(_EIGHT_DIGITS, context=_EXACT)
