"""What a risk officer wants of one account. `…by`: who it is; `reason`: why; both stand on the tape for ever.

EU 2017/589 (RTS 6): limits article 15, overrides of blocked orders article 15(5) and (6), the throttle article 15(3),
the kill functionality article 12.
"""

from __future__ import annotations

from typing import Literal

from domain.commands.base import Command
from domain.limits import Limits

LimitScope = Literal["ACCOUNT", "STRATEGY"]
KillScope = Literal["ORDER", "STRATEGY", "ACCOUNT"]
ReleaseScope = Literal["STRATEGY", "ACCOUNT"]


class SetLimits(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lay down the limits of the account, or of one strategy in it; they replace what was there as a whole.

    limits: an empty one unsets them. strategy_id: for the scope STRATEGY, otherwise absent.
    """

    scope: LimitScope
    limits: Limits
    set_by: str
    reason: str
    strategy_id: str | None = None


class GrantOverride(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let one order, known by its client order id, pass the checks with these codes, once.

    codes: of domain.risk.OVERRIDABLE. expires_at_us: record time, at most 24 hours ahead.
    """

    override_id: str
    client_order_id: str
    codes: tuple[str, ...]
    granted_by: str
    reason: str
    expires_at_us: int


class RevokeOverride(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take an override back that has not been used."""

    override_id: str
    revoked_by: str
    reason: str


class EnableStrategy(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a strategy trade again that its throttle has disabled."""

    strategy_id: str
    enabled_by: str
    reason: str


class EngageKillSwitch(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cancel every working order in scope and, for STRATEGY and ACCOUNT, refuse new ones until it is released.

    order_id: for the scope ORDER, strategy_id: for the scope STRATEGY, otherwise absent.
    """

    scope: KillScope
    by: str
    reason: str
    order_id: str | None = None
    strategy_id: str | None = None


class ReleaseKillSwitch(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take new orders again. There is none for one order: a cancellation that was asked for cannot be taken back."""

    scope: ReleaseScope
    by: str
    reason: str
    strategy_id: str | None = None


RISK_COMMANDS: tuple[type[Command], ...] = (
    SetLimits,
    GrantOverride,
    RevokeOverride,
    EnableStrategy,
    EngageKillSwitch,
    ReleaseKillSwitch,
)
