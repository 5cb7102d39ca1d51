"""GET operations: events as they stand on the tape, for auditors."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from api.query import accounts_sql, cursors, orders_sql, records_sql
from api.query.filters import EventFilters
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.record_views import TapeRecord, record
from api.query.routes import AccountPath, OrderPath, check_order
from api.query.unknown import known_account
from api.query.views import Page
from api.security.rights import Caller

router = ReadRouter()


@router.get(
    "/api/accounts/{account_id}/events",
    operation_id="list_account_events",
    tags=["accounts"],
    summary="An account's events as they stand on the tape, newest first",
)
async def list_account_events(
    request: Request, reader: Reader, account_id: AccountPath, filters: Annotated[EventFilters, Query()]
) -> Page[TapeRecord]:
    scope = cursors.scope_of(f"events/{account_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, records_sql.AfterRecord)
    async with reader.snapshot("ledger") as snapshot:
        account = known_account(await accounts_sql.one(snapshot, account_id), account_id)
        rows = await records_sql.of_account(snapshot, _topic(request), account["partition"], account_id, filters, after)
    found = cursors.page(rows, filters.limit, scope, records_sql.record_key)
    return Page[TapeRecord](**{**found, "data": [record(row) for row in found["data"]]})


@router.get(
    "/api/orders/{order_id}/events",
    operation_id="list_order_events",
    tags=["orders"],
    summary="The events that touch an order, as they stand on the tape, newest first",
)
async def list_order_events(
    request: Request, reader: Reader, caller: Caller, order_id: OrderPath, filters: Annotated[EventFilters, Query()]
) -> Page[TapeRecord]:
    """Events of other orders of its group that change this one are among them."""
    scope = cursors.scope_of(f"order-events/{order_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, records_sql.AfterRecord)
    async with reader.snapshot("ledger") as snapshot:
        await check_order(caller, order_id, await orders_sql.revision(snapshot, order_id))
        rows = await records_sql.of_order(snapshot, _topic(request), order_id, filters, after)
    found = cursors.page(rows, filters.limit, scope, records_sql.record_key)
    return Page[TapeRecord](**{**found, "data": [record(row) for row in found["data"]]})


def _topic(request: Request) -> str:
    topic: str = request.app.state.settings.topic("ledger.events")
    return topic
