"""Operations of system, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.model import Placed
from tapeledger_client.models import Liveness, Projections, Readiness, Tapes


class AsyncSystemOperations(AsyncSender):
    """System."""

    async def get_metrics(self) -> str:
        """Prometheus metrics of this process.

        Problems: 500.
        """
        return await self._send(Call("GET", "/api/metrics", str, accept="text/plain", safe=True))

    async def list_projections(
        self, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> Projections:
        """How far each projection is behind its topic.

        The ends are asked for after the tables were read; Kafka has 1.5 s to answer.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 412, 422, 500, 503.
        """
        return await self._send(
            Call("GET", "/api/projections", Projections, safe=True, placed=True, min_position=min_position, wait_s=wait)
        )

    async def list_tapes(self, *, min_position: Placed | str | None = None, wait: int | None = None) -> Tapes:
        """How far each projection has read each tape.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 412, 422, 500, 503.
        """
        return await self._send(
            Call(
                "GET", "/api/tapes", Tapes, safe=True, cached=True, placed=True, min_position=min_position, wait_s=wait
            )
        )

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
