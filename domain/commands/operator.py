"""What a named person or a vendor's feed wants, for a reason and under a reference of its own."""

from __future__ import annotations

from domain.commands.base import Command


class OperatorCommand(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not a trader's wish but a fact that somebody answers for.

    actor: who says so. reason: why. reference: the id under which the actor knows it, such as a corporate action's
    (ISO 15022 `CORP`), a statement line's, a transfer's or a trade desk's ticket.
    """

    actor: str
    reason: str
    reference: str
