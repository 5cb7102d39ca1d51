"""When snapshots are written: beside an agent's work, a chunk between two batches, and once more when it stops.

A round that fails is abandoned with a warning, and tried again later; the agent goes on. Until it succeeds the last
epoch holds, and a start has more to read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping

from domain.errors import UnavailableError
from runtime import metrics
from runtime.settings import Settings
from streams.snapshots.checkpoint import Checkpoint
from streams.snapshots.topic import Outlet
from streams.tape import Position

log = logging.getLogger(__name__)
_LOOK_S = 0.2
_PATIENCE_S = 5.0
_STOP_S = 2.5
_STOP_STATES_MAX = 2_000

Sound = Callable[[], Mapping[int, Checkpoint]]


class Keeper:
    """The snapshots of one agent's partitions.

    lock: whoever has it may read the deciders. sound: the checkpoints of the partitions that are ours now and hold
    nothing but what is on the chain; asked under the lock. position: the end of such a partition.
    """

    def __init__(
        self, settings: Settings, topic: str, lock: asyncio.Lock, sound: Sound, position: Callable[[int], Position]
    ) -> None:
        self.topic = topic
        self._every = settings.snapshot_every_records
        self._outlet = Outlet(settings, topic)
        self._lock = lock
        self._sound = sound
        self._position = position
        self._told: set[int] = set()

    async def run(self) -> None:
        """Write a snapshot of each partition whose last one is old. When cancelled, one more of each, if it is short.

        That takes 2.5 s at most, and is no more than a saving: the next start reads less of the tape.
        """
        if not self._every:
            return
        try:
            while True:
                await asyncio.sleep(_LOOK_S)
                await self._rounds(self._every)
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rounds(1, _STOP_STATES_MAX), _STOP_S)
            raise

    async def write(self) -> None:
        """A snapshot of every partition that has anything new, now."""
        await self._rounds(1)

    async def _rounds(self, age_min: int, states_max: int | None = None) -> None:
        async with self._lock:
            sound = dict(self._sound())
            ages = {partition: self._age(partition, checkpoint) for partition, checkpoint in sound.items()}
        self._tell(ages)
        for partition, checkpoint in sound.items():
            if ages[partition] < age_min or (states_max is not None and checkpoint.changed > states_max):
                continue
            try:
                await self._round(partition, checkpoint)
            except UnavailableError as error:
                log.warning("%s/%s: a snapshot was abandoned: %s", self.topic, partition, error)
                await asyncio.sleep(_PATIENCE_S)

    async def _round(self, partition: int, checkpoint: Checkpoint) -> None:
        started = time.monotonic()
        async with self._lock:
            if self._sound().get(partition) is not checkpoint:
                return
            position = self._position(partition)
            checkpoint.begin(position)
        try:
            finished = await self._write(partition, checkpoint)
        except BaseException:
            self._abandon(checkpoint)
            raise
        if not finished:
            self._abandon(checkpoint)
            return
        checkpoint.commit()
        seconds = time.monotonic() - started
        metrics.snapshot_duration_seconds.labels(self.topic).observe(seconds)
        metrics.snapshot_states_written_total.labels(self.topic).inc(checkpoint.written)
        log.info(
            "%s/%s: %s states as of tape offset %s written in %.2f s",
            self.topic,
            partition,
            checkpoint.written,
            position.next_offset,
            seconds,
        )

    async def _write(self, partition: int, checkpoint: Checkpoint) -> bool:
        """Whether the partition was ours and sound until the epoch was sent; then all is acknowledged."""
        while not checkpoint.drained:
            async with self._lock:
                if self._sound().get(partition) is not checkpoint:
                    return False
                self._outlet.put(partition, checkpoint.chunk())
            await self._outlet.room()
        await self._outlet.flush()
        async with self._lock:
            if self._sound().get(partition) is not checkpoint:
                return False
            self._outlet.put(partition, [checkpoint.epoch()])
        await self._outlet.flush()
        return True

    def _tell(self, ages: Mapping[int, int]) -> None:
        for partition in self._told - ages.keys():
            metrics.snapshot_age_records.remove(self.topic, str(partition))
        for partition, age in ages.items():
            metrics.snapshot_age_records.labels(self.topic, str(partition)).set(age)
        self._told = set(ages)

    def _abandon(self, checkpoint: Checkpoint) -> None:
        checkpoint.abandon()
        metrics.snapshot_rounds_abandoned_total.labels(self.topic).inc()

    def _age(self, partition: int, checkpoint: Checkpoint) -> int:
        return self._position(partition).next_offset - checkpoint.epoch_offset
