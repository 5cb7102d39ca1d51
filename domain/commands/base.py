"""What every command has."""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command has. `issued_at_us` is the sender's wall clock; a command too old is refused."""

    command_id: str
    account_id: str
    issued_at_us: int
