"""Who works a symbol: a lease per symbol in Redis, for venues that must see all orders of a symbol (decision 0032).

`execution:symbol:{symbol}` holds `token:worker` and expires; `execution:symbol_tokens` counts who has ever taken the
lease of a symbol, so no two takings look alike. A worker renews and gives back only what it took itself. It counts its
own time from before it asked, and stops a tenth early, so it lets go before Redis does.

A wipe takes the leases with it, and the holders do not know. So nobody gets a lease that he did not have until a whole
lease has passed since the wipe was noticed (`execution:symbols`, which is gone with the rest): by then every former
holder has taken his own again or has let go of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import redis.asyncio

LEASE = "execution:symbol:"
TOKENS = "execution:symbol_tokens"
KNOWN, SETTLING = "execution:symbols", "execution:symbols:settling"
_PART_HELD = 0.9

# KEYS: lease, tokens, known, settling. ARGV: symbol, worker, ms. Gives the holder's `token:worker`; empty: nobody may
# have it yet.
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder then
  if string.match(holder, ':(.*)$') ~= ARGV[2] then return holder end
else
  if redis.call('SET', KEYS[3], '1', 'NX') then redis.call('SET', KEYS[4], '1', 'PX', ARGV[3]) end
  if redis.call('EXISTS', KEYS[4]) == 1 then return '' end
end
local mine = redis.call('HINCRBY', KEYS[2], ARGV[1], 1) .. ':' .. ARGV[2]
redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
return mine
"""
# As _TAKE, but KEYS are leases and ARGV are ms and what each was. One that is gone and was never another's is taken
# again. Gives 1 for each that is still the worker's.
_RENEW = """
local kept = {}
for i, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  if not holder or holder == ARGV[i + 1] then
    redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1])
    kept[i] = 1
  else
    kept[i] = 0
  end
end
return kept
"""
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[i] then redis.call('DEL', key) end
end
"""


class _Lease(NamedTuple):
    """value: as it stands in Redis. until_s: on our clock."""

    value: str
    until_s: float


class SymbolLeases:
    """The leases of one worker. clock: monotonic seconds. Methods that await raise redis' own errors."""

    def __init__(
        self, client: redis.asyncio.Redis, worker_id: str, ttl_ms: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._worker_id = worker_id
        self._ttl_ms = ttl_ms
        self._clock = clock
        self._leases: dict[str, _Lease] = {}

    @property
    def ttl_s(self) -> float:
        return self._ttl_ms / 1_000

    @property
    def symbols(self) -> list[str]:
        """Those that were taken and not lost, as far as this worker knows."""
        return list(self._leases)

    def is_mine(self, symbol: str) -> bool:
        """Whether nobody else can have the lease at this moment."""
        lease = self._leases.get(symbol)
        return lease is not None and self._clock() < lease.until_s

    async def take(self, symbol: str) -> str | None:
        """Take the lease if nobody has it; the worker who has it then. None: nobody may have it yet."""
        until_s = self._until_s()
        keys = (LEASE + symbol, TOKENS, KNOWN, SETTLING)
        value = str(await self._run(_TAKE, keys, symbol, self._worker_id, self._ttl_ms))
        holder = value.partition(":")[2]
        if holder == self._worker_id:
            self._leases[symbol] = _Lease(value, until_s)
        return holder or None

    async def renew(self) -> None:
        """Prolong all leases; those that have lapsed, or are another's, are forgotten."""
        self._leases = {symbol: lease for symbol, lease in self._leases.items() if self.is_mine(symbol)}
        asked, until_s = dict(self._leases), self._until_s()
        if not asked:
            return
        keys = [LEASE + symbol for symbol in asked]
        kept = await self._run(_RENEW, keys, self._ttl_ms, *(lease.value for lease in asked.values()))
        for (symbol, lease), is_kept in zip(asked.items(), kept, strict=True):
            if self._leases.get(symbol) is not lease:
                continue  # given back meanwhile
            if is_kept and self._clock() < lease.until_s:
                self._leases[symbol] = lease._replace(until_s=until_s)
            else:
                del self._leases[symbol]

    async def give_back(self, symbols: Iterable[str]) -> None:
        """Let others have these leases at once. From now on they are not ours, whatever Redis does."""
        given = {symbol: lease for symbol in symbols if (lease := self._leases.pop(symbol, None)) is not None}
        if given:
            keys = [LEASE + symbol for symbol in given]
            await self._run(_GIVE_BACK, keys, *(lease.value for lease in given.values()))

    def _until_s(self) -> float:
        return self._clock() + _PART_HELD * self.ttl_s

    async def _run(self, script: str, keys: Iterable[str], *arguments: Any) -> Any:
        named = list(keys)
        return await cast(Any, self._client).execute_command("EVAL", script, len(named), *named, *arguments)
