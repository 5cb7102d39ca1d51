"""The engine's side of the Redis stream `execution.orders`.

One consumer group for all workers. An entry stays pending until its order is done; its worker touches it so that it
never looks idle; an entry idle for longer than `claim_idle_ms` belongs to a dead worker. Redis may be wiped at any
time: the group, and the key `execution:generation` by which others notice, are then made again. Nothing here is the
truth.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.client import NEVER_DECODE
from redis.exceptions import ResponseError

from domain.dispatch import Dispatch
from domain.errors import InvalidValue, UnreadableInput
from runtime.clients import redis_async
from runtime.settings import Settings

log = logging.getLogger(__name__)
GENERATION = "execution:generation"
_CHUNK = 500
_CLAIM_ROUNDS_MAX = 50
_decoder = msgspec.json.Decoder(Dispatch)

# A consumer without pending entries that has not read for so long is dead. In one script, because a worker that wakes
# up between the look and the deletion would lose what it has just been given.
_FORGET = """
local gone = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local c = {}
  for i = 1, #consumer, 2 do c[consumer[i]] = consumer[i + 1] end
  if c.pending == 0 and c.idle > tonumber(ARGV[2]) and c.name ~= ARGV[3] then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], c.name)
    gone = gone + 1
  end
end
return gone
"""


class Entry(NamedTuple):
    """One entry of the stream, as it came."""

    id: str
    fields: dict[bytes, bytes]

    @property
    def added_at_ms(self) -> int:
        """Redis's wall clock when the entry was added."""
        return int(self.id.split("-", 1)[0])

    def dispatch(self) -> Dispatch:
        """What the ledger handed over. Raises UnreadableInput when it is no dispatch."""
        raw = self.fields.get(b"dispatch")
        if raw is None:
            raise UnreadableInput("no field `dispatch`; expected an order as JSON")
        return read_dispatch(raw)

    def traceparent(self) -> str | None:
        return self.fields.get(b"traceparent", b"").decode(errors="replace") or None


class Touched(NamedTuple):
    """missing: entries that are pending no longer. wiped: the generation is another than the one we knew."""

    missing: set[str]
    wiped: bool


def read_dispatch(raw: bytes | str) -> Dispatch:
    """The dispatch in its JSON. Raises UnreadableInput when it is none."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, InvalidValue, UnicodeDecodeError, ArithmeticError) as error:
        raise UnreadableInput(f"no dispatch: {error}") from error


def is_wiped(error: Exception) -> bool:
    """Whether the stream or its group is gone. A pipeline puts words of its own before Redis'."""
    return isinstance(error, ResponseError) and any(sign in str(error) for sign in ("NOGROUP", "no such key"))


class OrderQueue:
    """Entries in, entries out. Every method raises redis' own errors; the caller tries again."""

    def __init__(self, settings: Settings, worker_id: str) -> None:
        self.redis: redis.asyncio.Redis = redis_async(settings)
        self.redis.set_retry(Retry(NoBackoff(), 0))
        self._stream = settings.execution_stream
        self._group = settings.execution_group
        self._worker_id = worker_id
        self._claim_idle_ms = settings.claim_idle_ms
        self._generation: str | None = None

    async def open(self) -> None:
        """Make sure that the stream, the group and the generation are there. The group reads from the beginning."""
        try:
            await self._call("XGROUP", "CREATE", self._stream, self._group, "0", "MKSTREAM")
            log.info("made the group %s on %s", self._group, self._stream)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        await self.redis.set(GENERATION, secrets.token_hex(16), nx=True)
        if self._generation is None:
            self._generation = cast(str | None, await self.redis.get(GENERATION))

    async def read(self, count: int, block_ms: int) -> list[Entry]:
        """New entries, at most `count`; waits `block_ms` for the first."""
        streams = await self._call(
            "XREADGROUP", "GROUP", self._group, self._worker_id, "COUNT", count, "BLOCK", block_ms,
            "STREAMS", self._stream, ">",
        )  # fmt: skip
        return [entry for _, entries in streams or () for entry in _entries(entries)]

    async def touch(self, entry_ids: Sequence[str]) -> Touched:
        """Say that this worker still works on its entries."""
        missing = set(entry_ids)
        generation: str | None = self._generation
        for start in range(0, max(len(entry_ids), 1), _CHUNK):
            chunk = list(entry_ids[start : start + _CHUNK])
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.get(GENERATION)
                if chunk:
                    pipe.xclaim(self._stream, self._group, self._worker_id, 0, cast(Any, chunk), justid=True)
                generation, *claimed = await pipe.execute()
            if generation != self._generation:
                break
            missing.difference_update(*claimed)
        if generation == self._generation:
            return Touched(missing, wiped=False)
        self._generation = generation
        return Touched(set(), wiped=True)

    async def claim(self) -> list[Entry]:
        """Take over the entries of dead workers."""
        claimed: list[Entry] = []
        cursor = "0-0"
        for _ in range(_CLAIM_ROUNDS_MAX):
            reply = await self._call(
                "XAUTOCLAIM", self._stream, self._group, self._worker_id, self._claim_idle_ms, cursor, "COUNT", _CHUNK
            )
            claimed += _entries(reply[1])
            cursor = reply[0].decode()
            if cursor == "0-0":
                break
        return claimed

    async def hand_on(self, entry_ids: Sequence[str], worker_id: str) -> None:
        """These pending entries are another worker's from now on."""
        for start in range(0, len(entry_ids), _CHUNK):
            chunk = list(entry_ids[start : start + _CHUNK])
            await self.redis.xclaim(self._stream, self._group, worker_id, 0, cast(Any, chunk), justid=True)

    async def release(self, entry_ids: Sequence[str]) -> None:
        """These entries are done with, whoever held them."""
        for start in range(0, len(entry_ids), _CHUNK):
            chunk = entry_ids[start : start + _CHUNK]
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.xack(self._stream, self._group, *chunk)
                pipe.xdel(self._stream, *chunk)
                await pipe.execute()

    async def forget_dead_consumers(self) -> None:
        """Remove the names of workers that are gone and hold nothing."""
        await self._call("EVAL", _FORGET, 1, self._stream, self._group, 20 * self._claim_idle_ms, self._worker_id)

    async def close(self) -> None:
        await self.redis.aclose()

    async def _call(self, *command: Any) -> Any:
        """Bytes come back as bytes: what somebody put into the stream need not be text."""
        return await cast(Any, self.redis).execute_command(*command, **{NEVER_DECODE: []})


def _entries(raw: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    return [Entry(id_.decode(), fields or {}) for id_, fields in raw]
