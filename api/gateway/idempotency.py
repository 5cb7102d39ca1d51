"""Stored responses in Redis (`order:idem:{key}`): a repeat is answered at once.

Only a cache: the ledger itself decides what a repeat is (design promise 5), so nothing here is needed for safety, and a
lost Redis changes nothing but the header.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from runtime.patient_redis import TIMEOUT_S, PatientRedis, RedisAway
from runtime.settings import Settings

_RUNNING_MS_MORE = 5_000  # than the wait for Kafka, in which a request surely ends
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known under a key. response: None while the outcome of the first request is unknown.

    protection_price: the price that was derived for the first request; a retry must name the same one.
    """

    fingerprint: str
    protection_price: str | None = None
    response: dict[str, Any] | None = None
    location: str | None = None


def fingerprint(operation: str, content: Any) -> str:
    """SHA-256 over the operation and the content of a request, as hex; order of names does not matter."""
    return hashlib.sha256(msgspec.json.encode([operation, content], order="deterministic")).hexdigest()


class ResponseCache:
    """Get and set entries for `idempotency_ttl_s`; without Redis, find nothing and keep nothing."""

    def __init__(self, settings: Settings) -> None:
        self._redis = PatientRedis(settings, "stored responses")
        self._ttl_s = settings.idempotency_ttl_s
        self._running_ms_max = settings.api_kafka_timeout_ms + _RUNNING_MS_MORE

    async def find(self, keys: Sequence[str]) -> dict[str, Entry]:
        """The entries found, by key."""
        raws = await self._ask("mget", [_name(key) for key in keys]) if keys else None
        entries = {key: _read(raw) for key, raw in zip(keys, raws or (), strict=False)}
        return {key: entry for key, entry in entries.items() if entry is not None}

    async def reserve(self, key: str, entry: Entry) -> Entry:
        """Keep `entry` unless there is one; gives the one that stands."""
        raw = await self._ask("set", _name(key), msgspec.json.encode(entry), ex=self._ttl_s, nx=True, get=True)
        return _read(raw) or entry

    async def reserve_all(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """`reserve` of many in one round trip."""
        asked = [
            ("set", (_name(key), msgspec.json.encode(entry)), {"ex": self._ttl_s, "nx": True, "get": True})
            for key, entry in entries.items()
        ]
        raws = await self._pipe(asked) or [None] * len(entries)
        return {key: _read(raw) or entry for (key, entry), raw in zip(entries.items(), raws, strict=True)}

    async def keep(self, keys: Sequence[str], entry: Entry) -> None:
        await self.keep_all(dict.fromkeys(keys, entry))

    async def keep_all(self, entries: Mapping[str, Entry]) -> None:
        """In one round trip."""
        await self._pipe(
            [("set", (_name(key), msgspec.json.encode(entry)), {"ex": self._ttl_s}) for key, entry in entries.items()]
        )

    @asynccontextmanager
    async def running(self, key: str | None) -> AsyncIterator[bool]:
        """Around a request with this Idempotency-Key. False: another one with it is under way.

        Without a key, or without Redis, always True: the ledger takes each command once anyhow. A process that dies
        gives the key free after a while.
        """
        if key is None:
            yield True
            return
        name, token = f"{_name(key)}:running", uuid.uuid4().hex
        other = await self._ask("set", name, token, px=self._running_ms_max, nx=True, get=True)
        try:
            yield other is None
        finally:
            if other is None:
                await self._ask("eval", _RELEASE, 1, name, token)

    async def length(self, stream: str) -> int | None:
        """How many entries a stream has; None without Redis."""
        found = await self._ask("xlen", stream)
        return None if found is None else int(found)

    async def probe(self) -> None:
        """Raises RedisError or TimeoutError when Redis does not answer."""
        async with asyncio.timeout(TIMEOUT_S):
            await self._redis.client.get(_name("probe"))

    async def close(self) -> None:
        await self._redis.close()

    async def _ask(self, command: str, *arguments: Any, **options: Any) -> Any:
        return await self._try(lambda: getattr(self._redis.client, command)(*arguments, **options))

    async def _pipe(self, asked: Sequence[tuple[str, tuple[Any, ...], dict[str, Any]]]) -> list[Any] | None:
        if not asked:
            return []
        pipeline = self._redis.client.pipeline(transaction=False)
        for command, arguments, options in asked:
            getattr(pipeline, command)(*arguments, **options)
        answers: list[Any] | None = await self._try(pipeline.execute)
        return answers

    async def _try(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """The answer; None when Redis has none."""
        try:
            return await self._redis.ask(ask)
        except RedisAway:
            return None


def _read(raw: str | None) -> Entry | None:
    """What stands in Redis, None for what is not ours: it may hold anything."""
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Entry)
    except msgspec.DecodeError:
        return None


def _name(key: str) -> str:
    return f"order:idem:{key}"
