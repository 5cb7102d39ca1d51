"""Operations of reconciliation, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.model import Document, Placed
from tapeledger_client.models import Break, BreakKind, BreakPage, BreakStatus
from tapeledger_client.pages import aeach


class AsyncReconciliationOperations(AsyncSender):
    """Reconciliation."""

    async def list_breaks(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        status: BreakStatus | None = None,
        account_id: str | None = None,
        symbol: str | None = None,
        kind: BreakKind | None = None,
        order_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> BreakPage:
        """Where the venue's records and the ledger's differ, or did, newest first.

        Those of the accounts that the caller may read; those of no account for who reads all.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        order_id: the order's breaks
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 406, 412, 422, 429, 431, 500, 503.
        """
        return await self._send(
            Call(
                "GET",
                "/api/reconciliation/breaks",
                BreakPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "status": status,
                    "account_id": account_id,
                    "symbol": symbol,
                    "kind": kind,
                    "order_id": order_id,
                },
                ids=(
                    account_id,
                    order_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    async def list_breaks_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        status: BreakStatus | None = None,
        account_id: str | None = None,
        symbol: str | None = None,
        kind: BreakKind | None = None,
        order_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_breaks`, in another form than JSON."""
        return await self._send(
            Call(
                "GET",
                "/api/reconciliation/breaks",
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "status": status,
                    "account_id": account_id,
                    "symbol": symbol,
                    "kind": kind,
                    "order_id": order_id,
                },
                ids=(
                    account_id,
                    order_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_breaks(
        self,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        status: BreakStatus | None = None,
        account_id: str | None = None,
        symbol: str | None = None,
        kind: BreakKind | None = None,
        order_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> AsyncIterator[Break]:
        """Each row of `list_breaks`, page after page."""
        return aeach(
            lambda cursor: self.list_breaks(
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                status=status,
                account_id=account_id,
                symbol=symbol,
                kind=kind,
                order_id=order_id,
                min_position=min_position,
                wait=wait,
            )
        )
