"""Who follows the stream, and what they may see: the seam to the API's security, which `app.state.access` is."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from api.security.principal import Principal


class Access(Protocol):
    """What the stream asks of security."""

    async def authenticate(self, connection: HTTPConnection) -> Principal:
        """Raises ProblemError 401."""

    async def authenticate_again(self, connection: HTTPConnection) -> Principal:
        """The caller as the credential of a connection stands now. Raises ProblemError 401."""

    async def may_read(self, principal: Principal, account_id: str) -> bool: ...

    async def visible_accounts(self, principal: Principal) -> frozenset[str] | None:
        """None: all."""


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
