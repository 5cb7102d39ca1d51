"""Operations of reconciliation, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from tapeledger_client.call import AsyncSender, Call
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
        kind: BreakKind | None = None,
        order_id: str | None = None,
    ) -> BreakPage:
        """Where the venue's records and the ledger's differ, or did, newest first.

        limit: rows per page
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        order_id: the order's breaks

        Problems: 400, 422, 500, 503.
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
                    "kind": kind,
                    "order_id": order_id,
                },
                safe=True,
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
        kind: BreakKind | None = None,
        order_id: str | None = None,
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
                kind=kind,
                order_id=order_id,
            )
        )
