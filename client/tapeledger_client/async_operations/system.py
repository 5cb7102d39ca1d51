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

        Needs the scope `read`.

        Problems: 400, 401, 403, 429, 431, 500, 503.
        """
        return await self._send(Call("GET", "/api/metrics", str, accept="text/plain", safe=True))

    async def list_projections(
        self, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> Projections:
        """How far each projection is behind its topic.

        The ends are asked for after the tables were read; Kafka has 1.5 s to answer.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 412, 422, 429, 431, 500, 503.
        """
        return await self._send(
            Call("GET", "/api/projections", Projections, safe=True, placed=True, min_position=min_position, wait_s=wait)
        )

    async def list_tapes(self, *, min_position: Placed | str | None = None, wait: int | None = None) -> Tapes:
        """How far each projection has read each tape.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 412, 422, 429, 431, 500, 503.
        """
        return await self._send(
            Call(
                "GET", "/api/tapes", Tapes, safe=True, cached=True, placed=True, min_position=min_position, wait_s=wait
            )
        )

    async def livez(self) -> Liveness:
        """Whether the process serves.

        Problems: 400, 431, 500.
        """
        return await self._send(Call("GET", "/livez", Liveness, safe=True))

    async def readyz(self) -> Readiness:
        """Whether what it needs is there.

        503 names each missing dependency, to those who come with a credential.

        Problems: 400, 431, 500, 503.
        """
        return await self._send(Call("GET", "/readyz", Readiness, safe=True))
