"""Operations of system, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.models import Liveness, Readiness, Tapes


class AsyncSystemOperations(AsyncSender):
    """System."""

    async def get_metrics(self) -> str:
        """Prometheus metrics of this process.

        Problems: 500.
        """
        return await self._send(Call("GET", "/api/metrics", str, accept="text/plain", safe=True))

    async def list_tapes(self) -> Tapes:
        """How far each projection has read each tape.

        Problems: 500, 503.
        """
        return await self._send(Call("GET", "/api/tapes", Tapes, safe=True))

    async def livez(self) -> Liveness:
        """Whether the process serves.

        Problems: 500.
        """
        return await self._send(Call("GET", "/livez", Liveness, safe=True))

    async def readyz(self) -> Readiness:
        """Whether what it needs is there.

        503 names each missing dependency.

        Problems: 500, 503.
        """
        return await self._send(Call("GET", "/readyz", Readiness, safe=True))
