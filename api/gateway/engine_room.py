"""Whether the execution engine has room for another order: the length of its Redis stream, looked at once a second.

At its bound orders would wait in the ledger. Cancels are taken all the same: they make room. Without Redis nothing is
known, and no order is refused.
"""

from __future__ import annotations

import time

from api.gateway.idempotency import ResponseCache
from api.problems import unavailable
from runtime.settings import Settings

_EVERY_S = 1.0
_RETRY_AFTER_S = 5


class EngineRoom:
    """Not thread-safe: for the event loop."""

    def __init__(self, settings: Settings, cache: ResponseCache) -> None:
        self._stream = settings.execution_stream
        self._length_max = settings.execution_stream_length_max
        self._cache = cache
        self._length: int | None = None
        self._look_at = 0.0

    async def admit(self, orders: int = 1) -> None:
        """Raises ProblemError 503 when the engine has no room for so many more orders."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _EVERY_S
            self._length = await self._cache.length(self._stream)
        if self._length is not None and self._length + orders > self._length_max:
            raise unavailable(
                "ENGINE_BEHIND",
                f"the engine has {self._length} orders queued or working and may have {self._length_max}, "
                f"{orders} more were asked for; nothing was sent",
                retry_after_s=_RETRY_AFTER_S,
            )
