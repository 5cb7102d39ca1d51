"""GET operations: transfers of cash between accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from api.query import accounts_sql, cursors, transfers_sql
from api.query.filters import Placed, TransferFilters
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.routes import AccountPath
from api.query.unknown import not_found
from api.query.views import Page, Transfer

router = ReadRouter()
TransferPath = Annotated[str, Path(pattern=r"^[!-~]{1,128}$", examples=["trf_3f1c9a7e5b2d48069a1be3c5d7f80246"])]


@router.get(
    "/api/accounts/{account_id}/transfers",
    operation_id="list_transfers",
    tags=["accounts"],
    summary="Transfers from and to an account, newest first",
)
async def list_transfers(
    reader: Reader, account_id: AccountPath, filters: Annotated[TransferFilters, Query()]
) -> Page[Transfer]:
    scope = cursors.scope_of(f"transfers/{account_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, transfers_sql.AfterTransfer)
    async with reader.snapshot("ledger") as snapshot:
        if await accounts_sql.one(snapshot, account_id) is None:
            raise not_found("ACCOUNT_UNKNOWN", f"account {account_id}")
        rows = await transfers_sql.many(snapshot, account_id, filters, after)
    return Page[Transfer].model_validate(cursors.page(rows, filters.limit, scope, transfers_sql.transfer_key))


@router.get(
    "/api/accounts/{account_id}/transfers/{transfer_id}",
    operation_id="get_transfer",
    tags=["accounts"],
    summary="A transfer that this account has sent: on its way, arrived or returned",
)
async def get_transfer(
    reader: Reader, account_id: AccountPath, transfer_id: TransferPath, filters: Annotated[Placed, Query()]
) -> Transfer:
    """404 before it has left; a transfer that the sender's ledger refused stands under rejections."""
    async with reader.snapshot("ledger") as snapshot:
        row = await transfers_sql.one(snapshot, account_id, transfer_id)
    if row is None:
        raise not_found("TRANSFER_UNKNOWN", f"transfer {transfer_id} of account {account_id}")
    return Transfer(**row)
