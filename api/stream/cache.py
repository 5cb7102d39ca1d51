"""Snapshots that several clients share, as parts of messages.

A snapshot that is a moment old is as good as a new one: who gets it gets what changed since from the ring.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import msgspec

from api.stream import snapshots
from api.stream.client import Payload
from api.stream.messages import Because
from api.stream.snapshots import Filter
from api.stream.source import Source
from api.stream.views import Channel

_FRESH_S = 1.0
_PART_ROWS = 500
_AT_ONCE_MAX = 3
_encode = msgspec.json.Encoder().encode


class Taken(NamedTuple):
    """A channel after batch `seq`: the rows as JSON, in parts of a message's size."""

    channel: Channel
    seq: int
    truncated: bool
    parts: list[bytes]

    def payloads(self, because: Because) -> list[Payload]:
        head = b'{"type":"snapshot","channel":"%s","seq":%d,"because":"%s","more":%s,"truncated":%s,"data":[%s]}'
        truncated = b"true" if self.truncated else b"false"
        last = len(self.parts) - 1
        return [
            Payload(
                "snapshot",
                head
                % (
                    *(self.channel.encode(), self.seq, because.encode()),
                    *(b"false" if place == last else b"true", truncated, part),
                ),
            )
            for place, part in enumerate(self.parts)
        ]


class Snapshots:
    """Takes snapshots, few at once."""

    def __init__(self, source: Source, traded: tuple[str, ...]) -> None:
        self._source, self._traded = source, traded
        self._known: dict[tuple[Channel, Filter], tuple[float, asyncio.Task[Taken]]] = {}
        self._free = asyncio.Semaphore(_AT_ONCE_MAX)

    async def take(self, channel: Channel, filter_: Filter) -> Taken:
        """Raises one of source.AWAY.

        What an account is worth is told now and then, and not in the ring for all that happened: that is always new.
        """
        if channel == "portfolio":
            return await self._take(channel, filter_)
        now = time.monotonic()
        self._known = {
            key: entry for key, entry in self._known.items() if not entry[1].done() or now - entry[0] < _FRESH_S
        }
        found = self._known.get((channel, filter_))
        if found is None or (found[1].done() and (found[1].cancelled() or found[1].exception())):
            found = (now, asyncio.create_task(self._take(channel, filter_)))
            self._known[channel, filter_] = found
        return await asyncio.shield(found[1])

    async def _take(self, channel: Channel, filter_: Filter) -> Taken:
        async with self._free, self._source.read() as read:
            seq = (await read.head()).feed
            stand = await snapshots.take(read, channel, filter_, self._traded)
        rows = [_encode(row) for row in stand.rows]
        parts = [b",".join(rows[begin : begin + _PART_ROWS]) for begin in range(0, len(rows) or 1, _PART_ROWS)]
        return Taken(channel, seq, stand.truncated, parts)

    def forget(self) -> None:
        """What was taken belongs to another feed."""
        self._known.clear()
