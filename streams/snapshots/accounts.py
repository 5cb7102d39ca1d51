"""The ledger's side of the port streams.snapshots.port: one state an account, and one of the desk under its key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain import account_state, desk_state
from domain.account import Account
from domain.desk import Desk
from domain.errors import BooksError
from domain.events import LedgerEvent
from domain.ledger import Ledger
from runtime.settings import Settings
from streams.snapshots.form import form_of

SNAPSHOTS = "ledger.snapshots"


class AccountStates:
    """The accounts and the desk of a decider that has its domain.ledger.Ledger as `ledger`.

    A desk that has laid down nothing has no state. No account has a desk's key: such ids are reserved.
    Another number of partitions, or another time for which ids are kept, makes another form.
    """

    def __init__(self, settings: Settings) -> None:
        self.form = form_of("account", account_state.STATE_VERSION, settings.partitions, settings.client_ids_kept_s)

    def keys(self, decider: Any) -> Iterable[str]:
        ledger = decider.ledger
        return [*ledger.accounts, ledger.desk.id] if ledger.desk.version else ledger.accounts.keys()

    def version(self, decider: Any, key: str) -> int:
        return int(_holder(decider.ledger, key).version)

    def dump(self, decider: Any, key: str) -> bytes:
        return dump(_holder(decider.ledger, key))

    def restore(self, decider: Any, raw: bytes) -> tuple[str, int]:
        if desk_state.is_one(raw):
            return self._restore_desk(decider.ledger, raw)
        account = account_state.restore(raw)
        decider.ledger.accounts[account.id] = account
        return account.id, account.version

    @staticmethod
    def _restore_desk(ledger: Ledger, raw: bytes) -> tuple[str, int]:
        desk = desk_state.restore(raw)
        if desk.id != ledger.desk.id:
            raise BooksError(f"expected the state of {ledger.desk.id!r}, it is of {desk.id!r}")
        ledger.desk = desk
        return desk.id, desk.version

    def move_last(self, decider: Any, key: str) -> None:
        accounts = decider.ledger.accounts
        if key in accounts:  # the desk has no place among them
            accounts[key] = accounts.pop(key)

    def touched(self, message: Any) -> tuple[str, int] | None:
        if isinstance(message, LedgerEvent) and message.originator_version:
            return message.originator_id, message.originator_version
        return None


def _holder(ledger: Ledger, key: str) -> Account | Desk:
    return ledger.desk if key == ledger.desk.id else ledger.accounts[key]


def dump(state: Account | Desk) -> bytes:
    """The state of an account or of a desk, as a snapshot holds it."""
    return desk_state.dump(state) if isinstance(state, Desk) else account_state.dump(state)
