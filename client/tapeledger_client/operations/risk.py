"""Operations of risk.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.call import Call, Sender
from tapeledger_client.models import DeskView


class RiskOperations(Sender):
    """Risk."""

    def get_desk(self) -> DeskView:
        """Halts, desk limits and marks of all partitions.

        Problems: 500.
        """
        return self._send(Call("GET", "/api/risk/desk", DeskView, safe=True))
