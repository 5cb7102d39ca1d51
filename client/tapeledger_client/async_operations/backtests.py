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

        Needs the scope `read`.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("GET", path("/api/backtest/{}", backtest_id), Backtest, safe=True))

    async def request_backtest(self, body: BacktestRequest, *, idempotency_key: str | None = None) -> BacktestAccepted:
        """Run a strategy over recorded ticks.

        503 BACKTEST_RUNNER_MISSING where no runner is installed.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(
            Call("POST", "/api/backtest", BacktestAccepted, body=body, keyed=True, key=idempotency_key)
        )
