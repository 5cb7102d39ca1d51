"""How a worker tells the others of a CANCEL for an order that it does not hold: a Redis pub/sub channel.

A message may be lost. The worker that got the entry therefore says it again, and in the end asks the ledger for a fresh
dispatch, under whose epoch nobody works the order (execution.epochs).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from execution.queue import Entry
from runtime.settings import Settings

log = logging.getLogger(__name__)
_BACKOFF_S = 0.5
_LISTEN_S = 1.0


class _Message(msgspec.Struct, frozen=True):
    entry_id: str
    dispatch: str
    traceparent: str


_decoder = msgspec.json.Decoder(_Message)


class CancelChannel:
    """Named after the topic prefix, because channels are shared by all databases of a Redis server."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis) -> None:
        self._redis = client
        self._name = f"{settings.topic_prefix}execution.cancels"

    async def publish(self, entry: Entry) -> None:
        """Tell every worker. Raises redis' own errors."""
        message = _Message(entry.id, entry.fields[b"dispatch"].decode(), entry.traceparent() or "")
        await self._redis.publish(self._name, msgspec.json.encode(message))

    async def listen(self, heard: Callable[[Entry], Awaitable[None]]) -> None:
        """Call `heard` with each message, for ever; subscribe again when the connection is lost."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._name)
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_S)
                        if message is not None:
                            await self._hear(message["data"], heard)
            except (RedisError, OSError) as error:
                log.warning("the channel of cancels is lost, subscribing again: %s", error)
                await asyncio.sleep(_BACKOFF_S)

    async def _hear(self, data: str | bytes, heard: Callable[[Entry], Awaitable[None]]) -> None:
        try:
            message = _decoder.decode(data)
        except msgspec.DecodeError as error:
            log.error("a message on %s cannot be read: %s", self._name, error)
            return
        fields = {b"dispatch": message.dispatch.encode(), b"traceparent": message.traceparent.encode()}
        await heard(Entry(message.entry_id, fields))
