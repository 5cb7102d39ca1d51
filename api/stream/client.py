"""One connection's side of the hub: a bounded queue of messages that are encoded once for all."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import cached_property

from api.stream.closing import SLOW_CONSUMER, Closing
from api.stream.snapshots import Filter
from api.stream.views import Channel

Shape = frozenset[tuple[Channel, Filter]]
"""What a client follows. Clients of one shape get the same bytes."""


class Payload:
    """A message. seq: the client has everything up to this batch when it has this message; None: it says nothing of it.

    kind: the message's type, which server-sent events name apart.
    """

    def __init__(self, kind: str, json: bytes, seq: int | None = None) -> None:
        self.kind, self.json, self.seq = kind, json, seq

    @cached_property
    def text(self) -> str:
        return self.json.decode()

    @cached_property
    def event(self) -> bytes:
        """As a server-sent event (WHATWG HTML, section 9.2): JSON has no line ends of its own here."""
        id_ = b"" if self.seq is None else b"id: %d\n" % self.seq
        return b"%sevent: %s\ndata: %s\n\n" % (id_, self.kind.encode(), self.json)


class Client:
    """bytes_max: what may wait for this client; with more it is too slow, and is dropped."""

    def __init__(self, bytes_max: int) -> None:
        self.shape: Shape = frozenset()
        self.closing: Closing | None = None
        self._bytes_max = bytes_max
        self._waiting: deque[tuple[Payload, int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()

    def push(self, payload: Payload, *, counts: bool = True) -> None:
        """Queue a message, or drop the client. counts: false for snapshots, which have limits of their own."""
        if self.closing is not None:
            return
        size = len(payload.json) if counts else 0
        if self._bytes + size > self._bytes_max:
            self.close(SLOW_CONSUMER)
            return
        self._bytes += size
        self._waiting.append((payload, size))
        self._changed.set()

    def close(self, why: Closing) -> None:
        """End the connection. What waits is not sent any more; the first reason holds."""
        if self.closing is None:
            self.closing = why
            self._waiting.clear()
            self._changed.set()

    async def take(self) -> list[tuple[Payload, int]]:
        """What waits, each with what `sent` is to be told; as soon as something does. Nothing once it is to end."""
        while not self._waiting and self.closing is None:
            self._changed.clear()
            await self._changed.wait()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def sent(self, size: int) -> None:
        """The network has taken a message."""
        self._bytes -= size

    async def ended(self) -> None:
        """Returns when the connection is to end."""
        while self.closing is None:
            self._changed.clear()
            await self._changed.wait()
