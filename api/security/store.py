"""Redis for sessions, refresh tokens and limits. It may be wiped or away at any time: then people sign in again, and
limits are counted in each process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Any

from redis.exceptions import RedisError

from api.problems import ProblemError, unavailable
from runtime.clients import redis_async
from runtime.settings import Settings

_TIMEOUT_S = 0.5
_PAUSE_S = 2.0  # how long Redis is left alone after it failed
_log = logging.getLogger(__name__)


class StoreAway(Exception):
    """Redis does not answer."""


class Store:
    """Commands and scripts, each bounded in time."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis_async(settings)
        self._silent_until = 0.0

    def script(self, text: str) -> Any:
        """A Lua script, to be run with `run`."""
        return self._redis.register_script(text)

    async def run(self, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        """Raises StoreAway."""
        return await self._ask(lambda: script(keys=keys, args=arguments))

    async def get(self, key: str, idle_s: int) -> str | None:
        """The text under a key, which lives so long from now. Raises StoreAway."""
        found: str | None = await self._ask(lambda: self._redis.getex(key, ex=idle_s))
        return found

    async def put(self, key: str, text: str, seconds: int) -> None:
        """Raises StoreAway."""
        await self._ask(lambda: self._redis.set(key, text, ex=seconds))

    async def put_fields(self, key: str, fields: dict[str, str], seconds: int) -> None:
        """Raises StoreAway."""

        async def both() -> None:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, items=[part for pair in fields.items() for part in pair])
                pipe.expire(key, seconds)
                await pipe.execute()

        await self._ask(both)

    async def delete(self, key: str) -> bool:
        """Whether it was there. Raises StoreAway."""
        return bool(await self._ask(lambda: self._redis.delete(key)))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, command: Any) -> Any:
        if time.monotonic() < self._silent_until:
            raise StoreAway
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                asked: Awaitable[Any] = command()
                return await asked
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + _PAUSE_S
            _log.warning("no Redis for sessions and limits: %s", error)
            raise StoreAway from error


def away() -> ProblemError:
    return unavailable("SESSIONS_UNAVAILABLE", "Redis, which holds sessions and refresh tokens, does not answer", 2)
