"""A Desk with a risk officer, marks of both symbols, and what is laid down for the whole desk. Figures as texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import commands
from domain.ledger import Ledger
from domain.limits import Limits
from domain.world import Mark, PlainDesk
from tests.domain.desk import START_US, Desk, lay_down

SECOND_US = 1_000_000
_FIGURES = {name for name in Limits.__struct_fields__ if "Decimal" in str(Limits.__annotations__[name])}


def limits_of(**figures: Any) -> Limits:
    """Limits whose money and quantities are given as texts."""
    return Limits(**{name: Decimal(value) if name in _FIGURES else value for name, value in figures.items()})


class RiskDesk(Desk):
    """AAPL stands at 10.00, IBM at 20.00. `by`: the officer "Grace"."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.mark("AAPL", "10.00")
        self.mark("IBM", "20.00")

    def mark(self, symbol: str, price: str) -> None:
        self.ledger.marks[symbol] = Mark(price=Decimal(price), market_time_us=START_US)

    def lay_down(self, **fields: Any) -> None:
        """What holds for every account of the desk."""
        lay_down(self.ledger, PlainDesk(**({"version": self.ledger.desk.version + 1} | fields)))

    def refolded(self) -> Ledger:
        """With marks and desk as they are, for no event put them in."""
        other = super().refolded()
        other.desk = self.ledger.desk
        return other

    def limit(self, strategy_id: str | None = None, **figures: Any) -> Any:
        return self.set_limits(limits_of(**figures), strategy_id)

    def set_limits(self, limits: Limits, strategy_id: str | None = None, **fields: Any) -> Any:
        own = {
            "scope": "ACCOUNT" if strategy_id is None else "STRATEGY",
            "strategy_id": strategy_id,
            "limits": limits,
            "set_by": "Grace",
            "reason": "a new mandate",
        }
        return self.send(commands.SetLimits(**self._envelope(own | fields)))

    def grant(self, client_order_id: str, *codes: str, **fields: Any) -> Any:
        own = {
            "override_id": f"ovr_{self.sent}",
            "client_order_id": client_order_id,
            "codes": codes,
            "granted_by": "Grace",
            "reason": "a block trade that was agreed",
            "expires_at_us": self.now_us + 60 * SECOND_US,
        }
        return self.send(commands.GrantOverride(**self._envelope(own | fields)))

    def revoke(self, override_id: str, **fields: Any) -> Any:
        own = {"override_id": override_id, "revoked_by": "Grace", "reason": "it was a mistake"}
        return self.send(commands.RevokeOverride(**self._envelope(own | fields)))

    def enable(self, strategy_id: str, **fields: Any) -> Any:
        own = {"strategy_id": strategy_id, "enabled_by": "Grace", "reason": "the feed is whole again"}
        return self.send(commands.EnableStrategy(**self._envelope(own | fields)))

    def _switch(self, kind: Any, fields: dict[str, Any]) -> Any:
        scope = "ORDER" if fields.get("order_id") else "STRATEGY" if fields.get("strategy_id") else "ACCOUNT"
        own = {"scope": scope, "by": "Grace", "reason": "it runs wild"}
        return self.send(kind(**self._envelope(own | fields)))

    def kill(self, **fields: Any) -> Any:
        return self._switch(commands.EngageKillSwitch, fields)

    def release(self, **fields: Any) -> Any:
        return self._switch(commands.ReleaseKillSwitch, fields)
