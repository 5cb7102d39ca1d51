"""Operations of backtests, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.models import Backtest, BacktestAccepted, BacktestRequest
from tapeledger_client.wire import path


class AsyncBacktestsOperations(AsyncSender):
    """Backtests."""

    async def get_backtest(self, backtest_id: str) -> Backtest:
        """A backtest: how far it is, and its result.

        Problems: 404, 422, 500.
        """
        return await self._send(Call("GET", path("/api/backtest/{}", backtest_id), Backtest, safe=True))

    async def request_backtest(self, body: BacktestRequest, *, idempotency_key: str | None = None) -> BacktestAccepted:
        """Run a strategy over recorded ticks.

        503 BACKTEST_RUNNER_MISSING where no runner is installed.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return await self._send(
            Call("POST", "/api/backtest", BacktestAccepted, body=body, keyed=True, key=idempotency_key)
        )
