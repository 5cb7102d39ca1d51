"""Operations of portfolio.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import Call, Sender
from tapeledger_client.models import Rebalance, RebalanceAsked, RebalanceList, RebalancePreview, RebalanceRequest
from tapeledger_client.wire import path


class PortfolioOperations(Sender):
    """Portfolio."""

    def cancel_rebalance(self, account_id: str, plan_id: str, *, idempotency_key: str | None = None) -> RebalanceAsked:
        """Send no more orders of a rebalance, and cancel what is working.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/portfolio/{}/rebalances/{}/cancel", account_id, plan_id),
                RebalanceAsked,
                keyed=True,
                key=idempotency_key,
            )
        )

    def get_rebalance(self, account_id: str, plan_id: str) -> Rebalance:
        """A rebalance, and how far it is.

        Problems: 404, 422, 500, 503.
        """
        return self._send(
            Call("GET", path("/api/portfolio/{}/rebalances/{}", account_id, plan_id), Rebalance, safe=True)
        )

    def list_rebalances(self, account_id: str) -> RebalanceList:
        """Rebalances, newest first.

        Problems: 404, 422, 500, 503.
        """
        return self._send(Call("GET", path("/api/portfolio/{}/rebalances", account_id), RebalanceList, safe=True))

    def preview_rebalance(self, account_id: str, body: RebalanceRequest) -> RebalancePreview:
        """The orders that a rebalance would give now; nothing is written.

        Computed by the ledger's own rules on the account as it is projected. What they refuse is 422 with their
        code.

        Problems: 400, 404, 413, 415, 422, 500, 503.
        """
        return self._send(
            Call(
                "POST", path("/api/portfolio/{}/rebalance/preview", account_id), RebalancePreview, body=body, safe=True
            )
        )

    def rebalance_portfolio(
        self,
        account_id: str,
        body: RebalanceRequest,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> RebalanceAsked:
        """Bring a portfolio to target weights.

        if_match: the ETag of a preview: exactly its orders are made, or none
        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
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
            )
        )
