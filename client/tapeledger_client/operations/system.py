"""Operations of system.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import Call, Sender
from tapeledger_client.models import Liveness, Readiness, Tapes


class SystemOperations(Sender):
    """System."""

    def get_metrics(self) -> str:
        """Prometheus metrics of this process.

        Problems: 500.
        """
        return self._send(Call("GET", "/api/metrics", str, accept="text/plain", safe=True))

    def list_tapes(self) -> Tapes:
        """How far each projection has read each tape.

        Problems: 500, 503.
        """
        return self._send(Call("GET", "/api/tapes", Tapes, safe=True))

    def livez(self) -> Liveness:
        """Whether the process serves.

        Problems: 500.
        """
        return self._send(Call("GET", "/livez", Liveness, safe=True))

    def readyz(self) -> Readiness:
        """Whether what it needs is there.

        503 names each missing dependency.

        Problems: 500, 503.
        """
        return self._send(Call("GET", "/readyz", Readiness, safe=True))
