"""One worker at a time, by a lease in Redis. Nothing depends on it but the number of questions that the venue gets.

Two workers that compare at once find the same breaks under the same ids, and the ledger takes each once; so a lease
that is lost, or held by two while Redis changes over, does no harm.
"""

from __future__ import annotations

import secrets
from typing import Any, cast

import redis.asyncio

LEASE = "execution:reconciler"

_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    """Held under a random token. Every method raises redis' own errors."""

    def __init__(self, client: redis.asyncio.Redis, ttl_ms: int) -> None:
        self._client = client
        self._ttl_ms = ttl_ms
        self._token = secrets.token_hex(16)

    async def hold(self) -> bool:
        """Take the lease if nobody has it, or prolong it; whether it is ours."""
        return bool(await self._run(_HOLD, self._token, self._ttl_ms))

    async def leave(self) -> None:
        """Give it to whoever wants it next; nothing when it is not ours."""
        await self._run(_LEAVE, self._token)

    async def _run(self, script: str, *arguments: Any) -> Any:
        return await cast(Any, self._client).execute_command("EVAL", script, 1, LEASE, *arguments)
