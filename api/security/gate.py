"""The middleware before everything else that reads a request: who calls, and how often. Plain ASGI.

WebSockets pass: their operation asks `Access.authenticate` itself, since they are refused in another way.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemError, render
from api.security.access import Access
from api.security.credentials import refuse_in_url
from api.security.policy import PUBLIC_PATHS
from runtime.http.wire import HEADERS_BYTES_MAX


class Gate:
    """Refuses headers that are too large, credentials in URLs, strangers, and callers over their quota."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}
        try:
            await self._admit(scope, headers)
        except ProblemError as problem:
            await render(scope, problem)(scope, receive, send)
            return

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, send_with_limit if headers else send)

    async def _admit(self, scope: Scope, headers: dict[str, str]) -> None:
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > HEADERS_BYTES_MAX:
            detail = f"expected at most {HEADERS_BYTES_MAX} bytes of headers, they had {size}"
            raise ProblemError(431, "HEADERS_TOO_LARGE", detail)
        connection, access = HTTPConnection(scope), _access(scope)
        if scope["path"] in PUBLIC_PATHS or access.is_open(connection):
            refuse_in_url(scope["query_string"])
            return
        principal = await access.authenticate(connection)
        verdict = await access.limit(principal)
        if verdict is None:
            return
        if not verdict.is_allowed:
            problem = verdict.problem()
            access.denied(connection, principal, problem.code)
            raise problem
        headers.update(verdict.headers())


def _access(scope: Scope) -> Access:
    found: Access = scope["app"].state.access
    return found
