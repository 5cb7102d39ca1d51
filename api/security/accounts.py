"""Whose an account is. An owner never changes, so what was once read is true for ever.

An account counts as somebody's when the ledger's own event says so, never because a request has asked to open it: of
two who open the same one at once only the ledger knows the first. So an opener waits the moment that the projection
takes.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from api.problems import unavailable
from api.security.directory import Database

_OWNERS_MAX = 100_000
_OPENED_MAX = 10_000
_OPENED_S = 60.0
_OWN_WAIT_S, _OTHER_WAIT_S, _POLL_S = 5.0, 0.3, 0.05
_OWNER = "select owner from accounts where account_id = %(account_id)s"
_OWNED = "select account_id from accounts where owner = %(owner)s"


class Accounts:
    """Asks the read side once for each account, and remembers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._opened: OrderedDict[tuple[str, str], float] = OrderedDict()

    def opened(self, user_id: str, account_id: str) -> None:
        """This user has asked to open it through this process: it is worth waiting for."""
        self._opened[user_id, account_id] = time.monotonic() + _OPENED_S
        while len(self._opened) > _OPENED_MAX:
            self._opened.popitem(last=False)

    async def owner(self, account_id: str) -> str | None:
        """The owner of an account; None for one that is not known to the read side.

        Raises ProblemError 503 where the database does not answer.
        """
        known = self._owners.get(account_id)
        if known is not None:
            return known
        async with self._database.snapshot() as snapshot:
            row = await snapshot.one(_OWNER, {"account_id": account_id})
        if row is None:
            return None
        self._owners[account_id] = row["owner"]
        while len(self._owners) > _OWNERS_MAX:
            self._owners.popitem(last=False)
        found: str = row["owner"]
        return found

    async def owner_soon(self, account_id: str, user_id: str) -> str | None:
        """The same, waiting a moment for an account that was only just opened.

        Raises ProblemError 503 where the user has opened it just now and the read side does not show it in time.
        """
        is_own = time.monotonic() < self._opened.get((user_id, account_id), 0.0)
        deadline = time.monotonic() + (_OWN_WAIT_S if is_own else _OTHER_WAIT_S)
        owner = await self.owner(account_id)
        while owner is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)
            owner = await self.owner(account_id)
        if owner is None and is_own:
            raise unavailable("ACCOUNT_NOT_PROJECTED", f"account {account_id} is not there yet; nothing was sent")
        return owner

    async def owned_by(self, user_id: str) -> frozenset[str]:
        """The ids of a user's own accounts."""
        async with self._database.snapshot() as snapshot:
            rows = await snapshot.all(_OWNED, {"owner": user_id})
        return frozenset(row["account_id"] for row in rows)
