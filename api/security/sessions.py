"""Sessions of browsers: an httpOnly cookie with 256 random bits; what it stands for is in Redis, under its SHA-256.

A session ends when it is idle too long, at its absolute end, with its key, or when its owner signs out. Requests that
change something need the session's CSRF token in a header: a page of another origin can neither read it nor set it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.problems import ProblemError
from api.security.credentials import SESSION_COOKIES, invalid, session_cookie
from api.security.store import Store, away
from runtime.clock import now_us
from runtime.patient_redis import RedisAway
from runtime.settings import Settings

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a cookie stands for."""

    session_id: str
    user_id: str
    key_id: str
    created_at_us: int
    expires_at_us: int


class Sessions:
    """Opens, finds and ends sessions. Each raises ProblemError 503 while Redis is away."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._idle_s = settings.auth_session_idle_s
        self._length_us = settings.auth_session_s * 1_000_000

    async def open(self, user_id: str, key_id: str) -> tuple[str, Session]:
        """The secret for the cookie, and the session."""
        secret, now = f"ts_{secrets.token_hex(32)}", now_us()
        session = Session(
            session_id=f"ses_{secrets.token_hex(16)}",
            user_id=user_id,
            key_id=key_id,
            created_at_us=now,
            expires_at_us=now + self._length_us,
        )
        try:
            await self._store.put(_name(secret), msgspec.json.encode(session).decode(), self._idle_s)
        except RedisAway as error:
            raise away() from error
        return secret, session

    async def find(self, secret: str, *, is_use: bool = True) -> Session:
        """Raises ProblemError 401 where there is none. is_use: it is not idle, for its time begins anew."""
        try:
            raw = await self._store.get(_name(secret), self._idle_s if is_use else None)
        except RedisAway as error:
            raise away() from error
        try:
            session = None if raw is None else msgspec.json.decode(raw, type=Session)
        except msgspec.DecodeError:
            session = None
        if session is None or now_us() >= session.expires_at_us:
            raise invalid()
        return session

    async def end(self, secret: str) -> None:
        try:
            await self._store.delete(_name(secret))
        except RedisAway as error:
            raise away() from error


def _name(secret: str) -> str:
    return f"session:{hashlib.sha256(secret.encode()).hexdigest()}"


def csrf_token(secret: str) -> str:
    """Bound to the session: another session's does not fit."""
    return hmac.new(secret.encode(), b"tapeledger/csrf", hashlib.sha256).hexdigest()


def check_csrf(connection: HTTPConnection, secret: str, origins: Collection[str]) -> None:
    """Raises ProblemError 403 for a request with a cookie that may come from another site's page."""
    check_origin(connection, origins)
    given = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(secret).encode()):
        what = "another one" if given else "none"
        raise ProblemError(
            403, "CSRF_TOKEN_INVALID", f"expected the session's token in {CSRF_HEADER}, there was {what}"
        )


def check_origin(connection: HTTPConnection, origins: Collection[str]) -> None:
    """Raises ProblemError 403 for an Origin that is neither our own nor one of API_CORS_ORIGINS."""
    origin = connection.headers.get("origin")
    if origin is None or origin in origins:
        return
    own, given = connection.headers.get("host", ""), urlsplit(origin)
    secure = connection.url.scheme in ("https", "wss")
    if given.netloc.lower() == own.lower() and (given.scheme == "https") == secure:
        return
    raise ProblemError(403, "ORIGIN_FORBIDDEN", f"expected a page of this origin, it was one of {origin[:128]!r}")


def put_cookie(connection: HTTPConnection, response: Response, secret: str, seconds: int) -> None:
    """Raises ProblemError 403 over plain HTTP from elsewhere, where the cookie could be read on its way."""
    secure = connection.url.scheme == "https"
    if not secure and not is_local(connection):
        raise ProblemError(403, "TLS_REQUIRED", "expected HTTPS: a session's cookie does not travel in clear text")
    response.set_cookie(
        session_cookie(connection),
        secret,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def drop_cookies(response: Response) -> None:
    for name in SESSION_COOKIES:
        response.delete_cookie(name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="strict")


def is_local(connection: HTTPConnection) -> bool:
    """The caller is on this machine."""
    client = connection.client
    try:
        return client is not None and ipaddress.ip_address(client.host).is_loopback
    except ValueError:
        return False
