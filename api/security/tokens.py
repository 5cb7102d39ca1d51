"""Access tokens: JSON Web Tokens (RFC 7519, in the profile of RFC 9068) of a few minutes, signed with HMAC-SHA-256.

A token is worth what the key is worth that it was made with, and as long as that stands: each request asks the
directory. The algorithm is fixed; what a token says about it is compared, never followed.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

import jwt

from api.problems import ProblemError
from api.security.credentials import invalid
from domain.access import SCOPES
from runtime.clock import now_us
from runtime.settings import Settings

ALGORITHM, TYPE = "HS256", "at+jwt"
ISSUER, AUDIENCE = "tapeledger", "tapeledger-api"
TOKEN_CHARACTERS_MAX = 4_096


class Claims(NamedTuple):
    """What a good token says."""

    token_id: str
    user_id: str
    key_id: str
    scopes: frozenset[str]


class Tokens:
    """Signs with the first of AUTH_SIGNING_KEYS, verifies with each."""

    def __init__(self, settings: Settings) -> None:
        self._keys = {_name(key): key for key in settings.signing_keys()}
        self._lifetime_s = settings.auth_access_token_s

    @property
    def lifetime_s(self) -> int:
        return self._lifetime_s

    def issue(self, user_id: str, key_id: str, scopes: frozenset[str]) -> tuple[str, str]:
        """A token and its id. Raises ProblemError 503 without a key to sign with."""
        if not self._keys:
            raise ProblemError(503, "TOKENS_OFF", "AUTH_SIGNING_KEYS is not set: no access tokens here, use API keys")
        name, key = next(iter(self._keys.items()))
        issued_at, token_id = now_us() // 1_000_000, f"tok_{secrets.token_hex(16)}"
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "cid": key_id,
            "jti": token_id,
            "scope": " ".join(scope for scope in SCOPES if scope in scopes),
            "iat": issued_at,
            "exp": issued_at + self._lifetime_s,
        }
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": name, "typ": TYPE}), token_id

    def verify(self, text: str) -> Claims:
        """Raises ProblemError 401 for whatever is no good token, without saying why."""
        try:
            header = jwt.get_unverified_header(text) if len(text) <= TOKEN_CHARACTERS_MAX else {}
            key = self._keys.get(str(header.get("kid")))
            if key is None or header.get("alg") != ALGORITHM or str(header.get("typ")).lower() != TYPE:
                raise invalid()
            claims = jwt.decode(
                text,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["iss", "aud", "sub", "jti", "iat", "exp"], "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise invalid() from error
        user_id, key_id, scope = claims["sub"], claims.get("cid"), claims.get("scope")
        if not isinstance(key_id, str) or not isinstance(scope, str):
            raise invalid()
        return Claims(str(claims["jti"]), user_id, key_id, frozenset(scope.split()))


def _name(key: str) -> str:
    """A key's name in the tokens that it signs: 64 bits of its SHA-256, under a tag of its own."""
    return hashlib.sha256(b"tapeledger/kid/" + key.encode()).hexdigest()[:16]
