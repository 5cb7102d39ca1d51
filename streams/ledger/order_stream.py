"""The ledger's side of the Redis stream `execution.orders`: entries in, up to a bound, and whether they still stand.

An engine deletes an entry when it is done with it. One that stands is therefore queued, or pending at a worker, or at a
dead worker from whom another claims it; one that is gone was done, or lost with Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import redis.asyncio

from runtime.clients import redis_async
from runtime.settings import Settings

# ARGV: the length at which the stream is full, then a dispatch and a traceparent for each entry. In one script, so that
# several ledgers together keep the bound. Gives the ids of the entries for which there was room: the first ones.
_ADD = """
local ids = {}
for i = 2, #ARGV, 2 do
  if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then break end
  ids[#ids + 1] = redis.call('XADD', KEYS[1], '*', 'dispatch', ARGV[i], 'traceparent', ARGV[i + 1])
end
return ids
"""
_GONE = """
local gone = {}
for _, id in ipairs(ARGV) do
  if #redis.call('XRANGE', KEYS[1], id, id) == 0 then gone[#gone + 1] = id end
end
return gone
"""


class Entry(NamedTuple):
    """What goes into one entry. dispatch: as JSON; traceparent: empty where there is none."""

    dispatch: str
    traceparent: str


class OrderStream:
    """Every method raises redis' own errors; the caller tries again."""

    def __init__(self, settings: Settings) -> None:
        self.redis: redis.asyncio.Redis = redis_async(settings)
        self._name = settings.execution_stream

    async def add(self, entries: Sequence[Entry], length_max: int) -> list[str]:
        """Add entries in order while the stream is shorter than `length_max`; gives the ids of those added."""
        parts = [part for entry in entries for part in entry]
        return cast(list[str], await self._eval(_ADD, [length_max, *parts]))

    async def gone(self, entry_ids: Sequence[str]) -> set[str]:
        """Those of these entries that do not stand any more."""
        return set(cast(list[str], await self._eval(_GONE, entry_ids)))

    async def close(self) -> None:
        await self.redis.aclose()

    async def _eval(self, script: str, arguments: Sequence[Any]) -> Any:
        return await cast(Any, self.redis).execute_command("EVAL", script, 1, self._name, *arguments)
