"""Who stands behind a request, and with which rights."""

from __future__ import annotations

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller.

    role: viewer, trader, risk, compliance or admin. scopes: those of read, trade, risk, compliance and admin that both
    the role and the credential give. credential_id: key_…, tok_… or ses_…. accounts: granted besides the owned ones.
    key_id: the key behind the credential. limit_per_minute: requests, the key's own; 0: no limit; None: the user's.
    """

    user_id: str
    role: str
    scopes: frozenset[str]
    credential_id: str
    accounts: frozenset[str]
    key_id: str = ""
    limit_per_minute: int | None = None
