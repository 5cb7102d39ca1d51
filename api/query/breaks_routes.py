"""GET operations: where the venue's records and the ledger's differ."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from api.fields import TimeOut, View
from api.query import breaks_sql, cursors
from api.query.filters import BreakFilters
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.views import Page
from api.security.rights import Caller
from domain.breaks import BreakKind

router = ReadRouter()


class Break(View):
    """A difference between the venue's records and the ledger's. The same difference is one break, however often found.

    account_id is null when no account has the order, such as one that somebody placed elsewhere.
    """

    break_id: str = Field(examples=["brk_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    account_id: str | None
    kind: BreakKind
    order_id: str = Field(description="ours; or the name that the venue has for it, where no account has it")
    execution_id: str | None
    venue: str = Field(examples=["ALPACA_PAPER"])
    symbol: str = Field(examples=["AAPL"])
    expected: str = Field(description="what the ledger had when it was last found", examples=["no such execution"])
    actual: str = Field(description="what the venue had", examples=["buy 5 at 10.01"])
    status: Literal["OPEN", "RESOLVED"]
    times: int = Field(description="how often it was found")
    first_found_at: TimeOut
    found_at: TimeOut = Field(description="when it was last found")
    resolved_at: TimeOut | None
    reason: str | None = Field(description="of its resolution")
    partition: int = Field(description="of ledger.events; of audit.logs where account_id is null")
    record_offset: int = Field(description="of the newest event about it")


@router.get(
    "/api/reconciliation/breaks",
    operation_id="list_breaks",
    tags=["reconciliation"],
    summary="Where the venue's records and the ledger's differ, or did, newest first",
)
async def list_breaks(reader: Reader, caller: Caller, filters: Annotated[BreakFilters, Query()]) -> Page[Break]:
    """Those of the accounts that the caller may read; those of no account for who reads all."""
    scope = cursors.scope_of("breaks", filters.chosen())
    after = cursors.decode(scope, filters.cursor, breaks_sql.After)
    visible = await caller.visible()
    async with reader.snapshot("ledger", "audit") as snapshot:
        rows = await breaks_sql.page(snapshot, filters, after, visible)
    return Page[Break].model_validate(cursors.page(rows, filters.limit, scope, breaks_sql.key))
