"""GET operations: accounts, portfolios and the projections' progress."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from api.query import accounts_sql, cursors, market_sql, portfolio_sql
from api.query.database import Row, Rows
from api.query.filters import JournalFilters, PortfolioFilters, RejectionFilters
from api.query.routes import AccountPath, Reader, not_found
from api.query.views import (
    Account,
    Balance,
    Fees,
    Lot,
    Page,
    Portfolio,
    PortfolioPoint,
    Position,
    Posting,
    Rejection,
    TapeProgress,
    Tapes,
)
from domain.account_terms import FeeSchedule

router = APIRouter()
_EXACT = Context(prec=200)  # sums of numerics lose no digit


@router.get(
    "/api/accounts/{account_id}", operation_id="get_account", tags=["accounts"], summary="An account, its balances"
)
async def get_account(reader: Reader, account_id: AccountPath) -> Account:
    async with reader.snapshot() as snapshot:
        account = await accounts_sql.one(snapshot, account_id)
        balances = await accounts_sql.balances(snapshot, account_id)
    known = _known(account, account_id)
    charged = None if known["fee_schedule"] is None else msgspec.convert(known["fee_schedule"], FeeSchedule)
    return Account(
        **_without(known, "fee_schedule"),
        fee_schedule=None if charged is None else Fees(**msgspec.structs.asdict(charged)),
        balances=[Balance(**row) for row in balances],
    )


@router.get(
    "/api/accounts/{account_id}/journal",
    operation_id="list_journal",
    tags=["accounts"],
    summary="Double-entry postings, newest first",
)
async def list_journal(
    reader: Reader, account_id: AccountPath, filters: Annotated[JournalFilters, Query()]
) -> Page[Posting]:
    scope = cursors.scope_of(f"journal/{account_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, accounts_sql.AfterPosting)
    async with reader.snapshot() as snapshot:
        _known(await accounts_sql.one(snapshot, account_id), account_id)
        rows = await accounts_sql.journal(snapshot, account_id, filters, after)
    return Page[Posting].model_validate(cursors.page(rows, filters.limit, scope, accounts_sql.posting_key))


@router.get(
    "/api/accounts/{account_id}/rejections",
    operation_id="list_rejections",
    tags=["accounts"],
    summary="Commands that the ledger refused, newest first (refused orders are under /api/orders)",
)
async def list_rejections(
    reader: Reader, account_id: AccountPath, filters: Annotated[RejectionFilters, Query()]
) -> Page[Rejection]:
    """Also for accounts that do not exist: a command to one is refused and stands here."""
    scope = cursors.scope_of(f"rejections/{account_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, accounts_sql.AfterRejection)
    async with reader.snapshot() as snapshot:
        rows = await accounts_sql.rejections(snapshot, account_id, filters, after)
    return Page[Rejection].model_validate(cursors.page(rows, filters.limit, scope, accounts_sql.rejection_key))


@router.get(
    "/api/portfolio/{account_id}",
    operation_id="get_portfolio",
    tags=["accounts"],
    summary="Positions, P&L and equity at the newest prices",
)
async def get_portfolio(
    reader: Reader, account_id: AccountPath, filters: Annotated[PortfolioFilters, Query()]
) -> Portfolio:
    """All figures are read in one snapshot.

    - market_value = quantity × last_price, unrealized_pnl = market_value − cost
    - realized_pnl = proceeds − cost of the lots sold, before fees
    - equity = cash + hold + sum of market_value
    - total_pnl = equity − net_deposits = realized_pnl + unrealized_pnl − fees
    """
    async with reader.snapshot() as snapshot:
        account = _known(await accounts_sql.one(snapshot, account_id), account_id)
        balances = await accounts_sql.balances(snapshot, account_id)
        positions = await portfolio_sql.positions(snapshot, account_id)
        lots = await portfolio_sql.lots(snapshot, account_id)
        history = await portfolio_sql.history(snapshot, account_id, filters.points)
    return _portfolio(account, balances, positions, lots, history)


def _portfolio(account: Row, balances: Rows, positions: Rows, lots: Rows, history: Rows) -> Portfolio:
    held = {(row["book_account"], row["commodity"]): row["amount"] for row in balances}
    names = ("cash", "hold", "external", "transfers")
    cash, hold, external, transfers = (held.get((name, account["currency"]), Decimal(0)) for name in names)
    brought = _EXACT.minus(_EXACT.add(external, transfers))
    value = _total(positions, "market_value")
    equity = _EXACT.add(_EXACT.add(cash, hold), value)
    times = [row["priced_at"] for row in positions if row["priced_at"]] or [row["market_time"] for row in history[-1:]]
    return Portfolio(
        account_id=account["account_id"],
        currency=account["currency"],
        other_currencies=[name for name in account["currencies"] if any(held[key] for key in held if key[1] == name)],
        as_of=max(times, default=None),
        cash=cash,
        hold=hold,
        positions_value=value,
        equity=equity,
        realized_pnl=_total(positions, "realized_pnl"),
        unrealized_pnl=_total(positions, "unrealized_pnl"),
        fees=_total(positions, "fees"),
        net_deposits=brought,
        total_pnl=_EXACT.subtract(equity, brought),
        positions=[
            Position(**row, lots=[Lot(**_without(lot, "symbol")) for lot in lots if lot["symbol"] == row["symbol"]])
            for row in positions
        ],
        history=[PortfolioPoint(**_without(row, "total")) for row in history],
        history_points_total=history[-1]["total"] if history else 0,
        version=account["version"],
    )


@router.get(
    "/api/tapes", operation_id="list_tapes", tags=["system"], summary="How far each projection has read each tape"
)
async def list_tapes(reader: Reader) -> Tapes:
    async with reader.snapshot() as snapshot:
        rows = await market_sql.progress(snapshot)
    return Tapes(data=[TapeProgress(**row) for row in rows])


def _known(account: Row | None, account_id: str) -> Row:
    if account is None:
        raise not_found("ACCOUNT_UNKNOWN", f"account {account_id}")
    return account


def _total(rows: Rows, name: str) -> Decimal:
    total = Decimal(0)
    for row in rows:
        total = _EXACT.add(total, row[name] or Decimal(0))
    return total


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}
