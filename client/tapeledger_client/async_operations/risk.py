"""Operations of risk, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.models import DeskView


class AsyncRiskOperations(AsyncSender):
    """Risk."""

    async def get_desk(self) -> DeskView:
        """Halts, desk limits and marks of all partitions.

        Problems: 500.
        """
        return await self._send(Call("GET", "/api/risk/desk", DeskView, safe=True))
