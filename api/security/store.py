"""Redis for sessions, refresh tokens and limits. It may be wiped or away at any time: then people sign in again, and
limits are counted in each process.
"""

from __future__ import annotations

from typing import Any

from api.problems import ProblemError, unavailable
from runtime.patient_redis import PatientRedis
from runtime.settings import Settings


class Store:
    """Commands and scripts, each bounded in time."""

    def __init__(self, settings: Settings) -> None:
        self._redis = PatientRedis(settings, "sessions and limits")

    def script(self, text: str) -> Any:
        """A Lua script, to be run with `run`."""
        return self._redis.client.register_script(text)

    async def run(self, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        """Raises RedisAway."""
        return await self._redis.ask(lambda: script(keys=keys, args=arguments))

    async def get(self, key: str, idle_s: int | None) -> str | None:
        """The text under a key, which lives so long from now; None: as long as it would. Raises RedisAway."""
        found: str | None = await self._redis.ask(lambda: self._redis.client.getex(key, ex=idle_s))
        return found

    async def put(self, key: str, text: str, seconds: int) -> None:
        """Raises RedisAway."""
        await self._redis.ask(lambda: self._redis.client.set(key, text, ex=seconds))

    async def put_fields(self, key: str, fields: dict[str, str], seconds: int) -> None:
        """Raises RedisAway."""

        async def both() -> None:
            async with self._redis.client.pipeline(transaction=True) as pipe:
                pipe.hset(key, items=[part for pair in fields.items() for part in pair])
                pipe.expire(key, seconds)
                await pipe.execute()

        await self._redis.ask(both)

    async def delete(self, key: str) -> bool:
        """Whether it was there. Raises RedisAway."""
        return bool(await self._redis.ask(lambda: self._redis.client.delete(key)))

    async def close(self) -> None:
        await self._redis.close()


def away() -> ProblemError:
    return unavailable("SESSIONS_UNAVAILABLE", "Redis, which holds sessions and refresh tokens, does not answer", 2)
