"""Operations of market.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from tapeledger_client.call import Call, Sender
from tapeledger_client.model import Document, Open
from tapeledger_client.models import Bar, BarPage, DepthPoint, DepthPointPage, MarketTick, MarketTickPage, OrderBook
from tapeledger_client.pages import each
from tapeledger_client.wire import path


class MarketOperations(Sender):
    """Market."""

    def get_order_book(
        self,
        symbol: str,
        *,
        depth: int | None = None,
        orders: int | None = None,
        account_id: str | None = None,
        as_of: datetime | None = None,
        feed: int | None = None,
        position: Sequence[str] | None = None,
    ) -> OrderBook:
        """The ledger's working limit orders of a symbol, by price, now or at any moment.

        Across partitions a moment is a record time (`as_of`) or a number of the read side's feed (`feed`).

        Whose an order of the queues is, and its id, is shown to those who may read the account. `position` names
        records themselves, each partition's newest that counts. An answer to `feed` and `position` never changes;
        one to `as_of` may while records of that time are still on their way to the tables.

        Needs the scope `read`.

        depth: levels of each side
        orders: orders listed of each level, first in the queue first
        account_id: list this account's orders besides, with what is ahead
        as_of: everything recorded up to this time (RFC 3339)
        feed: as the read side was after this committed batch
        position: partition:offset of ledger.events, repeated: its records up to this one; partitions that are not
            named do not count

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/orderbook/{}", symbol),
                OrderBook,
                query={
                    "depth": depth,
                    "orders": orders,
                    "account_id": account_id,
                    "as_of": as_of,
                    "feed": feed,
                    "position": position,
                },
                safe=True,
                cached=True,
            )
        )

    def list_bars(
        self,
        symbol: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: Open[Literal["1m", "5m", "15m", "1h", "1d"]] | None = None,
    ) -> BarPage:
        """Bars of a minute to a day, newest first.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        interval: of each bar; days are those of UTC

        Problems: 400, 401, 403, 404, 406, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/bars/{}", symbol),
                BarPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "interval": interval},
                safe=True,
                cached=True,
            )
        )

    def list_bars_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        symbol: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: Open[Literal["1m", "5m", "15m", "1h", "1d"]] | None = None,
    ) -> Document:
        """The same as `list_bars`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/bars/{}", symbol),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "interval": interval},
                safe=True,
                cached=True,
            )
        )

    def iter_bars(
        self,
        symbol: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: Open[Literal["1m", "5m", "15m", "1h", "1d"]] | None = None,
    ) -> Iterator[Bar]:
        """Each row of `list_bars`, page after page."""
        return each(
            lambda cursor: self.list_bars(symbol, limit=page_size, cursor=cursor, from_=from_, to=to, interval=interval)
        )

    def list_depth(
        self,
        symbol: str,
        *,
        from_: datetime,
        to: datetime,
        limit: int | None = None,
        cursor: str | None = None,
        interval: str | None = None,
        depth: int | None = None,
    ) -> DepthPointPage:
        """The order book's depth over time, newest first.

        Needs the scope `read`.

        from_: the first point (RFC 3339)
        to: before (RFC 3339)
        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        interval: between two points: a number and ms, s, m, h or d
        depth: levels of each side that count

        Problems: 400, 401, 403, 404, 406, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/orderbook/{}/depth", symbol),
                DepthPointPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "interval": interval, "depth": depth},
                safe=True,
                cached=True,
            )
        )

    def list_depth_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        symbol: str,
        *,
        from_: datetime,
        to: datetime,
        limit: int | None = None,
        cursor: str | None = None,
        interval: str | None = None,
        depth: int | None = None,
    ) -> Document:
        """The same as `list_depth`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/orderbook/{}/depth", symbol),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "interval": interval, "depth": depth},
                safe=True,
                cached=True,
            )
        )

    def iter_depth(
        self,
        symbol: str,
        *,
        page_size: int | None = None,
        from_: datetime,
        to: datetime,
        interval: str | None = None,
        depth: int | None = None,
    ) -> Iterator[DepthPoint]:
        """Each row of `list_depth`, page after page."""
        return each(
            lambda cursor: self.list_depth(
                symbol, limit=page_size, cursor=cursor, from_=from_, to=to, interval=interval, depth=depth
            )
        )

    def list_ticks(
        self,
        symbol: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> MarketTickPage:
        """Ticks, newest first.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)

        Problems: 400, 401, 403, 404, 406, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/ticks/{}", symbol),
                MarketTickPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                safe=True,
                cached=True,
            )
        )

    def list_ticks_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        symbol: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> Document:
        """The same as `list_ticks`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/ticks/{}", symbol),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                safe=True,
                cached=True,
            )
        )

    def iter_ticks(
        self, symbol: str, *, page_size: int | None = None, from_: datetime | None = None, to: datetime | None = None
    ) -> Iterator[MarketTick]:
        """Each row of `list_ticks`, page after page."""
        return each(lambda cursor: self.list_ticks(symbol, limit=page_size, cursor=cursor, from_=from_, to=to))
