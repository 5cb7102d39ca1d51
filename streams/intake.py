"""Batches of whatever has come, while more comes.

Faust's own `take` gives a batch when a timer runs out and takes nothing in while the batch is worked on, so its 0.1 ms
of work a record and the wait for Kafka's acknowledgement come one after the other. Here they overlap, and a record that
comes alone is worked on at once. Records are acknowledged to Faust only when their batch is done (design promise 3).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from streams.faust_app import record_of
from streams.tape import TapeRecord

Process = Callable[[list[TapeRecord]], Awaitable[None]]


class Intake:
    """Between a Faust stream and `process`, which is called with at most `batch_max` records and never twice at a time.

    At most four batches wait; then the stream does.
    """

    def __init__(self, batch_max: int, process: Process) -> None:
        self._batch_max = batch_max
        self._process = process
        self._waiting: deque[Any] = deque()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def follow(self, stream: Any) -> None:
        """Take in a stream's events until it ends."""
        stream.enable_acks = False  # as Faust's own take does it
        async for event in stream.events():
            self._waiting.append(event)
            self._some.set()
            if len(self._waiting) >= 4 * self._batch_max:
                self._room.clear()
                await self._room.wait()

    async def run(self) -> None:
        """Hand over batches until cancelled. Raises what `process` raises; then nothing more is acknowledged."""
        while True:
            await self._some.wait()
            count = min(self._batch_max, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            if not self._waiting:
                self._some.clear()
            self._room.set()
            await self._process([record_of(event.message) for event in batch])
            for event in batch:
                event.ack()
