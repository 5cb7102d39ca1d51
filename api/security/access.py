"""What the other parts of the API ask of security; `app.state.access` is one."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import HTTPConnection

from api.security.principal import Principal


class Access(Protocol):
    """Authentication and the ownership of accounts."""

    async def authenticate(self, connection: HTTPConnection) -> Principal:
        """Raises ProblemError 401 where no valid credential is given."""

    async def may_read(self, principal: Principal, account_id: str) -> bool:
        """Whether the account is theirs or granted, or their scopes read all."""

    async def may_trade(self, principal: Principal, account_id: str) -> bool:
        """Whether they may command the account."""

    async def visible_accounts(self, principal: Principal) -> frozenset[str] | None:
        """The accounts that they may read; None: all."""
