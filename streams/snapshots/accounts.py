"""The ledger's side of the port streams.snapshots.port: one state an account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain import account_state
from domain.events import LedgerEvent
from runtime.settings import Settings
from streams.snapshots.form import form_of

SNAPSHOTS = "ledger.snapshots"


class AccountStates:
    """The accounts of a decider that has its domain.ledger.Ledger as `ledger`.

    Another number of partitions, or another time for which ids are kept, makes another form.
    """

    def __init__(self, settings: Settings) -> None:
        self.form = form_of("account", account_state.STATE_VERSION, settings.partitions, settings.client_ids_kept_s)

    def keys(self, decider: Any) -> Iterable[str]:
        return decider.ledger.accounts.keys()  # type: ignore[no-any-return]

    def version(self, decider: Any, key: str) -> int:
        return int(decider.ledger.accounts[key].version)

    def dump(self, decider: Any, key: str) -> bytes:
        return account_state.dump(decider.ledger.accounts[key])

    def restore(self, decider: Any, raw: bytes) -> tuple[str, int]:
        account = account_state.restore(raw)
        decider.ledger.accounts[account.id] = account
        return account.id, account.version

    def touched(self, message: Any) -> tuple[str, int] | None:
        if isinstance(message, LedgerEvent) and message.originator_version:
            return message.originator_id, message.originator_version
        return None
