"""Refresh tokens: opaque, in families. Each use gives the next one; a second use of one kills its family, for then two
have had it (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

import msgspec

from api.security.credentials import invalid
from api.security.store import Store, away
from runtime.patient_redis import RedisAway
from runtime.settings import Settings

_TOKEN = re.compile(r"rt_([0-9a-f]{32})_[0-9a-f]{64}")
_ROTATE = """
local found = redis.call('HMGET', KEYS[1], 'current', 'grant')
if not found[1] then return {'unknown', ''} end
if found[1] ~= ARGV[1] then
    redis.call('DEL', KEYS[1])
    return {'reused', found[2]}
end
redis.call('HSET', KEYS[1], 'current', ARGV[2])
return {'rotated', found[2]}
"""


class Grant(msgspec.Struct, frozen=True):
    """What a family was made for."""

    user_id: str
    key_id: str
    scopes: list[str]


class Rotated(NamedTuple):
    """token: the next one; None where the one that was given had been used before, and the family is dead now."""

    grant: Grant
    token: str | None


class RefreshTokens:
    """In Redis, until the family's end."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._lifetime_s = settings.auth_refresh_token_s
        self._rotate = store.script(_ROTATE)

    async def begin(self, grant: Grant) -> str | None:
        """The first token of a new family; None while Redis is away: access tokens are to be had without."""
        family = secrets.token_hex(16)
        token = _token(family)
        fields = {"current": _hash(token), "grant": msgspec.json.encode(grant).decode()}
        try:
            await self._store.put_fields(f"refresh:{family}", fields, self._lifetime_s)
        except RedisAway:
            return None
        return token

    async def rotate(self, token: str) -> Rotated:
        """Raises ProblemError 401 for one that is none, 503 while Redis is away."""
        family = _family(token)
        following = _token(family)
        try:
            state, grant = await self._store.run(self._rotate, [f"refresh:{family}"], [_hash(token), _hash(following)])
        except RedisAway as error:
            raise away() from error
        if state == "unknown":
            raise invalid()
        return Rotated(msgspec.json.decode(grant, type=Grant), following if state == "rotated" else None)

    async def end(self, token: str) -> bool:
        """Kill the family of a token. Whether there was one."""
        try:
            return await self._store.delete(f"refresh:{_family(token)}")
        except RedisAway as error:
            raise away() from error


def _token(family: str) -> str:
    return f"rt_{family}_{secrets.token_hex(32)}"


def _family(token: str) -> str:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise invalid()
    return match[1]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
