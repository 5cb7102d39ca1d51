"""Users and their keys, as the tables have them: whole in memory, so that no request waits for the database to know who
calls.

A task looks once a second whether there is a newer record, and then reads all. With the database away, what was last
read stands. What this process has revoked itself is dead here at once.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from api.problems import ProblemError, unavailable
from domain.access import ROLES, ROOT_USER, SCOPES
from runtime.clock import now_us
from runtime.settings import Settings
from streams.access.keys import digest, key_id_of

_ROOT_FORM = "key_root"
_EVERY_S = 1.0
_log = logging.getLogger(__name__)
_NEWEST = """
select partition, max(record_offset) as record_offset from (
    select partition, record_offset from access_users union all select partition, record_offset from access_keys
) as places group by partition order by partition
"""
_USERS = "select user_id, role, accounts from access_users where removed_at is null"
_KEYS = """
select user_id, key_id, sha256, scopes, label, limit_per_minute, created_by, us_of_time(created_at) as created_at_us,
    us_of_time(expires_at) as expires_at_us
from access_keys where revoked_at is null
"""


class Reads(Protocol):
    """A snapshot of the read side (api.query.database)."""

    async def all(self, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]: ...

    async def one(self, statement: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None: ...


class Database(Protocol):
    def snapshot(self) -> AbstractAsyncContextManager[Reads]: ...


class User(msgspec.Struct, frozen=True):
    user_id: str
    role: str
    accounts: frozenset[str]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was not revoked. scopes: as it was made; what they are worth, the user's role says as well."""

    user_id: str
    key_id: str
    sha256: str
    scopes: frozenset[str]
    label: str = ""
    limit_per_minute: int | None = None
    created_by: str = ""
    created_at_us: int = 0
    expires_at_us: int | None = None


class Directory:
    """Knows users and keys. The root key, if there is one, belongs to the user `root`, who is in no table."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        root = settings.api_root_key.get_secret_value()
        self._root = _root(digest(root)) if root else None
        self._users: dict[str, User] = {}
        self._keys: dict[str, Key] = {}
        self._newest: list[tuple[int, int]] | None = None
        self._dead: set[str] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def key_of(self, text: str) -> Key | None:
        """The key with this text, if it stands. Unknown and wrong ones take the same way.

        Raises ProblemError 503 while nothing was read yet and the key may be a good one.
        """
        sha256 = digest(text)
        if self._root is not None and hmac.compare_digest(sha256, self._root[1].sha256):
            return self._root[1]
        key_id = key_id_of(text)
        if key_id is None or key_id == _ROOT_FORM:
            return None
        self._check_read()
        key = self._keys.get(key_id)
        same = hmac.compare_digest(sha256, "0" * 64 if key is None else key.sha256)
        return key if same and key is not None and self._stands(key) else None

    def standing(self, user_id: str, key_id: str) -> tuple[User, Key] | None:
        """A user and one of their keys, if both stand now. Raises ProblemError 503 while nothing was read yet."""
        if self._root is not None and (user_id, key_id) == (ROOT_USER, self._root[1].key_id):
            return self._root
        self._check_read()
        user, key = self._users.get(user_id), self._keys.get(key_id)
        if user is None or key is None or key.user_id != user_id or not self._stands(key):
            return None
        return user, key

    def user(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def users(self) -> list[User]:
        return sorted(self._users.values(), key=lambda user: user.user_id)

    def standing_keys(self) -> list[Key]:
        """All that stand, the oldest first."""
        return sorted((key for key in self._keys.values() if self._stands(key)), key=lambda key: key.created_at_us)

    def has_key(self, key_id: str) -> bool:
        """Whether the tables have it, and not revoked."""
        return key_id in self._keys

    def revoke(self, key_id: str) -> None:
        """Dead in this process from now on; the record of it is on its way."""
        self._dead.add(key_id)

    async def wait_for(self, condition: Any, timeout_s: float) -> bool:
        """Until a condition on this directory holds; False when it does not within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def refresh(self) -> None:
        """Read what is new. Raises ProblemError 503 where the database does not answer."""
        async with self._database.snapshot() as snapshot:
            newest = [(row["partition"], row["record_offset"]) for row in await snapshot.all(_NEWEST, {})]
            if newest == self._newest:
                return
            users, keys = await snapshot.all(_USERS, {}), await snapshot.all(_KEYS, {})
        self._users = {
            row["user_id"]: User(row["user_id"], row["role"], frozenset(row["accounts"]))
            for row in users
            if row["role"] in ROLES
        }
        self._keys = {row["key_id"]: Key(**{**row, "scopes": frozenset(row["scopes"])}) for row in keys}
        self._dead &= self._keys.keys()
        self._newest = newest
        self._changed.set()

    def _stands(self, key: Key) -> bool:
        if key.key_id in self._dead or key.user_id not in self._users:
            return False
        return key.expires_at_us is None or now_us() < key.expires_at_us

    def _check_read(self) -> None:
        if self._newest is None:
            raise unavailable("USERS_UNKNOWN", "users and keys have not been read from the database yet; try again")

    async def _follow(self) -> None:
        while True:
            try:
                await self.refresh()
            except ProblemError as problem:
                _log.debug("users and keys stay as they were: %s", problem.detail)
            await asyncio.sleep(_EVERY_S)


def _root(sha256: str) -> tuple[User, Key]:
    """Its id comes from its hash: another root key is another key, and the former one's tokens end with it."""
    key = Key(
        user_id=ROOT_USER,
        key_id=f"key_{sha256[:16]}",
        sha256=sha256,
        scopes=frozenset(SCOPES),
        label="API_ROOT_KEY",
        limit_per_minute=0,
    )
    return User(ROOT_USER, "admin", frozenset()), key
