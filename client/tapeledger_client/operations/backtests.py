"""Operations of backtests.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from tapeledger_client.call import Call, Sender
from tapeledger_client.model import Document, Placed
from tapeledger_client.models import (
    Backtest,
    BacktestAsked,
    BacktestJob,
    BacktestJobPage,
    BacktestPoint,
    BacktestPointPage,
    BacktestRequest,
    BacktestTrade,
    BacktestTradePage,
    BacktestTradeStatus,
    State,
)
from tapeledger_client.pages import each
from tapeledger_client.wire import path


class BacktestsOperations(Sender):
    """Backtests."""

    def cancel_backtest(
        self, backtest_id: str, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> BacktestAsked:
        """End a backtest that waits or runs.

        One's own; an admin anybody's. One that waits ends at once, one that runs within seconds; its result is not
        kept, however near it was. Of one that is cancelled already nothing changes.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/backtests/{}/cancel", backtest_id),
                BacktestAsked,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def get_backtest(
        self, backtest_id: str, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> Backtest:
        """A backtest: how far it is, and its result.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/backtests/{}", backtest_id),
                Backtest,
                ids=(backtest_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def get_backtest_report(self, backtest_id: str) -> str:
        """The page of a backtest, for people.

        HTML that loads nothing and reaches nobody; its charts are drawn where plotly is installed beside the API.
        404 before it is DONE, and where no page was made.

        Needs the scope `read`.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("GET", path("/api/backtests/{}/report", backtest_id), str, accept="text/html", safe=True, cached=True)
        )

    def list_backtest_equity(
        self,
        backtest_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        points: int | None = None,
    ) -> BacktestPointPage:
        """What a backtest's account was worth over market time, newest first.

        A point a close; none before it is DONE. With `points`: the curve between from and to, thinned evenly.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        points: thin the curve between from and to evenly to at most so many points, the newest always among them;
            every point without it

        Problems: 400, 401, 403, 404, 406, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/backtests/{}/equity", backtest_id),
                BacktestPointPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "points": points},
                safe=True,
                cached=True,
            )
        )

    def list_backtest_equity_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        backtest_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        points: int | None = None,
    ) -> Document:
        """The same as `list_backtest_equity`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/backtests/{}/equity", backtest_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "points": points},
                safe=True,
                cached=True,
            )
        )

    def iter_backtest_equity(
        self,
        backtest_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        points: int | None = None,
    ) -> Iterator[BacktestPoint]:
        """Each row of `list_backtest_equity`, page after page."""
        return each(
            lambda cursor: self.list_backtest_equity(
                backtest_id, limit=page_size, cursor=cursor, from_=from_, to=to, points=points
            )
        )

    def list_backtest_trades(
        self,
        backtest_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        symbol: str | None = None,
        status: BacktestTradeStatus | None = None,
    ) -> BacktestTradePage:
        """The simulated trades of a backtest, the last entry first.

        None before it is DONE.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required

        Problems: 400, 401, 403, 404, 406, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/backtests/{}/trades", backtest_id),
                BacktestTradePage,
                query={"limit": limit, "cursor": cursor, "symbol": symbol, "status": status},
                safe=True,
                cached=True,
            )
        )

    def list_backtest_trades_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        backtest_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        symbol: str | None = None,
        status: BacktestTradeStatus | None = None,
    ) -> Document:
        """The same as `list_backtest_trades`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/backtests/{}/trades", backtest_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "symbol": symbol, "status": status},
                safe=True,
                cached=True,
            )
        )

    def iter_backtest_trades(
        self,
        backtest_id: str,
        *,
        page_size: int | None = None,
        symbol: str | None = None,
        status: BacktestTradeStatus | None = None,
    ) -> Iterator[BacktestTrade]:
        """Each row of `list_backtest_trades`, page after page."""
        return each(
            lambda cursor: self.list_backtest_trades(
                backtest_id, limit=page_size, cursor=cursor, symbol=symbol, status=status
            )
        )

    def list_backtests(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        state: State | None = None,
        requested_by: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> BacktestJobPage:
        """Backtests, newest first.

        Everybody's, without their results.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                "/api/backtests",
                BacktestJobPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "state": state,
                    "requested_by": requested_by,
                },
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_backtests_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        state: State | None = None,
        requested_by: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_backtests`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                "/api/backtests",
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "state": state,
                    "requested_by": requested_by,
                },
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_backtests(
        self,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        state: State | None = None,
        requested_by: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[BacktestJob]:
        """Each row of `list_backtests`, page after page."""
        return each(
            lambda cursor: self.list_backtests(
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                state=state,
                requested_by=requested_by,
                min_position=min_position,
                wait=wait,
            )
        )

    def request_backtest(
        self, body: BacktestRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> BacktestAsked:
        """Run a strategy over past bars.

        It waits in a queue and runs in a process of its own. Whether its model is there is found when it runs: it
        fails then, with a code.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("POST", "/api/backtest", BacktestAsked, body=body, keyed=True, key=idempotency_key, wait_s=wait)
        )
