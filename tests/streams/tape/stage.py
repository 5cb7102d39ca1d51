"""Where simulated worlds are put: under the production modules, in place of what they know of Kafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

from runtime.settings import Settings
from streams.codec import rfc3339
from streams.tape import TapeRecord, chain, record_hash
from tests.streams.tape.simulation import Choose, Plan, SimulatedProducer, SimulatedWriter, World


class Stage:
    """Where worlds are put: the production modules see the world that was set last."""

    world: World

    def run(self, plan: Plan, chooser: Choose) -> World:
        kept, chain.KNOWN_MAX = chain.KNOWN_MAX, plan.memory
        try:
            self.world = World(plan, chooser)
            self.world.run()
        finally:
            chain.KNOWN_MAX = kept
            for worker in self.world.workers:
                worker.life.close()
        return self.world


@contextmanager
def simulated() -> Iterator[Stage]:
    """Put the simulated edges under the production agent and writer, and take them away again."""
    stage = Stage()

    def producer(settings: Settings, **_: Any) -> SimulatedProducer:
        return SimulatedProducer(stage.world)

    def now_us() -> int:
        assert stage.world.current is not None
        return stage.world.current.number

    def read_range(*args: Any, **named: Any) -> Iterator[TapeRecord]:
        return stage.world.read_range(*args, **named)

    def remembered_hash(seq: int, prev: bytes, key: Any, value: Any, headers: Any) -> bytes:
        """The production hash, computed once for each record of a world, for every reader asks again."""
        hashes = stage.world.hashes
        known = hashes.get(id(headers))
        if known is None:  # the list is kept, so that its id stays its own
            known = hashes[id(headers)] = (headers, record_hash(seq, prev, key, value, headers))
        return known[1]

    async def to_thread(*args: Any) -> Any:
        return await stage.world.to_thread(*args)

    def end_offsets(*args: Any) -> dict[int, int]:
        return stage.world.end_offsets(*args)

    def live_partitions(settings: Settings) -> dict[str, int]:
        """The topics of a world are those that were declared."""
        return {}

    def check_inputs(*_: Any) -> None:
        """Nobody deletes a world's inputs."""

    edges = SimpleNamespace(Lock=asyncio.Lock, to_thread=to_thread)
    loggers = [logging.getLogger(name) for name in ("streams.agent", "streams.deadletters", "streams.loading")]
    levels = [logger.level for logger in loggers]
    with (
        mock.patch.multiple(
            "streams.agent",
            asyncio=edges,
            kafka_producer=producer,
            end_offsets=end_offsets,
            read_range=read_range,
            live_partitions=live_partitions,
            check_inputs=check_inputs,
            now_us=now_us,
            TapeWriter=SimulatedWriter,
        ),
        mock.patch.multiple("streams.tape.writer", kafka_producer=producer),
        mock.patch.multiple("streams.tape.reader", read_range=read_range),
        mock.patch.multiple("streams.tape.chain", record_hash=remembered_hash),
        mock.patch.multiple("streams.codec", rfc3339=lru_cache(64)(rfc3339)),
    ):
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield stage
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
