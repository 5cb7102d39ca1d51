"""What operations ask about their caller while they work: whose a row is, and which accounts a list may show."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.problems import ProblemError
from api.security.access import Access
from api.security.principal import Principal


class Rights:
    """The caller's, for one request."""

    def __init__(self, request: Request, access: Access, principal: Principal) -> None:
        self._request = request
        self.access = access
        self.principal = principal

    async def sees(self, account_id: str) -> bool:
        """Whether a row of this account may be shown; that another's was asked for is put on record.

        Raises ProblemError 503.
        """
        if await self.access.may_read(self.principal, account_id):
            return True
        self.access.denied(self._request, self.principal, "ACCOUNT_UNKNOWN")
        return False

    async def visible(self) -> list[str] | None:
        """The accounts whose rows a list may show, sorted; None: all. Raises ProblemError 503."""
        found = await self.access.visible_accounts(self.principal)
        return None if found is None else sorted(found)

    def named(self, name: str | None, what: str) -> str:
        """Who is said to act: the caller, or anybody whom an admin names. Raises ProblemError 403."""
        if name is None or name == self.principal.user_id:
            return self.principal.user_id
        if "admin" not in self.principal.scopes:
            raise self.refused("ACTOR_FORBIDDEN", f"expected {what} to be {self.principal.user_id}, it was {name!r}")
        return name

    def opened(self, account_id: str) -> None:
        """The caller has just asked to open this account, and will want to use it."""
        self.access.accounts.opened(self.principal.user_id, account_id)

    def refused(self, code: str, detail: str) -> ProblemError:
        """403, put on record."""
        self.access.denied(self._request, self.principal, code)
        return ProblemError(403, code, detail)


async def rights(request: Request) -> Rights:
    access: Access = request.app.state.access
    return Rights(request, access, await access.authenticate(request))


Caller = Annotated[Rights, Depends(rights)]
