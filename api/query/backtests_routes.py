"""GET operations: backtests, and the trades, the equity and the page of one."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Request, Response

from api.fields import BacktestPath
from api.query import backtests_sql, cursors
from api.query.backtests_filters import BacktestFilters, EquityFilters, TradeFilters
from api.query.backtests_views import Backtest, BacktestJob, BacktestPoint, BacktestTrade, backtest, job
from api.query.database import Row
from api.query.filters import Placed
from api.query.read_router import ReadRouter
from api.query.reading import Reader, headers_of
from api.query.unknown import not_found
from api.query.views import Page
from runtime.page_library import whole

router = ReadRouter()
_PAGE_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A page of results draws its charts and does nothing else: it is of no origin, so no cookie is its own, and it can ask
nobody for anything.
"""


@router.get("/api/backtests", operation_id="list_backtests", tags=["backtests"], summary="Backtests, newest first")
async def list_backtests(reader: Reader, filters: Annotated[BacktestFilters, Query()]) -> Page[BacktestJob]:
    """Everybody's, without their results."""
    scope = cursors.scope_of("backtests", filters.chosen())
    after = cursors.decode(scope, filters.cursor, backtests_sql.After)
    async with reader.snapshot() as snapshot:
        rows = await backtests_sql.page(snapshot, filters, after)
    found = cursors.page(rows, filters.limit, scope, backtests_sql.key)
    return Page[BacktestJob](**{**found, "data": [job(row) for row in found["data"]]})


@router.get(
    "/api/backtests/{backtest_id}",
    operation_id="get_backtest",
    tags=["backtests"],
    summary="A backtest: how far it is, and its result",
)
async def get_backtest(reader: Reader, backtest_id: BacktestPath, filters: Annotated[Placed, Query()]) -> Backtest:
    async with reader.snapshot() as snapshot:
        standing = _known(await backtests_sql.standing(snapshot, backtest_id), backtest_id)
        ahead = await backtests_sql.ahead(snapshot, backtest_id)
        await reader.tag(snapshot, standing["version"], ahead)
        row = await backtests_sql.one(snapshot, backtest_id)
    assert row is not None
    return backtest(row, ahead)


@router.get(
    "/api/backtests/{backtest_id}/trades",
    operation_id="list_backtest_trades",
    tags=["backtests"],
    summary="The simulated trades of a backtest, the last entry first",
)
async def list_backtest_trades(
    reader: Reader, backtest_id: BacktestPath, filters: Annotated[TradeFilters, Query()]
) -> Page[BacktestTrade]:
    """None before it is DONE."""
    scope = cursors.scope_of(f"backtest trades/{backtest_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, backtests_sql.AfterTrade)
    async with reader.snapshot() as snapshot:
        standing = _known(await backtests_sql.standing(snapshot, backtest_id), backtest_id)
        await reader.tag(snapshot, standing["ended_at"])
        rows = await backtests_sql.trades(snapshot, backtest_id, filters, after)
    return Page[BacktestTrade].model_validate(cursors.page(rows, filters.limit, scope, backtests_sql.trade_key))


@router.get(
    "/api/backtests/{backtest_id}/equity",
    operation_id="list_backtest_equity",
    tags=["backtests"],
    summary="What a backtest's account was worth over market time, newest first",
)
async def list_backtest_equity(
    reader: Reader, backtest_id: BacktestPath, filters: Annotated[EquityFilters, Query()]
) -> Page[BacktestPoint]:
    """A point a close; none before it is DONE. With `points`: the curve between from and to, thinned evenly."""
    scope = cursors.scope_of(f"backtest equity/{backtest_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, backtests_sql.AfterPoint)
    async with reader.snapshot() as snapshot:
        standing = _known(await backtests_sql.standing(snapshot, backtest_id), backtest_id)
        ended_at = standing["ended_at"]
        await reader.tag(snapshot, ended_at)
        rows = [] if ended_at is None else await backtests_sql.equity(snapshot, backtest_id, ended_at, filters, after)
    return Page[BacktestPoint].model_validate(cursors.page(rows, filters.limit, scope, backtests_sql.point_key))


@router.get(
    "/api/backtests/{backtest_id}/report",
    operation_id="get_backtest_report",
    tags=["backtests"],
    summary="The page of a backtest, for people",
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def get_backtest_report(request: Request, reader: Reader, backtest_id: BacktestPath) -> Response:
    """HTML that loads nothing and reaches nobody; its charts are drawn where plotly is installed beside the API. 404
    before it is DONE, and where no page was made.
    """
    async with reader.snapshot() as snapshot:
        standing = _known(await backtests_sql.standing(snapshot, backtest_id), backtest_id)
        await reader.tag(snapshot, standing["ended_at"])
        page = await backtests_sql.report(snapshot, backtest_id)
    if page is None:
        raise not_found("BACKTEST_REPORT_UNKNOWN", f"a page of backtest {backtest_id}")
    headers = {**headers_of(request), "Content-Security-Policy": _PAGE_POLICY}
    return Response(await asyncio.to_thread(whole, page), media_type="text/html", headers=headers)


def _known(row: Row | None, backtest_id: str) -> Row:
    """Raises ProblemError 404."""
    if row is None:
        raise not_found("BACKTEST_UNKNOWN", f"backtest {backtest_id}")
    return row
