"""Who may call: this machine, or whoever has the token."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import InvalidValue
from runtime.http.hosts import is_loopback
from runtime.http.problems import ProblemError, render
from runtime.settings import Settings

PUBLIC_PATHS = frozenset({"/livez", "/readyz", "/openapi.json"})


def check_host(settings: Settings) -> None:
    """Raises InvalidValue for a host other than loopback without a token."""
    if is_loopback(settings.model_service_host) or settings.model_service_token.get_secret_value():
        return
    raise InvalidValue(
        "MODEL_SERVICE_OPEN",
        f"MODEL_SERVICE_HOST is {settings.model_service_host!r} and anybody could ask. Expected a loopback address "
        "such as 127.0.0.1, or a MODEL_SERVICE_TOKEN",
    )


class Token:
    """The secret that callers share; an empty one asks nothing."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.model_service_token.get_secret_value().encode()

    def admits(self, headers: Headers) -> bool:
        """Compared in a time that tells nothing of the token. Source: RFC 6750, section 2.1."""
        if not self._token:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), self._token)


class TokenGate:
    """Refuses calls without the token, all but those of PUBLIC_PATHS. Plain ASGI."""

    def __init__(self, app: ASGIApp, token: Token) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PUBLIC_PATHS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._token.admits(headers):
            await self._app(scope, receive, send)
            return
        was = "it was another" if "authorization" in headers else "there was none"
        detail = f"expected Authorization: Bearer with the service's token, {was}"
        problem = ProblemError(401, "TOKEN_INVALID", detail, headers={"WWW-Authenticate": "Bearer"})
        await render(scope, problem)(scope, receive, send)
