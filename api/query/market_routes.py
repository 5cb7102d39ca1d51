"""GET operations: ticks and bars of a symbol."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from api.query import cursors, market_sql
from api.query.market_filters import BarFilters, TickFilters
from api.query.market_views import Bar, MarketTick
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.routes import SymbolPath
from api.query.unknown import check_traded
from api.query.views import Page

router = ReadRouter()


@router.get(
    "/api/bars/{symbol}", operation_id="list_bars", tags=["market"], summary="Bars of a minute to a day, newest first"
)
async def list_bars(
    request: Request, reader: Reader, symbol: SymbolPath, filters: Annotated[BarFilters, Query()]
) -> Page[Bar]:
    scope = cursors.scope_of(f"bars/{symbol}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, market_sql.AfterBar)
    async with reader.snapshot() as snapshot:
        rows = await market_sql.bars(snapshot, symbol, filters, after)
        known = bool(rows) or await market_sql.is_known(snapshot, symbol)
    check_traded(request, symbol, known)
    return Page[Bar].model_validate(cursors.page(rows, filters.limit, scope, market_sql.bar_key))


@router.get("/api/ticks/{symbol}", operation_id="list_ticks", tags=["market"], summary="Ticks, newest first")
async def list_ticks(
    request: Request, reader: Reader, symbol: SymbolPath, filters: Annotated[TickFilters, Query()]
) -> Page[MarketTick]:
    scope = cursors.scope_of(f"ticks/{symbol}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, market_sql.AfterTick)
    async with reader.snapshot("ticks") as snapshot:
        rows = await market_sql.ticks(snapshot, symbol, filters, after)
        known = bool(rows) or await market_sql.is_known(snapshot, symbol)
    check_traded(request, symbol, known)
    return Page[MarketTick].model_validate(cursors.page(rows, filters.limit, scope, market_sql.tick_key))
