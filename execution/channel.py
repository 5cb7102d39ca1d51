"""What workers tell each other, over a Redis pub/sub channel; any message may be lost.

All: of a CANCEL for an order that the teller does not hold. He says it again, and in the end asks the ledger for a
fresh dispatch, under whose epoch nobody works the order (execution.epochs).
One: of an entry that is his now, for he has the order's symbol (execution.symbols). If it is lost the entry is idle,
and is claimed.
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
Heard = Callable[[Entry, str], Awaitable[None]]
"""Called with an entry, and the worker that it is for; empty: all."""
_BACKOFF_S = 0.5
_LISTEN_S = 1.0


class _Message(msgspec.Struct, frozen=True):
    entry_id: str
    dispatch: str
    traceparent: str
    to: str = ""


_decoder = msgspec.json.Decoder(_Message)


class Channel:
    """Named after the topic prefix, because channels are shared by all databases of a Redis server."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis) -> None:
        self._redis = client
        self._name = f"{settings.topic_prefix}execution.workers"

    async def publish(self, entry: Entry, to: str = "") -> None:
        """Tell every worker, or the one named. Raises redis' own errors."""
        message = _Message(entry.id, entry.fields[b"dispatch"].decode(), entry.traceparent() or "", to)
        await self._redis.publish(self._name, msgspec.json.encode(message))

    async def listen(self, heard: Heard) -> None:
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
                log.warning("the channel of workers is lost, subscribing again: %s", error)
                await asyncio.sleep(_BACKOFF_S)

    async def _hear(self, data: str | bytes, heard: Heard) -> None:
        try:
            message = _decoder.decode(data)
        except msgspec.DecodeError as error:
            log.error("a message on %s cannot be read: %s", self._name, error)
            return
        fields = {b"dispatch": message.dispatch.encode(), b"traceparent": message.traceparent.encode()}
        await heard(Entry(message.entry_id, fields), message.to)
