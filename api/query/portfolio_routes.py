"""GET operations: portfolios and their history."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from api.query import accounts_sql, cursors, past_rows, portfolio_sql, portfolios
from api.query.filters import PointFilters, PortfolioFilters
from api.query.moments import Histories, found, moment_of, tag
from api.query.portfolio_views import Portfolio, PortfolioPoint
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.routes import AccountPath
from api.query.unknown import known_account
from api.query.views import Page

router = ReadRouter()


@router.get(
    "/api/portfolio/{account_id}",
    operation_id="get_portfolio",
    tags=["accounts"],
    summary="Positions, P&L, exposure and equity at the newest prices, or as of any moment",
)
async def get_portfolio(
    reader: Reader, past: Histories, account_id: AccountPath, filters: Annotated[PortfolioFilters, Query()]
) -> Portfolio:
    """All figures are read in one snapshot.

    - market_value = quantity × last_price, unrealized_pnl = market_value − cost
    - realized_pnl = proceeds − cost of the lots sold, before fees
    - equity = cash + hold + sum of market_value
    - total_pnl = equity − net_deposits = realized_pnl + unrealized_pnl − fees + other_income
    - exposure, per currency: gross = long + short, net = long − short, as shares of that currency's equity

    With `position` or `as_of`: exactly what the ledger knew then, folded from its tape. Prices are then those that it
    had been told (its marks), or else of the account's own last fill.
    """
    async with reader.snapshot() as snapshot:
        account = known_account(await accounts_sql.one(snapshot, account_id), account_id)
        moment = await moment_of(snapshot, account["partition"], filters)
        await tag(reader, snapshot, moment, filters, "ledger", "ticks")
        if filters.is_past:
            known = await found(past, snapshot, account, moment)
            rows = portfolios.Holdings(
                past_rows.account(account, known),
                past_rows.balances(known),
                past_rows.positions(known),
                past_rows.lots(known),
                [],
            )
        else:
            rows = portfolios.Holdings(
                account,
                await accounts_sql.balances(snapshot, account_id),
                await portfolio_sql.positions(snapshot, account_id),
                await portfolio_sql.lots(snapshot, account_id),
                await portfolio_sql.history(snapshot, account_id, filters.points),
            )
    return portfolios.portfolio(rows, moment.position)


@router.get(
    "/api/portfolio/{account_id}/history",
    operation_id="list_portfolio_history",
    tags=["accounts"],
    summary="What a portfolio was worth over market time, newest first",
)
async def list_portfolio_history(
    reader: Reader, account_id: AccountPath, filters: Annotated[PointFilters, Query()]
) -> Page[PortfolioPoint]:
    """A point a bar close, from the account's first fill on. With `interval`: the last point of each such span."""
    scope = cursors.scope_of(f"points/{account_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, portfolio_sql.AfterPoint)
    async with reader.snapshot("ledger", "ticks") as snapshot:
        known_account(await accounts_sql.one(snapshot, account_id), account_id)
        rows = await portfolio_sql.points(snapshot, account_id, filters, after)
    return Page[PortfolioPoint].model_validate(cursors.page(rows, filters.limit, scope, portfolio_sql.point_key))
