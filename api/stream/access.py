"""Who follows the stream, and what they may see: the seam to the API's security.

`app.state.access` decides where there is one. Without it the API has no authentication (api.app.check_host keeps it on
the loopback), and everybody sees everything; only pages of other origins are refused, since a browser lets any page
open a WebSocket to any host.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from api.problems import ProblemError


class Principal(Protocol):
    """What the stream asks of a caller (api.security.principal.Principal has it)."""

    @property
    def user_id(self) -> str: ...

    @property
    def scopes(self) -> frozenset[str]: ...


class Access(Protocol):
    """What the stream asks of security."""

    async def authenticate(self, connection: HTTPConnection) -> Principal:
        """Raises ProblemError 401."""

    async def may_read(self, principal: Principal, account_id: str) -> bool: ...

    async def visible_accounts(self, principal: Principal) -> frozenset[str] | None:
        """None: all."""


class Anybody:
    """The caller of an API without authentication."""

    user_id = "anybody"
    scopes = frozenset({"read"})


class OpenAccess:
    """The API without authentication."""

    async def authenticate(self, connection: HTTPConnection) -> Principal:
        if not is_same_origin(connection.headers):
            raise ProblemError(401, "ORIGIN_FOREIGN", f"pages of {connection.headers['origin']!r} may not read here")
        return Anybody()

    async def may_read(self, principal: Principal, account_id: str) -> bool:
        return True

    async def visible_accounts(self, principal: Principal) -> frozenset[str] | None:
        return None


def is_same_origin(headers: Headers) -> bool:
    """Whether the page that opens a connection, if it is one, came from this very host (RFC 6455, section 10.2)."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def with_token(connection: HTTPConnection, token: str) -> HTTPConnection:
    """The same connection as if it had come with this bearer token, and without a session's cookie."""
    kept = [(name, value) for name, value in connection.scope["headers"] if name not in (b"authorization", b"cookie")]
    header = (b"authorization", b"Bearer " + token.encode("latin-1", "replace"))
    return HTTPConnection({**connection.scope, "headers": [*kept, header]})


def without_cookie(connection: HTTPConnection) -> HTTPConnection:
    """The same connection without what a browser adds by itself."""
    kept = [(name, value) for name, value in connection.scope["headers"] if name != b"cookie"]
    return HTTPConnection({**connection.scope, "headers": kept})
