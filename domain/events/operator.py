"""What every event has that a named person or a vendor's feed has caused."""

from __future__ import annotations

from domain.events.base import LedgerEvent


class OperatorEvent(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """actor, reason, reference: who, why, and the actor's own id of it, see domain.commands.operator."""

    command_id: str
    actor: str
    reason: str
    reference: str
