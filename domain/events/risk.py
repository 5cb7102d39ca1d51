"""What risk officers have laid down for one account, with who and why. None of it moves money."""

from __future__ import annotations

from domain.commands.risk import KillScope, LimitScope, ReleaseScope
from domain.events.base import LedgerEvent
from domain.events.links import LinkedOrder
from domain.limits import Limits


class LimitsSet(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These limits hold from here on, as a whole. version: counts the account's LimitsSet from 1, over all scopes."""

    command_id: str
    version: int
    scope: LimitScope
    strategy_id: str | None
    limits: Limits
    set_by: str
    reason: str


class OverrideGranted(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order may pass the checks with these codes, once; its own event says when it did (`overrides`)."""

    command_id: str
    override_id: str
    client_order_id: str
    codes: tuple[str, ...]
    granted_by: str
    reason: str
    expires_at_us: int


class OverrideRevoked(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The override is void."""

    command_id: str
    override_id: str
    revoked_by: str
    reason: str


class StrategyEnabled(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A strategy that its throttle had disabled may trade again; its fills are counted anew."""

    command_id: str
    strategy_id: str
    enabled_by: str
    reason: str


class KillSwitchEngaged(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders and replacements in scope are refused from here on. linked: what becomes of its working orders."""

    command_id: str
    scope: KillScope
    order_id: str | None
    strategy_id: str | None
    by: str
    reason: str
    linked: tuple[LinkedOrder, ...]


class KillSwitchReleased(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders in scope are taken again."""

    command_id: str
    scope: ReleaseScope
    strategy_id: str | None
    by: str
    reason: str
