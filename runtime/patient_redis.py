"""Redis as HTTP services ask it: each question bounded in time, and none for a while after one had no answer. Then one
question tries again while the others go on doing without, so that its absence costs no request more than once.
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
    """client: to make questions with; see `redis_async` for text.

    purpose: what is done without while it is away, for the log. timeout_s: of one question; None: TIMEOUT_S.
    """

    def __init__(self, settings: Settings, purpose: str, timeout_s: float | None = None, text: bool = True) -> None:
        self.client = redis_async(settings, text)
        self._purpose = purpose
        self._timeout_s = timeout_s
        self._silent_until: float | None = None

    async def ask(self, question: Callable[[], Awaitable[Any]]) -> Any:
        """The answer. Raises RedisAway."""
        if self._silent_until is not None:
            if time.monotonic() < self._silent_until:
                raise RedisAway
            self._pause()  # for the others, until this one has an answer
        try:
            async with asyncio.timeout(TIMEOUT_S if self._timeout_s is None else self._timeout_s):
                answer = await question()
        except (RedisError, OSError, TimeoutError) as error:
            self._pause()
            _log.warning("no Redis for %s: %s", self._purpose, str(error) or type(error).__name__)
            raise RedisAway from error
        self._silent_until = None
        return answer

    def _pause(self) -> None:
        self._silent_until = time.monotonic() + _PAUSE_S

    async def close(self) -> None:
        await self.client.aclose()
