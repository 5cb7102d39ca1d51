"""Redis as the API asks it: each question bounded in time, and none for a while after one had no answer, so that its
absence costs no request more than once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError

from runtime.clients import redis_async
from runtime.settings import Settings

TIMEOUT_S = 0.5
_PAUSE_S = 2.0
_log = logging.getLogger(__name__)


class RedisAway(Exception):
    """Redis does not answer."""


class PatientRedis:
    """client: to make questions with. purpose: what is done without while it is away, for the log."""

    def __init__(self, settings: Settings, purpose: str) -> None:
        self.client = redis_async(settings)
        self._purpose = purpose
        self._silent_until = 0.0

    async def ask(self, question: Callable[[], Awaitable[Any]]) -> Any:
        """The answer. Raises RedisAway."""
        if time.monotonic() < self._silent_until:
            raise RedisAway
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await question()
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + _PAUSE_S
            _log.warning("no Redis for %s: %s", self._purpose, error)
            raise RedisAway from error

    async def close(self) -> None:
        await self.client.aclose()
