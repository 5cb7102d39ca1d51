"""The strategy worker: a Faust agent over `trading.signals` that sends the rule's commands to `trading.commands`.

Where each partition goes on is read from the log at every assignment (see streams.strategy.manager); the offsets that
Faust commits are only for lag graphs.
"""

from __future__ import annotations

import asyncio
import logging

from faust.types import TP

from runtime import health as health_module
from runtime.settings import Settings
from streams.faust_app import make_app, new_event_loop, run_app
from streams.intake import Intake
from streams.strategy.manager import COMMANDS, SIGNALS, Manager
from streams.tape import TapeRecord
from streams.topics import wait_until_there

_BEAT_S = 1.0
_logger = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises what it could not go on from."""
    health = health_module.serve(settings, "strategy")
    wait_until_there(settings, (SIGNALS, COMMANDS))
    loop = new_event_loop()
    failed: asyncio.Future[None] = loop.create_future()
    manager = Manager(settings)
    lock = asyncio.Lock()
    topic = settings.topic(SIGNALS)

    def fail(error: Exception) -> None:
        _logger.critical("strategy cannot go on: %s", error, exc_info=error)
        if not failed.done():
            failed.set_exception(error)

    async def seek(assigned: set[TP]) -> dict[TP, int]:
        mine = {tp.partition: tp for tp in assigned if tp.topic == topic}
        try:
            async with lock:
                starts = await asyncio.to_thread(manager.assign, set(mine))
        except Exception as error:
            fail(error)
            raise
        health.ready(True)
        return {mine[partition]: offset for partition, offset in starts.items()}

    app = make_app(settings, "strategy", seek)

    async def process(records: list[TapeRecord]) -> None:
        async with lock:
            await asyncio.to_thread(manager.process, records)

    async def beat() -> None:
        while True:
            health.beat()
            await asyncio.sleep(_BEAT_S)

    intake = Intake(settings.batch_records_max, process)
    app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"), name="strategy")(intake.follow)
    run_app(app, failed, (intake.run(), beat()))
