"""Operations of risk, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.model import Placed
from tapeledger_client.models import DeskView


class AsyncRiskOperations(AsyncSender):
    """Risk."""

    async def get_desk(self, *, min_position: Placed | str | None = None, wait: int | None = None) -> DeskView:
        """Halts, desk limits and marks of all partitions.

        Needs the scope `admin` or `compliance` or `risk`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 412, 422, 429, 431, 500, 503.
        """
        return await self._send(
            Call(
                "GET",
                "/api/risk/desk",
                DeskView,
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )
