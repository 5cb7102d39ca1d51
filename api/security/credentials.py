"""Which credential a request carries, and where it may stand: never in the URL."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import unquote_plus

from starlette.requests import HTTPConnection

from api.problems import ProblemError
from runtime.logs import without_credentials

SESSION_COOKIES = SECURE_COOKIE, LOCAL_COOKIE = ("__Host-tape_session", "tape_session")
_NAMES = frozenset(
    {"access_token", "api_key", "apikey", "api-key", "authorization", "bearer", "key", "token", "x-api-key"}
)
_CHALLENGE = 'Bearer realm="tapeledger"'

Kind = Literal["bearer", "session"]


class Credential(NamedTuple):
    """text: an API key, an access token, or the secret of a session."""

    kind: Kind
    text: str


def unauthenticated(code: str, detail: str) -> ProblemError:
    """401, with what RFC 6750 says about it."""
    error = "" if code == "CREDENTIAL_MISSING" else ', error="invalid_token"'
    return ProblemError(401, code, detail, headers={"WWW-Authenticate": _CHALLENGE + error})


def invalid() -> ProblemError:
    """The same for a key that is unknown, wrong, revoked or expired: nobody learns which keys there are."""
    return unauthenticated(
        "CREDENTIAL_INVALID", "expected a valid API key or access token; this one is not, or no more"
    )


def refuse_in_url(query: bytes) -> None:
    """Raises ProblemError 400 where a credential stands in a query string: logs and histories would keep it."""
    if not query:
        return
    for part in query.decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        text = unquote_plus(value)
        if unquote_plus(name).lower() in _NAMES or without_credentials(text) != text:
            raise ProblemError(
                400,
                "CREDENTIAL_IN_URL",
                "expected the credential in the Authorization header; it was in the URL, which logs and histories "
                "keep: revoke it",
            )


def find(connection: HTTPConnection) -> Credential:
    """The one credential of a request. Raises ProblemError 401 where there is none, or more than one."""
    found = [_bearer(value) for value in connection.headers.getlist("authorization")]
    found += [Credential("bearer", value.strip()) for value in connection.headers.getlist("x-api-key")]
    if not found:
        value = connection.cookies.get(session_cookie(connection))
        found = [Credential("session", value)] if value else []
    if not found:
        raise unauthenticated(
            "CREDENTIAL_MISSING", "expected `Authorization: Bearer` with an API key or an access token; there was none"
        )
    if len(set(found)) > 1:
        raise unauthenticated("CREDENTIAL_AMBIGUOUS", f"expected one credential, there were {len(found)}")
    return found[0]


def session_cookie(connection: HTTPConnection) -> str:
    """The name of the session's cookie. Over TLS no other one counts: a neighbouring host could have set it."""
    return SECURE_COOKIE if connection.url.scheme in ("https", "wss") else LOCAL_COOKIE


def _bearer(header: str) -> Credential:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise unauthenticated("CREDENTIAL_MALFORMED", "expected `Bearer` and an API key or an access token")
    return Credential("bearer", text.strip())
