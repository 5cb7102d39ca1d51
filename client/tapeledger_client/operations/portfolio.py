"""Operations of portfolio.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from tapeledger_client.call import Call, Sender
from tapeledger_client.model import Document, Placed
from tapeledger_client.models import (
    Rebalance,
    RebalanceAsked,
    RebalanceLine,
    RebalanceLinePage,
    RebalancePreview,
    RebalanceRequest,
)
from tapeledger_client.pages import each
from tapeledger_client.wire import path


class PortfolioOperations(Sender):
    """Portfolio."""

    def cancel_rebalance(
        self, account_id: str, plan_id: str, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> RebalanceAsked:
        """Send no more orders of a rebalance, and cancel what is working.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/portfolio/{}/rebalances/{}/cancel", account_id, plan_id),
                RebalanceAsked,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def get_rebalance(
        self, account_id: str, plan_id: str, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> Rebalance:
        """A rebalance, and how far it is.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/portfolio/{}/rebalances/{}", account_id, plan_id),
                Rebalance,
                ids=(
                    account_id,
                    plan_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_rebalances(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> RebalanceLinePage:
        """Rebalances, newest first.

        Empty for an account that is not known.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/portfolio/{}/rebalances", account_id),
                RebalanceLinePage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_rebalances_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_rebalances`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/portfolio/{}/rebalances", account_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_rebalances(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[RebalanceLine]:
        """Each row of `list_rebalances`, page after page."""
        return each(
            lambda cursor: self.list_rebalances(
                account_id, limit=page_size, cursor=cursor, from_=from_, to=to, min_position=min_position, wait=wait
            )
        )

    def preview_rebalance(
        self,
        account_id: str,
        body: RebalanceRequest,
        *,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> RebalancePreview:
        """The orders that a rebalance would give now; nothing is written.

        Computed by the ledger's own rules on the account as it is projected. What they refuse is 422 with their
        code.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 408, 412, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/portfolio/{}/rebalance/preview", account_id),
                RebalancePreview,
                body=body,
                ids=(account_id,),
                safe=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def rebalance_portfolio(
        self,
        account_id: str,
        body: RebalanceRequest,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
        wait: int | None = None,
    ) -> RebalanceAsked:
        """Bring a portfolio to target weights.

        Needs the scope `trade`.

        if_match: the ETag of a preview: exactly its orders are made, or none
        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/portfolio/{}/rebalance", account_id),
                RebalanceAsked,
                headers={"If-Match": if_match},
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )
