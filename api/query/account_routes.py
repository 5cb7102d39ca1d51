"""GET operations: accounts and the projections' progress."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Query

from api.query import accounts_sql, cursors, market_sql, past_rows
from api.query.database import Row, Rows
from api.query.filters import JournalFilters, PastFilters, Placed, RejectionFilters
from api.query.moments import Histories, found, moment_of, tag
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.routes import AccountPath
from api.query.unknown import known_account
from api.query.views import (
    Account,
    Balance,
    Fees,
    Page,
    Posting,
    Rejection,
    TapeProgress,
    Tapes,
    WorkingOrder,
)
from domain.account_terms import FeeSchedule

router = ReadRouter()


@router.get(
    "/api/accounts/{account_id}", operation_id="get_account", tags=["accounts"], summary="An account, its balances"
)
async def get_account(
    reader: Reader, past: Histories, account_id: AccountPath, filters: Annotated[PastFilters, Query()]
) -> Account:
    """With `position` or `as_of`: exactly what the ledger knew then, folded from its tape."""
    async with reader.snapshot() as snapshot:
        account = known_account(await accounts_sql.one(snapshot, account_id), account_id)
        moment = await moment_of(snapshot, account["partition"], filters)
        await tag(reader, snapshot, moment, filters, "ledger")
        if filters.is_past:
            known = await found(past, snapshot, account, moment)
            return _account(
                past_rows.account(account, known), past_rows.balances(known), moment.position, past_rows.working(known)
            )
        balances = await accounts_sql.balances(snapshot, account_id)
    return _account(account, balances, moment.position, None)


def _account(row: Row, balances: Rows, position: int, working: Rows | None) -> Account:
    charged = None if row["fee_schedule"] is None else msgspec.convert(row["fee_schedule"], FeeSchedule)
    return Account(
        **{name: value for name, value in row.items() if name != "fee_schedule"},
        fee_schedule=None if charged is None else Fees(**msgspec.structs.asdict(charged)),
        position=position,
        balances=[Balance(**balance) for balance in balances],
        working_orders=None if working is None else [WorkingOrder(**order) for order in working],
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
    async with reader.snapshot("ledger") as snapshot:
        known_account(await accounts_sql.one(snapshot, account_id), account_id)
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
    async with reader.snapshot("ledger") as snapshot:
        rows = await accounts_sql.rejections(snapshot, account_id, filters, after)
    return Page[Rejection].model_validate(cursors.page(rows, filters.limit, scope, accounts_sql.rejection_key))


@router.get(
    "/api/tapes", operation_id="list_tapes", tags=["system"], summary="How far each projection has read each tape"
)
async def list_tapes(reader: Reader, filters: Annotated[Placed, Query()]) -> Tapes:
    async with reader.snapshot("ledger", "signals", "audit", "ticks") as snapshot:
        rows = await market_sql.progress(snapshot)
    return Tapes(data=[TapeProgress(**row) for row in rows])
